"""``up``, ``refresh`` and ``destroy``: the plan, the question, the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ops import console
from ops.engine import render, workspace
from ops.engine.failures import MissingStackError
from ops.engine.previewing import plan, watched
from ops.engine.workspace import Operation
from ops.errors import OpsError, UsageError

_TITLES = {"up": "Bringing {stack} up", "refresh": "Refreshing {stack}", "destroy": "Removing {stack}"}


def apply(command: str, *, stack: str, overrides: Mapping[str, str], yes: bool, root: Path) -> int:
    """Runs one of the commands that change something; the exit code.

    Args:
        command: ``up``, ``refresh`` or ``destroy``.
        stack: with a file.
        overrides: configuration for this run only.
        yes: do not ask.
        root: the project.

    Raises:
        UsageError: nobody can be asked and ``--yes`` is missing.
        OpsError: a mandatory guardrail objects, or the run failed.
    """
    if not yes and not console.interactive():
        raise UsageError(f"`{command}` asks before it starts, and there is no terminal to ask on: add --yes")
    if command == "up" and not _there(stack, root, yes=yes):
        return 0
    if command == "up" and not _planned(stack, overrides, root, yes=yes):
        return 0
    with workspace.online(stack, overrides, root=root) as session:
        if command != "up" and not yes and not console.confirm(_question(command, stack)):
            return 0
        title = _TITLES[command].format(stack=stack)
        with watched(session, title):
            result = session.run(cast(Operation, command))
    out = console.stdout()
    for line in render.tree(result):
        out.print(line)
    out.print(f"\nResources: {render.counts_line(result, done=True)}", style="bold", markup=False)
    if command == "up":
        for line in render.outputs_lines(result.outputs):
            out.print(line, markup=False)
    return 0


def _there(stack: str, root: Path, *, yes: bool) -> bool:
    """Makes the stack in the backend if it is not there yet; whether to go on."""
    try:
        with workspace.online(stack, root=root):
            return True
    except MissingStackError as missing:
        question = f"The backend {missing.backend} has no stack '{stack}' yet. Make it?"
        if not yes and not console.confirm(question):
            return False
    workspace.make(stack, root=root)
    console.note(
        f"stack '{stack}' was made. Commit Pulumi.{stack}.yaml: it now holds the key of the stack's secrets."
    )
    return True


def _planned(stack: str, overrides: Mapping[str, str], root: Path, *, yes: bool) -> bool:
    """Shows the plan; whether to go on.

    Raises:
        OpsError: the plan failed or a mandatory guardrail objects.
    """
    from ops.engine.previewing import report
    from ops.stackfiles import effective_config

    outcome = plan(stack, overrides, offline=False, root=root)
    if outcome.error is not None:
        raise outcome.error
    region = effective_config(root, stack, overrides).get("aws:region", "")
    report(outcome, stack=stack, region=region, offline=False)
    if outcome.mandatory:
        raise OpsError("nothing was changed: a mandatory guardrail objects (see above)")
    if outcome.rehearsal.unchecked:
        raise OpsError("nothing was changed: the guardrails could not look at the plan (see above)")
    if outcome.result is not None and not outcome.result.changed():
        return True  # nothing to ask about; outputs can differ all the same, and only a run saves them
    return yes or console.confirm(f"Bring stack {stack} up with these changes?")


def _question(command: str, stack: str) -> str:
    if command == "destroy":
        return f"Remove every resource of stack {stack} from AWS?"
    return f"Read the real state of stack {stack} into its state?"
