"""Reads the site in a process of its own while this one imports and asks AWS.

Both are processor work under one interpreter lock, and together they are most of a short run. Without a
second core, without ``fork``, or when threads are running already (in the tests), it is read right here.
"""

from __future__ import annotations

import marshal
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ops.deploy.hashing import cache_file, read_all
from ops.deploy.headers import HeaderRules, parse_config
from ops.deploy.manifest import release_id
from ops.deploy.options import Options
from ops.deploy.rules import CONFIG_FILE
from ops.deploy.tree import SiteFile, Tree, walk
from ops.errors import OpsError


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
        if _may_fork():
            self._pipe, into = os.pipe()
            self._child = os.fork()
            if self._child == 0:
                os.close(self._pipe)
                _child(options, into)
            os.close(into)

    def result(self) -> Site:
        """The site; what is wrong with it is in ``tree.problems``.

        Raises:
            OpsError: reading failed.
        """
        if not self._child:
            return read_site(self._options)
        with os.fdopen(self._pipe, "rb") as pipe:
            data = pipe.read()
        os.waitpid(self._child, 0)
        self._child = 0
        if not data:
            raise OpsError("reading the site ended early; run again")
        kind, content = marshal.loads(data)  # noqa: S302  # written by our own child, over its own pipe
        if kind != "site":
            raise OpsError(*content)
        root, files, left_out, problems, remarks, release = content
        tree = Tree(root, [SiteFile(*row) for row in files], left_out, problems, remarks)
        return Site(tree, _rules(self._options)[0], release)

    def close(self) -> None:
        """Ends a reading nobody waits for any more."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            os.close(self._pipe)
            self._child = 0


def read_site(options: Options) -> Site:
    """Walks, hashes and scans the tree; what is wrong with it is in ``tree.problems``."""
    rules, exclude, problems = _rules(options)
    tree = walk(options.directory, exclude=exclude, allowed=options.allow_secret)
    read_all(tree, allowed=options.allow_secret, cache=cache_file(tree.root), fresh=options.verify)
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
    """Reads, writes one message, and is gone: without the parent's handlers, buffers and exit functions."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        try:
            site = read_site(options)
            tree = site.tree
            rows = [(f.path, f.source, f.size, f.stamp, f.hashed, f.sha256) for f in tree.files]
            message = ("site", (tree.root, rows, tree.left_out, tree.problems, tree.remarks, site.release))
        except OpsError as failure:
            message = ("failed", (failure.message, failure.exit_code))
        except Exception as failure:
            message = ("failed", (f"the site cannot be read: {type(failure).__name__}: {failure}", 1))
        with os.fdopen(into, "wb") as pipe:
            pipe.write(marshal.dumps(message))
    finally:
        os._exit(0)
