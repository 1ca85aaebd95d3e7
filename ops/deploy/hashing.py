"""Reads every file of a tree once: its content hash, and whether a secret is in it.

Hashing and reading release the interpreter lock, so a few threads keep the cores busy while another
one imports and asks AWS. A small cache beside the user's other caches spares reading what was
not written to since: by size, modification and change time, inode and device, as Git's index does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from ops.deploy.pool import for_each
from ops.deploy.rules import printable
from ops.deploy.secret_scan import VERSION, secrets_in
from ops.deploy.tree import SiteFile, Tree, stamp_of

MAPPED = 1 << 18
"""Bytes from which a file is mapped instead of read: what is in flight stays small."""

RACY_S = 2.0
"""A file written this shortly before it was read may be written again within the same time stamp."""

Progress = Callable[[int], None]


class FileChangedError(Exception):
    """A file was written to during the run."""


def read_all(
    tree: Tree,
    *,
    allowed: Collection[str] = (),
    cache: Path | None = None,
    threads: int = 0,
    fresh: bool = False,
) -> None:
    """Fills in ``sha256`` of every file and adds what is wrong with contents to ``tree.problems``.

    Args:
        tree: from ``walk``.
        allowed: relative paths whose secrets are false alarms.
        cache: file with what is known of an earlier run; None: none is kept.
        threads: 0: by the number of cores.
        fresh: read everything.
    """
    began = time.time()
    known = {} if fresh or cache is None else _load(cache, tree.root)
    unread = []
    for file in tree.files:
        entry = known.get(file.path)
        if entry is not None and entry[:5] == list(file.stamp):
            file.sha256 = entry[5]
        else:
            unread.append(file)
    found: list[tuple[str, str]] = []
    dirty: set[str] = set()
    lock = threading.Lock()

    def read(file: SiteFile) -> None:
        try:
            problems = _read(file)
        except (OSError, FileChangedError) as failure:
            problems = [f"cannot be read: {getattr(failure, 'strerror', None) or failure}"]
        if problems:
            with lock:
                dirty.add(file.path)
                if file.path not in allowed or not file.sha256:
                    found.extend((file.path, problem) for problem in problems)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 2)
    for_each(unread, read, threads=threads or min(8, cores + 1))
    tree.problems.extend(f"{printable(path)}: {problem}" for path, problem in sorted(found))
    if cache is not None and (unread or len(known) != len(tree.files)):
        _save(cache, tree, dirty, began)


def _read(file: SiteFile) -> list[str]:
    with open(file.source, "rb", buffering=0) as handle:
        status = os.fstat(handle.fileno())
        if stamp_of(status) != file.stamp:
            raise FileChangedError(
                "it was written to while the site was being read; wait for the build to end"
            )
        if file.size >= MAPPED:
            with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _digest(file, data)
        return _digest(file, handle.read(file.size + 1))


def _digest(file: SiteFile, data: bytes | mmap.mmap) -> list[str]:
    file.sha256 = hashlib.sha256(data).hexdigest()
    return [
        f"line {line} holds {kind}; remove it, or `--allow-secret {printable(file.path)}` if it is none"
        for line, kind in secrets_in(data)
    ]


def open_unchanged(file: SiteFile) -> bytes | mmap.mmap:
    """The bytes of a file that was read before, for sending; large ones are mapped, not loaded.

    Raises:
        FileChangedError: it was written to since.
    """
    with open(file.source, "rb", buffering=0) as handle:
        if stamp_of(os.fstat(handle.fileno())) != file.stamp:
            raise FileChangedError(f"{printable(file.path)} was written to during the deploy; run it again")
        if file.size >= MAPPED:
            return mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        return handle.read()


def cache_file(root: str) -> Path | None:
    """Where what is known of a tree is kept: the user's cache folder; None without a home."""
    base = os.environ.get("ORCHESTRATOR_CACHE") or os.environ.get("XDG_CACHE_HOME")
    home = os.environ.get("HOME")
    folder = Path(base) if base else Path(home) / ".cache" if home else None
    name = hashlib.sha256(os.path.realpath(root).encode(errors="surrogateescape")).hexdigest()[:16]
    return folder / "orchestrator" / "deploy" / f"{name}.json" if folder else None


def _load(cache: Path, root: str) -> dict[str, list]:
    try:
        document = json.loads(cache.read_bytes())
        if document["version"] == [VERSION, sys.byteorder] and document["root"] == root:
            return document["files"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing, cut off or of another version: everything is read
    return {}


def _save(cache: Path, tree: Tree, dirty: set[str], began: float) -> None:
    newest = int((began - RACY_S) * 1e9)
    files = {
        file.path: [*file.stamp, file.sha256]
        for file in tree.files
        if file.path not in dirty and file.sha256 and file.stamp[1] < newest and file.stamp[2] < newest
    }
    document = {"version": [VERSION, sys.byteorder], "root": tree.root, "files": files}
    with contextlib.suppress(OSError):  # a cache that cannot be written costs the next run a second
        cache.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile: importing it costs a tenth of a short run.
        own = cache.with_name(f"{cache.name}.{os.getpid()}")
        own.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
        os.replace(own, cache)
