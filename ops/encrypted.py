"""What stands in place of encrypted values (``secure:``) in a run that has no key to read them.

A placeholder has to get through the program's own checks, so there is no single one: a
key that ``Pulumi.yaml`` declares takes its default, values of origin headers of an
adopted site take the names its file lists, everything else is ``PLACEHOLDER``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLACEHOLDER = "offline-placeholder"
"""What a run without the stack's key sees in place of an encrypted value."""

_HEADERS = "adopted:headers"
_REGION = "aws:region"
# For a declared key without a default: the engine would refuse to start.
_OF_TYPE: Mapping[str, Any] = {"integer": 1, "boolean": False, "array": [], "object": {}}


def is_encrypted(value: Any) -> bool:
    """Whether a value of a stack file is encrypted, or holds something that is."""
    if isinstance(value, Mapping):
        return set(value) == {"secure"} or any(map(is_encrypted, value.values()))
    return isinstance(value, list) and any(map(is_encrypted, value))


def readable(
    config: Mapping[str, Any], declared: Mapping[str, Any], root: Path, stack: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A stack file's configuration with something in place of what is encrypted.

    Args:
        config: ``namespace:key`` to value, as in the file.
        declared: ``namespace:key`` to the declaration in ``Pulumi.yaml``.
        root: the project.
        stack: of the file.

    Returns:
        The configuration, and what was replaced: ``key``, ``key.path[0]`` or ``key (its default)``, sorted.
    """
    result: dict[str, Any] = {}
    hidden: list[str] = []
    for key, value in config.items():
        if not is_encrypted(value):
            result[key] = value
        elif key in declared:
            hidden.append(f"{key} (its default)")
            entry = declared[key]
            if isinstance(entry, Mapping) and not {"default", "value"} & set(entry):
                result[key] = _OF_TYPE.get(entry.get("type", "string"), PLACEHOLDER)
        elif key == _REGION:
            hidden.append(f"{key} (us-east-1)")
            result[key] = "us-east-1"
        elif key == _HEADERS:
            hidden.append(key)
            result[key] = _header_values(root, stack)
        else:
            result[key] = _replaced(value, key, hidden)
    return result, tuple(sorted(hidden))


def told(hidden: tuple[str, ...]) -> str:
    """The keys in one sentence; "" when there are none."""
    if not hidden:
        return ""
    return f"Encrypted values were not read; a placeholder stands for: {', '.join(hidden)}."


def _header_values(root: Path, stack: str) -> str:
    """JSON with every header that ``adopted/<stack>.json`` names (components/static_site/adoption.py).

    Whether the file is sound is for the program to judge. It is read here without the components:
    they import the SDK, and they have to come from the project's folder.
    """
    try:
        data = json.loads((root / "adopted" / f"{stack}.json").read_text(encoding="utf-8"))
        names = [
            f"{origin['Id']}/{header['HeaderName']}"
            for origin in data["distribution"]["config"]["Origins"]["Items"]
            for header in (origin.get("CustomHeaders") or {}).get("Items") or ()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        names = []
    return json.dumps(dict.fromkeys(names, PLACEHOLDER))


def _replaced(value: Any, path: str, hidden: list[str]) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"secure"}:
            hidden.append(path)
            return PLACEHOLDER
        return {key: _replaced(inner, f"{path}.{key}", hidden) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, f"{path}[{i}]", hidden) for i, inner in enumerate(value)]
    return value
