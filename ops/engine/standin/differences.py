"""What changed between two sets of inputs, and which changes AWS can only answer with a new resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi.runtime import rpc

from ops.engine.standin.replacements import forces_replacement


@dataclass(frozen=True)
class Change:
    """One changed property.

    Attributes:
        path: camelCase, ``origins[0].domainName``.
        kind: ``add``, ``delete`` or ``update``.
        replaces: the change forces a new resource.
    """

    path: str
    kind: str
    replaces: bool


def changes(type_token: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """All differences, the innermost path of each; ``__``-marks of the engine are left out."""
    found = [
        (path, kind)
        for key in sorted({*old, *new})
        if not key.startswith("__")
        for path, kind in _differences(old.get(key), new.get(key), key)
    ]
    return [Change(path, kind, forces_replacement(type_token, path)) for path, kind in found]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and kind (``add``, ``delete``, ``update``) of every innermost difference."""
    for key in sorted({*old, *new}):
        yield from _differences(old.get(key), new.get(key), _step(key).removeprefix("."))


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    if old == new:
        return
    if old is None:
        yield path, "add"
    elif new is None:
        yield path, "delete"
    elif _is_plain(old) and _is_plain(new):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{path}{_step(key)}")
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            yield from _differences(before, after, f"{path}[{index}]")
    else:
        yield path, "update"


def _is_plain(value: Any) -> bool:
    # Assets, archives and secrets carry Pulumi's mark and are compared whole.
    return isinstance(value, Mapping) and rpc._special_sig_key not in value


def _step(key: str) -> str:
    """Pulumi's property path syntax: keys with other characters than those of a name stand in brackets."""
    return f".{key}" if key.replace("_", "a").isalnum() else f'["{key}"]'
