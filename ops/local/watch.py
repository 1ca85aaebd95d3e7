"""Tells which of the project's parts changed, by looking at their files now and then."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

INTERVAL_S = 0.5

Stamp = dict[str, tuple[int, int]]


def stamps(paths: Sequence[Path]) -> Stamp:
    """Modification time and size of every file below some files and folders."""
    found: Stamp = {}
    for path in paths:
        _add(found, str(path))
    return found


def _add(found: Stamp, path: str) -> None:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name in ("__pycache__", ".git", "node_modules") or entry.name.endswith(
                    (".pyc", "~", ".swp")
                ):
                    continue
                if entry.is_dir():
                    _add(found, entry.path)
                else:
                    info = entry.stat()
                    found[entry.path] = (info.st_mtime_ns, info.st_size)
    except NotADirectoryError:
        info = os.stat(path)
        found[path] = (info.st_mtime_ns, info.st_size)
    except FileNotFoundError:
        pass


async def changes(
    parts: Mapping[str, Sequence[Path]], interval_s: float = INTERVAL_S
) -> AsyncIterator[set[str]]:
    """Yields the names of the parts that changed, once they have been still for one interval.

    Args:
        parts: name to files and folders.
        interval_s: seconds between two looks.
    """
    known = {name: stamps(paths) for name, paths in parts.items()}
    moving: set[str] = set()
    while True:
        await asyncio.sleep(interval_s)
        changed = set()
        for name, paths in parts.items():
            now = stamps(paths)
            if now != known[name]:
                known[name] = now
                changed.add(name)
        settled = moving - changed
        moving = changed
        if settled:
            yield settled
