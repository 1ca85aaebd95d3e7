"""Which commands there are and which module makes each; nothing is imported until one is run.

A command's module has ``add_arguments(parser)`` and ``run(args) -> int``. A module
that makes several commands may take the command's name as the second argument of
``add_arguments``; ``run`` finds it in ``args.command``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ops


@dataclass(frozen=True)
class Command:
    """One command of ``python -m ops``.

    Attributes:
        module: dotted name of the module that makes it.
        help: one line for the list of commands.
    """

    module: str
    help: str


COMMANDS: Mapping[str, Command] = {
    "preview": Command("ops.engine.commands", "show the plan of a stack, its checks and its monthly cost"),
    "up": Command("ops.engine.commands", "bring a stack up in AWS"),
    "refresh": Command("ops.engine.commands", "write what really runs in AWS into the stack's state"),
    "destroy": Command(
        "ops.engine.commands", "remove a stack from AWS; nothing goes if anything is protected"
    ),
    "deploy": Command("ops.deploy.cli", "put a site online"),
    "releases": Command("ops.deploy.cli", "list the releases of a site"),
    "rollback": Command("ops.deploy.cli", "go back to an earlier release"),
    "check": Command("ops.assess.cli", "assess the infrastructure of a site, read-only"),
    "adopt": Command("ops.assess.cli", "write what a stack needs to take over what already runs"),
    "keys": Command("ops.keys", "add, list, rotate and revoke API keys"),
    "artifact": Command("ops.artifact", "build the API's deployment package"),
    "cost": Command("ops.cost.cli", "estimate the monthly price of a stack"),
    "diagram": Command("ops.diagram", "draw the architecture of a stack"),
    "dev": Command("ops.local.cli", "run site and API on this machine"),
    "bench": Command("ops.bench.cli", "run the benchmarks"),
}


def available() -> dict[str, Command]:
    """The commands whose modules are installed, in the order of the list."""
    return {name: command for name, command in COMMANDS.items() if _exists(command.module)}


def _exists(module: str) -> bool:
    # Looked up as a file: importlib.util.find_spec would import the parent packages.
    base = Path(next(iter(ops.__path__))).joinpath(*module.split(".")[1:])
    return base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()
