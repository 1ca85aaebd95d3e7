"""JSON text read strictly and written compactly."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from api_handler.errors import ApiError

MAX_DEPTH = 64
_OUTSIDE_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
# Possessive and with an optional end: linear on every input, an unterminated string of quotes included.


# Made once: json.dumps would make an encoder for every token of a stream.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dumps(value: Any) -> bytes:
    """Compact UTF-8; a lone surrogate, which UTF-8 cannot carry, is escaped."""
    return _encode(value).encode("utf-8", "backslashreplace")


def loads(data: bytes) -> Any:
    """Parse a request body.

    Raises:
        ApiError: 400 for bad UTF-8, broken JSON, duplicate keys, NaN, infinities,
            integers of thousands of digits, or nesting deeper than 64.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("The body is not valid UTF-8.") from None
    if _depth(data) > MAX_DEPTH:
        raise _malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
    try:
        return json.loads(
            text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite
        )
    except json.JSONDecodeError as error:
        raise _malformed(f"The body is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    except (ValueError, RecursionError):
        raise _malformed("The body holds a number that is too large.") from None


def canonical(value: Any) -> bytes:
    """One byte string for equal JSON values: sorted keys, ``1.0`` as ``1``."""
    return json.dumps(_plain_numbers(value), sort_keys=True, separators=(",", ":")).encode("ascii")


def _plain_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _depth(data: bytes) -> int:
    # Counted before parsing: the parser itself recurses, and deep input would cost its stack.
    depth = deepest = 0
    for match in _OUTSIDE_STRINGS.finditer(data):
        token = match.group()
        if token in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


def _malformed(message: str) -> ApiError:
    return ApiError(400, "malformed_json", message)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _malformed("An object in the body has the same key twice.")
    return result


def _no_constant(_: str) -> NoReturn:
    raise _malformed("NaN and Infinity are not JSON.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _malformed("The body holds a number that is too large.")
    return value
