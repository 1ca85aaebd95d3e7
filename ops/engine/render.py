"""A run for people: a tree by component, then what it adds up to; and for machines: the JSON form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from ops.engine.result import PropertyChange, RunResult, Step, at_path
from ops.engine.standin.differences import differences

SIGNS: Mapping[str, tuple[str, str]] = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("±", "magenta"),
    "delete": ("-", "red"),
    "import": ("=", "cyan"),
    "discard": ("-", "red"),
}
VERBS = {
    "create": "to create",
    "update": "to change",
    "replace": "to replace",
    "delete": "to delete",
    "import": "to import",
    "same": "unchanged",
}
PAST = {
    "create": "created",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "import": "imported",
    "same": "unchanged",
}
_VALUE_WIDTH = 60


def tree(result: RunResult) -> Iterator[Text]:
    """Every change under the component it belongs to; what stays as it is is left out."""
    steps = {step.urn: step for step in result.steps}
    wanted: set[str] = set()
    for step in result.changed():
        urn = step.urn
        while urn and urn not in wanted:
            wanted.add(urn)
            urn = steps[urn].parent if urn in steps else ""
    children: dict[str, list[Step]] = {}
    for step in result.steps:
        if step.urn in wanted:
            parent = step.parent if step.parent in wanted and step.parent in steps else ""
            children.setdefault(parent, []).append(step)
    yield from _branch("", children, 0)


def _branch(parent: str, children: Mapping[str, list[Step]], depth: int) -> Iterator[Text]:
    # Components after plain resources, both by name: the same order on every run.
    for step in sorted(children.get(parent, ()), key=lambda s: (not s.custom, s.type, s.name)):
        sign, style = SIGNS.get(step.op, (" ", ""))
        line = Text("  " * depth)
        line.append(f"{sign} ", style=style)
        if step.custom:
            line.append(f"{short_type(step.type):<34}", style="dim" if step.op == "same" else "")
            line.append(f" {step.name}")
        else:
            line.append(f"{step.type.rsplit(':', 1)[-1]} {step.name}", style="bold")
        yield line
        for change in step.changes:
            for shown in _inside_json(change):
                yield _change_line(shown, depth + 2)
        yield from _branch(step.urn, children, depth + 1)


def _inside_json(change: PropertyChange) -> list[PropertyChange]:
    """A changed JSON document (a policy, a dashboard) as the changes inside it; anything else as it is."""
    old, new = _document(change.old), _document(change.new)
    if old is None or new is None:
        return [change]
    inner = [
        PropertyChange(
            f"{change.path} → {path}", kind, change.replaces, at_path(old, path), at_path(new, path)
        )
        for path, kind in differences(old, new)
    ]
    return inner or [change]


def _document(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        return json.loads(value)
    except ValueError:
        return None


def _change_line(change: PropertyChange, depth: int) -> Text:
    sign, style = {"add": ("+", "green"), "delete": ("-", "red")}.get(change.kind, ("~", "yellow"))
    line = Text("  " * depth)
    line.append(f"{sign} {change.path}: ", style=style)
    if change.kind == "add":
        line.append(_value(change.new))
    elif change.kind == "delete":
        line.append(_value(change.old))
    else:
        line.append(" → ".join(_values(change.old, change.new)))
    if change.replaces:
        line.append("  forces a new resource", style="magenta")
    return line


def _values(old: Any, new: Any) -> tuple[str, str]:
    """Both values; of two long texts the part around the first difference."""
    if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > _VALUE_WIDTH:
        same = next(
            (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
        )
        start = max(0, same - _VALUE_WIDTH // 3)
        old, new = (f"…{text[start:]}" if start else text for text in (old, new))
    return _value(old), _value(new)


def _value(value: Any) -> str:
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        return value
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _VALUE_WIDTH else text[: _VALUE_WIDTH - 1] + "…"


def short_type(type_token: str) -> str:
    """``s3.Bucket`` of ``aws:s3/bucket:Bucket``, ``random.RandomPassword`` of its token."""
    package, module, name = type_token.split(":", 2)
    return f"{module.split('/')[0] if package == 'aws' else package}.{name}"


def counts_line(result: RunResult, *, done: bool = False) -> str:
    """``84 to create, 1 to change, 12 unchanged``; components do not count."""
    words = PAST if done else VERBS
    counted: dict[str, int] = {}
    for step in result.steps:
        if step.custom:
            counted[step.op] = counted.get(step.op, 0) + 1
    order = [*words, *sorted(set(counted) - set(words))]
    return ", ".join(f"{counted[op]} {words.get(op, op)}" for op in order if op in counted) or "no resources"


def services_line(result: RunResult) -> str:
    """``cloudfront 8, iam 6, …``: the largest first."""
    ordered = sorted(result.services().items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered)


def outputs_lines(outputs: Mapping[str, Any]) -> list[str]:
    """The stack's outputs, one a line."""
    width = max(map(len, outputs), default=0)
    return [f"  {name:<{width}}  {_value(value)}" for name, value in sorted(outputs.items())]


def as_json(
    *,
    stack: str,
    region: str,
    offline: bool,
    ok: bool,
    result: RunResult | None,
    lookups: Iterable[str] = (),
    encrypted: Iterable[str] = (),
    findings: Sequence[Any] = (),
    monthly_cost: str = "",
    errors: Sequence[str] = (),
) -> dict[str, Any]:
    """The machine-readable form of a preview, as ``--json`` writes it.

    Returns:
        ``stack``, ``region``, ``offline``, ``ok``; ``changes`` (operation to number of resources, components
        left out); ``services`` (AWS service to number); ``resources`` (``op``, ``type``, ``name``, ``urn``,
        ``parent``, ``component``, ``diff``: list of ``path``, ``kind``, ``replaces``, ``old``, ``new``);
        ``outputs``; ``lookups`` (answered with made-up values);
        ``encrypted`` (keys a placeholder stood for); ``findings`` (``severity``, ``policy``,
        ``resource``, ``message``, ``source``); ``monthly_cost``; ``warnings``; ``errors``.
    """
    steps = result.steps if result else []
    changes: dict[str, int] = {}
    for step in steps:
        if step.custom:
            changes[step.op] = changes.get(step.op, 0) + 1
    return {
        "stack": stack,
        "region": region,
        "offline": offline,
        "ok": ok,
        "changes": dict(sorted(changes.items())),
        "services": result.services() if result else {},
        "resources": [_step_json(step) for step in sorted(steps, key=lambda s: s.urn)],
        "outputs": dict(sorted(result.outputs.items())) if result else {},
        "lookups": sorted(lookups),
        "encrypted": sorted(encrypted),
        "findings": [
            {key: getattr(finding, key) for key in ("severity", "policy", "resource", "message", "source")}
            for finding in findings
        ],
        "monthly_cost": monthly_cost,
        "warnings": [d.message for d in result.diagnostics if d.severity == "warning"] if result else [],
        "errors": list(errors),
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "op": step.op,
        "type": step.type,
        "name": step.name,
        "urn": step.urn,
        "parent": step.parent,
        "component": not step.custom,
        "diff": [dict(vars(change)) for change in step.changes],
    }
