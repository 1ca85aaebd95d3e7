"""Reads every file of a tree once: its content hash, and whether a secret is in it.

Several processes read at once where that can be (``shared_work``): threads take turns at the interpreter
lock, and for small files that costs more than they gain. A small cache beside the user's other caches
spares reading what was not written to since: by size, modification and change time, inode and device, as
Git's index does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ops.deploy.headers import Headers
from ops.deploy.pool import for_each
from ops.deploy.rules import printable
from ops.deploy.secret_scan import VERSION, secrets_in
from ops.deploy.shared_work import MOST_PIECES, in_processes
from ops.deploy.store import FileBody, ObjectStore, let_go, md5_of
from ops.deploy.tree import SiteFile, Tree, stamp_of
from ops.errors import OpsError

MAPPED = 1 << 18
"""Bytes from which a file is mapped instead of read: what is in flight stays small."""

LAYOUT = 2
"""Raised whenever the cache's entries change."""

RACY_S = 2.0
"""A file written this shortly before it was read may be written again within the same time stamp."""

PIECE_FILES = 32
PIECE_BYTES = 1 << 20
"""How much of the tree one process takes at a time."""

FORK_FROM = 4 * PIECE_BYTES
"""Bytes from which a second process is worth its start; a file counts as 16 kB more than it has."""

_FILE_COSTS = 1 << 14


class FileChangedError(OpsError):
    """A file was written to during the run."""


def read_all(
    tree: Tree,
    *,
    allowed: Collection[str] = (),
    cache: Path | None = None,
    processes: int = 1,
    sending: bool = False,
    fresh: bool = False,
) -> None:
    """Fills in ``sha256`` of every file and adds what is wrong with contents to ``tree.problems``.

    Args:
        tree: from ``walk``.
        allowed: relative paths whose secrets are false alarms.
        cache: file with what is known of an earlier run; None: none is kept.
        processes: how many read; more than one only where the caller has a single thread.
        sending: also fill in ``md5`` of small files, which are likely to be sent: here, where no other
            thread waits for the interpreter, it is cheapest.
        fresh: read everything.
    """
    began = time.time()
    known = {} if fresh or cache is None else _load(cache, tree.root)
    unread = []
    for file in tree.files:
        entry = known.get(file.path)
        if entry is not None and entry[:5] == list(file.stamp):
            file.sha256, file.md5 = entry[5:7]
        else:
            unread.append(file)
    found: list[tuple[str, str]] = []
    dirty: set[str] = set()
    seen = {path: (entry[5], entry[6]) for path, entry in known.items()} if sending else None
    for number, sha256, md5, problems in _read_files(unread, processes, seen):
        file = unread[number]
        file.sha256, file.md5 = sha256, md5
        if problems:
            dirty.add(file.path)
            if file.path not in allowed or not sha256:
                found.extend((file.path, problem) for problem in problems)
    tree.problems.extend(f"{printable(path)}: {problem}" for path, problem in sorted(found))
    if cache is not None and (unread or len(known) != len(tree.files)):
        _save(cache, tree, dirty, began)


Seen = Mapping[str, tuple[str, str]]
"""Content hash and MD5 of an earlier run, by path."""

Outcome = tuple[int, str, str, list[str]]
"""Place of a file in the list, its content hash ("" when it cannot be read), MD5, what is wrong with it."""


def _read_files(files: Sequence[SiteFile], processes: int, seen: Seen | None) -> list[Outcome]:
    pieces = _pieces(files)

    def piece(number: int) -> list[Outcome]:
        first, after = pieces[number]
        return [(place, *_outcome(files[place], seen)) for place in range(first, after)]

    if processes > 1 and sum(file.size + _FILE_COSTS for file in files) >= FORK_FROM:
        return in_processes(len(pieces), piece, min(processes, len(pieces)))
    found: list[Outcome] = []
    # Threads after all: while one waits for the disk or digests a large file the others go on.
    for_each(range(len(pieces)), lambda number: found.extend(piece(number)), threads=_threads())
    return found


def _threads() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 2)
    return min(8, cores + 1)


def _pieces(files: Sequence[SiteFile]) -> list[tuple[int, int]]:
    """The list in runs of neighbours, ``(first, after the last)``: a few files, or one large one."""
    most = max(PIECE_FILES, len(files) // (MOST_PIECES // 2) + 1)
    large = max(PIECE_BYTES, sum(file.size for file in files) // (MOST_PIECES // 4))
    found = []
    first, size = 0, 0
    for place, file in enumerate(files):
        size += file.size
        if size >= large or place + 1 - first >= most:
            found.append((first, place + 1))
            first, size = place + 1, 0
    if first < len(files):
        found.append((first, len(files)))
    return found


def _outcome(file: SiteFile, seen: Seen | None) -> tuple[str, str, list[str]]:
    try:
        return _read(file, seen)
    except FileChangedError as failure:
        return "", "", [f"cannot be read: {failure}"]
    except OSError as failure:
        return "", "", [f"cannot be read: {failure.strerror or failure}"]


def _read(file: SiteFile, seen: Seen | None) -> tuple[str, str, list[str]]:
    data = _bytes_of(file, "it was written to while the site was being read; wait for the build to end")
    try:
        sha256 = hashlib.sha256(data).hexdigest()
        before = seen.get(file.path) if seen else None
        if before and before[0] == sha256:
            # What is remembered was clean: the same bytes need no second scan.
            return sha256, before[1], []
        md5 = md5_of(data) if seen is not None and file.size < MAPPED else ""
        return sha256, md5, [_secret(file, line, kind) for line, kind in secrets_in(data)]
    finally:
        let_go(data)


def _secret(file: SiteFile, line: int, kind: str) -> str:
    allow = f"--allow-secret {printable(file.path)}"
    return f"line {line} holds {kind}; remove it, or `{allow}` if it is none"


def open_unchanged(file: SiteFile) -> bytes | mmap.mmap | FileBody:
    """The bytes of a file that was read before, for sending.

    Large ones are mapped, not loaded; a small one whose MD5 is known is sent from where it lies.

    Raises:
        FileChangedError: it was written to since.
    """
    changed = f"{printable(file.path)} was written to during the deploy; run it again"

    try:
        if not file.md5 or file.size >= MAPPED:
            return _bytes_of(file, changed)
        status = os.stat(file.source)
    except OSError as failure:
        raise FileChangedError(
            f"{printable(file.path)} cannot be read any more ({failure.strerror}); run it again"
        ) from failure
    if stamp_of(status) != file.stamp:
        raise FileChangedError(changed)
    # Asked once more by who sends it, after the bytes have been read for sending.
    return FileBody(file.source, file.size, file.md5, lambda: _still(file, changed))


def md5_of_file(file: SiteFile) -> str:
    """The MD5 of a file that was read before, in hex; raises as ``open_unchanged``."""
    data = open_unchanged(file)
    try:
        return md5_of(data)
    finally:
        let_go(data)


def put_file(store: ObjectStore, key: str, file: SiteFile, headers: Headers, *, create: bool = False) -> str:
    """Sends a file that was read before and gives its ETag; raises as ``open_unchanged`` and the store."""
    data = open_unchanged(file)
    try:
        return store.put(key, data, headers, create=create)
    finally:
        let_go(data)


def _still(file: SiteFile, changed: str) -> None:
    try:
        if stamp_of(os.stat(file.source)) == file.stamp:
            return
    except OSError:
        pass  # it is gone: that is a change too
    raise FileChangedError(changed)


def _bytes_of(file: SiteFile, changed: str) -> bytes | mmap.mmap:
    # Not open(): its layers cost as much as hashing a small file does.
    handle = os.open(file.source, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if stamp_of(os.fstat(handle)) != file.stamp:
            raise FileChangedError(changed)
        if file.size >= MAPPED:
            return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
        data = os.read(handle, file.size)
        while len(data) < file.size and (more := os.read(handle, file.size - len(data))):
            data += more
        if len(data) != file.size:
            raise FileChangedError(changed)
        return data
    finally:
        os.close(handle)


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
        if document["version"] == [VERSION, LAYOUT] and document["root"] == root:
            return document["files"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # missing, cut off or of another version: everything is read
    return {}


def _save(cache: Path, tree: Tree, dirty: set[str], began: float) -> None:
    newest = int((began - RACY_S) * 1e9)
    files = {
        file.path: [*file.stamp, file.sha256, file.md5]
        for file in tree.files
        if file.path not in dirty and file.sha256 and file.stamp[1] < newest and file.stamp[2] < newest
    }
    document = {"version": [VERSION, LAYOUT], "root": tree.root, "files": files}
    with contextlib.suppress(OSError):  # a cache that cannot be written costs the next run a second
        cache.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile: importing it costs a tenth of a short run.
        own = cache.with_name(f"{cache.name}.{os.getpid()}")
        own.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
        os.replace(own, cache)
