"""The whole stack brought up with the stand-in providers, in a state of its own.

``ops dev`` and the engine tests use it: what comes up is what the program says, with
made-up ids, through the real engine. Nothing of it exists anywhere.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi.runtime import rpc

from ops.engine.cli_binary import find_engine
from ops.engine.paths import ROOT
from ops.engine.result import RunResult
from ops.engine.workspace import Operation, Session, own_stack
from ops.errors import OpsError


@dataclass(frozen=True)
class StateResource:
    """One resource of the state.

    Attributes:
        type, name, urn, id: of the resource; ``id`` is "" for components.
        parent: URN of the parent, "" for a top-level resource.
        inputs, outputs: camelCase; secrets in plain, since the stand-in made them up.
        protect: the option of this name.
    """

    type: str
    name: str
    urn: str
    id: str
    parent: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False


class LocalStack:
    """A stack of the stand-in that lives in a folder.

    Args:
        root: the project.
        stack: a stack with a file.
        state_dir: where state, backend and project files are kept; made if it is missing.
    """

    def __init__(self, root: Path = ROOT, stack: str = "dev", state_dir: Path | None = None) -> None:
        self.root = root
        self.stack = stack
        self.state_dir = state_dir or root / ".local" / "stacks" / stack
        self.last: RunResult | None = None
        self.lookups: list[str] = []
        self._resources: list[StateResource] = []

    def preview(self, overrides: Mapping[str, str] | None = None, **options: Any) -> RunResult:
        """What ``up`` would do."""
        return self._run("preview", overrides, **options)

    def up(self, overrides: Mapping[str, str] | None = None, **options: Any) -> RunResult:
        """Brings the stack to what the program says.

        Args:
            overrides: configuration for this run only.
            **options: of ``pulumi.automation.Stack.up``.

        Returns:
            The steps and the outputs; secret outputs stand as ``[secret]``. ``resources()`` has the state.

        Raises:
            UsageError: the configuration is wrong.
            OpsError: the program or an input is wrong, or another run holds the state.
        """
        return self._run("up", overrides, **options)

    def refresh(self, **options: Any) -> RunResult:
        """Reads every resource; the stand-in answers what the state holds."""
        return self._run("refresh", None, **options)

    def destroy(self, **options: Any) -> RunResult:
        """Takes the stack down; what is protected makes it fail."""
        return self._run("destroy", None, **options)

    def remove(self) -> None:
        """Forgets the stack: its folder is deleted, whatever the state holds."""
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def resources(self) -> list[StateResource]:
        """The state's resources after the last ``up``, ``refresh`` or ``destroy``, providers left out."""
        if not self._resources and self.state_dir.is_dir():
            with self._open({}) as session:
                self._resources = _state(session)
        return list(self._resources)

    def _run(self, operation: Operation, overrides: Mapping[str, str] | None, **options: Any) -> RunResult:
        with self._open(overrides or {}) as session:
            assert session.standin is not None
            try:
                self.last = session.run(operation, **options)
            finally:
                self.lookups = sorted(map(str, session.standin.lookups))
                if operation != "preview":
                    self._resources = _state(session)
        return self.last

    @contextlib.contextmanager
    def _open(self, overrides: Mapping[str, str]) -> Iterator[Session]:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with (self.state_dir / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise OpsError(f"another run holds the local stack in {self.state_dir}") from None
            # Ours is the only process here, so a lock in the backend is that of a run that was killed.
            shutil.rmtree(self.state_dir / "backend" / ".pulumi" / "locks", ignore_errors=True)
            engine = find_engine(self.root)
            with own_stack(engine, self.stack, overrides, root=self.root, state=self.state_dir) as session:
                yield session


def _state(session: Session) -> list[StateResource]:
    return [
        StateResource(
            type=item["type"],
            name=item["urn"].split("::", 3)[3],
            urn=item["urn"],
            id=item.get("id", ""),
            parent="" if "::pulumi:pulumi:Stack::" in item.get("parent", "") else item.get("parent", ""),
            inputs=_plain(item.get("inputs") or {}),
            outputs=_plain(item.get("outputs") or {}),
            protect=bool(item.get("protect")),
        )
        for item in session.exported()
        if not item["type"].startswith(("pulumi:providers:", "pulumi:pulumi:Stack"))
    ]


def _plain(value: Any) -> Any:
    """Unwraps secrets, which the engine exports as JSON text in ``plaintext``."""
    if isinstance(value, Mapping):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return json.loads(value["plaintext"])
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
