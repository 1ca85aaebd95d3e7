"""Reads the site in other processes while this one imports and asks AWS.

Both are processor work under one interpreter lock, and together they are most of a short run. Without a
second core, without ``fork``, or when threads are running already (in the tests), it is read right here.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from ops.deploy.hashing import cache_file, read_all
from ops.deploy.headers import HeaderRules, parse_config
from ops.deploy.manifest import release_id
from ops.deploy.options import Options
from ops.deploy.pool import Task
from ops.deploy.rules import CONFIG_FILE
from ops.deploy.tree import Names, SiteFile, Tree, walk
from ops.errors import OpsError

_LENGTH = 8


@dataclass
class Site:
    """The tree that is to go online.

    Attributes:
        tree: its files, hashed.
        rules: their headers.
        release: its id; "" when something is wrong with the tree.
    """

    tree: Tree
    rules: HeaderRules
    release: str

    @property
    def files(self) -> Mapping[str, SiteFile]:
        """By path."""
        return {file.path: file for file in self.tree.files}


class SiteReader:
    """Begins to read a site at once; ``result()`` waits for it.

    Args:
        options: of the run.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._child = 0
        self._names = Names([], [], [])
        self._walked = threading.Event()
        if _may_fork():
            pipe, into = os.pipe()
            self._child = os.fork()
            if self._child == 0:
                os.close(pipe)
                _child(options, into)
            os.close(into)
            # Threads only from here on: a fork copies one.
            self._site = Task(lambda: self._received(pipe))

    def names(self) -> Names:
        """What is known of the paths; there before the contents are read."""
        if not self._child:
            return walk(self._options.directory, exclude=_rules(self._options)[1]).names
        self._walked.wait()
        return self._names

    def result(self) -> Site:
        """The site; what is wrong with it is in ``tree.problems``.

        Raises:
            OpsError: reading failed.
        """
        return self._site.result() if self._child else read_site(self._options)

    def _received(self, pipe: int) -> Site:
        try:
            with os.fdopen(pipe, "rb") as messages:
                self._names = Names(*_next_message(messages))
                self._walked.set()
                root, files, left_out, problems, remarks, release = _next_message(messages)
        finally:
            self._walked.set()
        tree = Tree(root, [SiteFile(*row) for row in files], left_out, problems, remarks)
        return Site(tree, _rules(self._options)[0], release)

    def close(self) -> None:
        """Ends a reading nobody waits for any more."""
        if self._child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0
            self._site.wait()


def _send_message(pipe: BinaryIO, message: Any) -> None:
    # With its length before it: marshal.load() from a pipe asks for every value by itself.
    data = marshal.dumps(message)
    pipe.write(len(data).to_bytes(_LENGTH, "little") + data)
    pipe.flush()


def _next_message(pipe: BinaryIO) -> Any:
    data = pipe.read(int.from_bytes(pipe.read(_LENGTH), "little"))
    if not data:
        raise OpsError("reading the site ended early; run again")
    kind, content = marshal.loads(data)  # noqa: S302  # from our own child, over its own pipe
    if kind == "failed":
        raise OpsError(*content)
    return content


def read_site(options: Options, *, processes: int = 1, walked: Callable[[Tree], None] | None = None) -> Site:
    """Walks, hashes and scans the tree; what is wrong with it is in ``tree.problems``.

    Args:
        options: of the run.
        processes: how many read; more than one only where the caller has a single thread.
        walked: called when the names are known.
    """
    rules, exclude, problems = _rules(options)
    tree = walk(options.directory, exclude=exclude, allowed=options.allow_secret)
    if walked:
        walked(tree)
    read_all(
        tree,
        allowed=options.allow_secret,
        cache=cache_file(tree.root),
        processes=processes,
        sending=processes > 1,
        fresh=options.verify,
    )
    tree.problems += problems
    unused = rules.unused(file.path for file in tree.files)
    tree.remarks += [f"no file matches {glob!r} of the header rules" for glob in unused]
    return Site(tree, rules, release_id(tree.files, rules) if not tree.problems else "")


def _rules(options: Options) -> tuple[HeaderRules, list[str], list[str]]:
    for config in (Path(options.directory, CONFIG_FILE), Path(CONFIG_FILE)):
        if config.is_file():
            found, exclude, problems = parse_config(config.read_text(encoding="utf-8"))
            return HeaderRules([*found, *options.overrides]), exclude, problems
    return HeaderRules(list(options.overrides)), [], []


def _may_fork() -> bool:
    # A fork copies one thread only, and on macOS system libraries do not survive it.
    return sys.platform == "linux" and threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


def _child(options: Options, into: int) -> NoReturn:
    """Reads, writes two messages, and is gone: without the parent's handlers, buffers and exit functions."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        with os.fdopen(into, "wb") as pipe:

            def walked(tree: Tree) -> None:
                _send_message(pipe, ("names", tuple(tree.names)))

            try:
                site = read_site(options, processes=_readers(), walked=walked)
                tree = site.tree
                rows = [(f.path, f.source, f.size, f.stamp, f.hashed, f.sha256, f.md5) for f in tree.files]
                found = (tree.root, rows, tree.left_out, tree.problems, tree.remarks, site.release)
                message = ("site", found)
            except OpsError as failure:
                message = ("failed", (failure.message, failure.exit_code))
            except Exception as failure:
                message = ("failed", (f"the site cannot be read: {type(failure).__name__}: {failure}", 1))
            _send_message(pipe, message)
    finally:
        os._exit(0)


def _readers() -> int:
    return min(4, len(os.sched_getaffinity(0)))
