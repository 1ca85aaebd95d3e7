"""JSON of the operator: environment values and secrets. Errors never quote the text."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, NoReturn


def strict_json(text: str) -> Any:
    """Parse JSON without duplicate keys and NaN.

    Raises:
        ValueError: with what is wrong and where.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("has the same key twice in one object")
        return dict(pairs)

    def no_constant(_: str) -> NoReturn:
        raise ValueError("holds NaN or Infinity, which are not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def unknown_keys(values: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """A problem for each key that is not known, with the ones that are."""
    return [
        f"has an unknown key {str(key)[:60]!r}; known are {', '.join(known)}"
        for key in values
        if key not in known
    ]


def positive(value: Any, maximum: float = math.inf) -> bool:
    """Whether a value is a finite number above 0 and no boolean."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 < value <= maximum


def whole(value: Any, maximum: int) -> bool:
    """Whether a value is an integer from 1 to ``maximum`` and no boolean."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= maximum
