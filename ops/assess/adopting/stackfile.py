"""Sets plain keys in ``Pulumi.<stack>.yaml`` and leaves every other line, comments too, as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping


def with_keys(text: str, values: Mapping[str, str | bool]) -> str:
    """The file's text with the keys set under ``config:``.

    Args:
        text: of the stack file; "" for one that does not exist.
        values: namespaced key to value; existing lines are replaced, new ones appended.
    """
    lines = text.splitlines()
    if not any(re.match(r"config:\s*(#.*)?$", line) for line in lines):
        lines = [re.sub(r"^config:\s*\{\s*\}\s*$", "config:", line) for line in lines]
        if "config:" not in lines:
            lines.append("config:")
    start = next(n for n, line in enumerate(lines) if line.startswith("config:"))
    for key, value in values.items():
        written = f"  {key}: {json.dumps(value)}"
        at = next((n for n, line in enumerate(lines) if re.match(rf"\s+{re.escape(key)}\s*:", line)), None)
        if at is None:
            lines.insert(_end_of_block(lines, start), written)
        elif not _says(lines[at], value):
            lines[at] = written
    return "\n".join(lines) + "\n"


def _says(line: str, value: str | bool) -> bool:
    """Whether a line gives its key this plain value already, in quotes or not, with a comment or not."""
    found = re.match(r"\s+\S+:\s+(\"[^\"]*\"|'[^']*'|[^\s#'\"]+)\s*(#.*)?$", line)
    return bool(found) and found[1].strip("\"'") == (value if isinstance(value, str) else json.dumps(value))


def _end_of_block(lines: list[str], start: int) -> int:
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end].startswith((" ", "#"))):
        end += 1
    while end > start + 1 and not lines[end - 1].strip():
        end -= 1
    return end
