"""``python -m ops.local.bringup``: the local stack brought up by the real engine, its resources as JSON.

A process of its own, so that a changed program is read anew and the edge goes on serving meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.local.architecture import Resource

SOURCES = ("__main__.py", "Pulumi.yaml", "requirements.txt", "components", "api_handler", "ops/engine")
"""What the program's plan depends on."""


@dataclass(frozen=True)
class Stack:
    """A stack that is up.

    Attributes:
        resources: of its state.
        config: its effective settings, ``orchestrator:<key>`` to text.
        changes: what this run changed: ``create aws:s3/bucket:Bucket site-bucket``.
        fingerprint: of the sources it came from.
    """

    resources: tuple[Resource, ...]
    config: Mapping[str, str]
    changes: tuple[str, ...]
    fingerprint: str


def fingerprint(root: Path, stack: str, overrides: Mapping[str, str]) -> str:
    """A digest of everything that decides the plan."""
    digest = hashlib.sha256(json.dumps([stack, sorted(overrides.items())]).encode())
    for path in sorted(_files(root, [*SOURCES, f"Pulumi.{stack}.yaml"])):
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(root: Path, names: Iterable[str]) -> Iterable[Path]:
    for name in names:
        path = root / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (p for p in path.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def load(file: Path) -> Stack | None:
    """What an earlier run wrote; None when there is none or it cannot be read."""
    try:
        document = json.loads(file.read_bytes())
        resources = tuple(Resource(**item) for item in document["resources"])
        return Stack(resources, document["config"], tuple(document["changes"]), document["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(file: Path, stack: Stack) -> None:
    """Writes it for ``load``; readable by this user only, for it holds the (made-up) secrets in plain."""
    document = {
        "resources": [vars(resource) for resource in stack.resources],
        "config": dict(stack.config),
        "changes": list(stack.changes),
        "fingerprint": stack.fingerprint,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(document), encoding="utf-8")
    temporary.replace(file)


def bring_up(root: Path, stack: str, overrides: Mapping[str, str], folder: Path) -> Stack:
    """Runs ``up`` on the local stack.

    Raises:
        OpsError: the program, its configuration or an input is wrong.
    """
    from ops.engine.local_stack import LocalStack
    from ops.stackfiles import effective_config

    mark = fingerprint(root, stack, overrides)
    config = effective_config(root, stack, overrides)
    local = LocalStack(root, stack, folder / "stack")
    result = local.up(overrides)
    changes = [f"{s.op} {s.type} {s.name}" for s in result.steps if s.op not in ("same", "read") and s.custom]
    resources = tuple(
        Resource(r.type, r.name, r.id, _plain(r.inputs), _plain(r.outputs)) for r in local.resources()
    )
    return Stack(resources, config, tuple(changes), mark)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not key.startswith("__")}


def summary(changes: Iterable[str]) -> str:
    """``12 to create, 1 to update``-like counts of what was done."""
    counts = Counter(change.split(" ", 1)[0] for change in changes)
    return ", ".join(f"{number} {_DONE.get(op, op)}" for op, number in sorted(counts.items())) or "no change"


_DONE = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


def main(arguments: list[str]) -> int:
    """Brings up and writes the file; a failure is one message on stderr."""
    root, stack, overrides, folder = arguments
    try:
        made = bring_up(Path(root), stack, json.loads(overrides), Path(folder))
    except OpsError as problem:
        print(problem.message, file=sys.stderr)
        return problem.exit_code
    save(Path(folder) / "stack.json", made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
