"""What a run of the engine did or would do, as plain data, gathered from its events."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi.runtime import rpc

from ops.plan import UNKNOWN

_REPLACEMENT_PARTS = frozenset(
    {"create-replacement", "delete-replaced", "discard-replaced", "import-replacement"}
)
"""Steps that belong to a ``replace`` reported beside them."""

_COLOUR_TAG = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class PropertyChange:
    """One changed input of one resource.

    Attributes:
        path: camelCase path, ``origins[0].domainName``.
        kind: ``add``, ``delete`` or ``update``.
        replaces: it forces a new resource.
        old, new: the values; secrets stand as ``[secret]``, what is not known yet as ``[unknown]``.
    """

    path: str
    kind: str
    replaces: bool
    old: Any = None
    new: Any = None


@dataclass(frozen=True)
class Step:
    """What is done to one resource.

    Attributes:
        op: ``same``, ``create``, ``update``, ``replace``, ``delete``, ``import``, ``read``, ``refresh``.
        type, name, urn: of the resource.
        parent: URN of the parent, "" for a top-level resource.
        custom: a provider makes it; False for components.
        changes: of its inputs.
        outputs: as far as they are known.
    """

    op: str
    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    changes: tuple[PropertyChange, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """``s3`` of ``aws:s3/bucket:Bucket``; the package's name where it has no services."""
        package, module, _ = self.type.split(":", 2)
        return module.split("/")[0] if package == "aws" else package


@dataclass(frozen=True)
class Diagnostic:
    """A message of the engine, a provider or the program.

    Attributes:
        severity: ``error``, ``warning`` or ``info``.
        message: without colour.
        urn: of the resource it is about, or "".
    """

    severity: str
    message: str
    urn: str


@dataclass
class RunResult:
    """One run.

    Attributes:
        steps: in the order of the engine, one a resource.
        diagnostics: each once.
        outputs: the stack's outputs, as far as they are known.
        seconds: how long the engine worked.
    """

    steps: list[Step] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def counts(self) -> dict[str, int]:
        """Operation to number of resources, components among them."""
        return dict(Counter(step.op for step in self.steps))

    def services(self) -> dict[str, int]:
        """AWS service to number of resources that will be there after the run."""
        return dict(sorted(Counter(s.service for s in self.steps if s.custom and s.op != "delete").items()))

    def changed(self) -> list[Step]:
        """The steps that do something."""
        return [step for step in self.steps if step.op not in {"same", "read"}]

    def errors(self) -> list[Diagnostic]:
        """The messages that made the run fail."""
        return [d for d in self.diagnostics if d.severity == "error"]


class EventCollector:
    """Turns the engine's events into a ``RunResult``; called from the event server's threads.

    Attributes:
        registered: resources seen so far, for a progress line.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._result = RunResult()
        self._steps: dict[str, Step] = {}

    @property
    def registered(self) -> int:
        """Resources seen so far."""
        return len(self._steps)

    def __call__(self, event: Any) -> None:
        with self._lock:
            if event.resource_pre_event is not None:
                self._step(event.resource_pre_event.metadata)
            elif event.res_outputs_event is not None:
                self._outputs(event.res_outputs_event.metadata)
            elif event.diagnostic_event is not None:
                self._diagnostic(event.diagnostic_event)
            elif event.policy_event is not None:
                policy = event.policy_event
                self._note(
                    "error" if policy.enforcement_level == "mandatory" else "warning", policy.message, ""
                )
            elif event.summary_event is not None:
                self._result.seconds = float(event.summary_event.duration_seconds)

    def result(self) -> RunResult:
        """All that was seen."""
        with self._lock:
            # A refreshed resource that was found as the state knows it is a resource that stays as it is.
            steps = [replace(s, op="same") if s.op == "refresh" else s for s in self._steps.values()]
            return replace(self._result, steps=steps)

    def _step(self, metadata: Any) -> None:
        op = str(getattr(metadata.op, "value", metadata.op))
        if op in _REPLACEMENT_PARTS or metadata.type.startswith("pulumi:providers:"):
            return
        if metadata.type == "pulumi:pulumi:Stack":
            return
        state = metadata.new or metadata.old
        parent = state.parent or "" if state else ""
        self._steps[metadata.urn] = Step(
            op=op,
            type=metadata.type,
            name=metadata.urn.split("::", 3)[3],
            urn=metadata.urn,
            parent="" if "::pulumi:pulumi:Stack::" in parent else parent,
            custom=bool(state and state.custom),
            changes=_changes(metadata) if op in {"update", "replace", "import", "refresh"} else (),
        )

    def _outputs(self, metadata: Any) -> None:
        if metadata.type == "pulumi:pulumi:Stack" and metadata.new is not None:
            self._result.outputs = shown(dict(metadata.new.outputs or {}))
            return
        step = self._steps.get(metadata.urn)
        if step is not None and step.op == "refresh" and metadata.detailed_diff:
            # What a refresh found is told only afterwards.
            self._steps[metadata.urn] = replace(step, op="update", changes=_changes(metadata))

    def _diagnostic(self, event: Any) -> None:
        if event.ephemeral or event.severity == "debug":
            return
        severity = {"info#err": "info"}.get(event.severity, event.severity or "info")
        self._note(severity, f"{event.prefix or ''}{event.message}", event.urn or "")

    def _note(self, severity: str, message: str, urn: str) -> None:
        found = Diagnostic(severity, _COLOUR_TAG.sub("", message).strip(), urn)
        if found.message and found not in self._result.diagnostics:
            self._result.diagnostics.append(found)


def _changes(metadata: Any) -> tuple[PropertyChange, ...]:
    old = dict(metadata.old.inputs or {}) if metadata.old else {}
    new = dict(metadata.new.inputs or {}) if metadata.new else {}
    found = []
    for path, difference in sorted((metadata.detailed_diff or {}).items()):
        kind = str(getattr(difference.diff_kind, "value", difference.diff_kind))
        found.append(
            PropertyChange(
                path=path,
                kind=kind.removesuffix("-replace"),
                replaces=kind.endswith("-replace"),
                old=shown(at_path(old, path)),
                new=shown(at_path(new, path)),
            )
        )
    if not found:
        keys = set(metadata.keys or ())
        found = [PropertyChange(p, "update", p in keys, shown(at_path(old, p)), shown(at_path(new, p)))
                 for p in sorted({*(metadata.diffs or ()), *keys})]  # fmt: skip
    return tuple(found)


def at_path(value: Any, path: str) -> Any:
    """The value at a property path such as ``origins[0].headers["x-a"]``; None where there is none."""
    for name, index, quoted in re.findall(r'([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]', path):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            key = name or quoted
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def shown(value: Any) -> Any:
    """A value for people and for JSON: unknowns marked, assets by their hash."""
    if value == UNKNOWN:
        return "[unknown]"
    if isinstance(value, Mapping):
        mark = value.get(rpc._special_sig_key)
        if mark == rpc._special_secret_sig:
            return "[secret]"
        if mark in (rpc._special_asset_sig, rpc._special_archive_sig):
            return f"[file {str(value.get('hash', ''))[:12]}]"
        return {key: shown(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    return value
