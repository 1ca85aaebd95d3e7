"""Walks the directory of a site: what is published, what is left out, what must not be there."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ops.deploy import rules

MANY = 8
"""How many paths of one kind a message names."""

RANGE = 900
"""Files of a range of the bucket's list: a little less than what one answer holds."""


@dataclass(slots=True)
class SiteFile:
    """One file to publish.

    Attributes:
        path: relative, ``/`` as separator: the name in URLs and keys.
        source: where its bytes are.
        size: bytes.
        stamp: what tells that it was written to: size, modification and change time (ns), inode, device.
        hashed: whether its name carries a content hash.
        sha256: hex digest of its content; "" until it has been read.
        md5: the same with MD5; "" where nobody has asked for it.
    """

    path: str
    source: str
    size: int
    stamp: tuple[int, int, int, int, int]
    hashed: bool
    sha256: str = ""
    md5: str = ""


class Names(NamedTuple):
    """Of the paths of a site what a look at the bucket needs.

    Attributes:
        cuts: paths that cut the site into ranges of ``RANGE`` files, for lists side by side.
        asset_folders: folders at the top with hashed assets below, with their slash.
        top_assets: hashed assets that lie at the top itself.
    """

    cuts: list[str]
    asset_folders: list[str]
    top_assets: list[str]


@dataclass
class Tree:
    """What a directory holds.

    Attributes:
        root: the directory, its links resolved.
        files: to publish, sorted by path.
        left_out: relative paths that are skipped.
        problems: one sentence each, why it must not be published.
        remarks: worth saying, no reason to stop.
    """

    root: str
    files: list[SiteFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size for file in self.files)

    @property
    def names(self) -> Names:
        """What a look at the bucket needs to know before the contents are read."""
        assets = [file.path for file in self.files if file.hashed]
        return Names(
            cuts(file.path for file in self.files),
            sorted({path.split("/", 1)[0] + "/" for path in assets if "/" in path}),
            [path for path in assets if "/" not in path],
        )


def walk(root: str | Path, *, exclude: Iterable[str] = (), allowed: Iterable[str] = ()) -> Tree:
    """Reads names and sizes of a tree; contents are read by ``hashing``.

    Links are followed while they stay inside. A link that leaves the tree, leads nowhere or into
    itself is a problem.

    Args:
        root: an existing directory.
        exclude: globs of relative paths to leave out.
        allowed: relative paths that are published though their name is refused.
    """
    real = os.path.realpath(root)
    tree = Tree(real)
    _Walker(tree, list(exclude), frozenset(allowed)).folder(real, "", (real,))
    tree.files.sort(key=lambda file: file.path)
    _check_whole(tree)
    return tree


class _Walker:
    def __init__(self, tree: Tree, exclude: list[str], allowed: frozenset[str]) -> None:
        self._tree = tree
        self._exclude = exclude
        self._allowed = allowed

    def folder(self, directory: str, prefix: str, above: tuple[str, ...]) -> None:
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as failure:
            self._problem(prefix or ".", f"cannot be read: {failure.strerror}")
            return
        for entry in found:
            self._entry(entry, prefix + entry.name, above)

    def _entry(self, entry: os.DirEntry[str], path: str, above: tuple[str, ...]) -> None:
        if rules.left_out(entry.name) or (
            self._exclude and any(fnmatchcase(path, glob) for glob in self._exclude)
        ):
            self._tree.left_out.append(path)
            return
        if path == rules.CONFIG_FILE:
            return
        if (why := rules.refused(entry.name)) and path not in self._allowed:
            self._problem(path, f"{why} must not be published")
            return
        if path in rules.OWN_PREFIXES:
            self._problem(path, "this name belongs to the deployer's own objects in the bucket; rename it")
            return
        target = entry.path
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if why := self._link_problem(target, above):
                self._problem(path, why)
                return
        try:
            status = os.stat(target) if target != entry.path else entry.stat()
        except OSError as failure:
            self._problem(path, f"cannot be read: {failure.strerror}")
            return
        if stat.S_ISDIR(status.st_mode):
            self.folder(target, path + "/", (*above, target))
        elif stat.S_ISREG(status.st_mode):
            self._file(path, target, status)
        else:
            self._problem(path, "is neither a file nor a folder")

    def _link_problem(self, target: str, above: tuple[str, ...]) -> str:
        root = self._tree.root
        if not os.path.exists(target):
            return "is a link that leads nowhere"
        if target != root and not target.startswith(root.rstrip("/") + "/"):
            return "is a link that leaves the tree; copy the file in, or leave it out in deploy.toml"
        inside = target[len(root) :].strip("/")
        if any(rules.refused(part) for part in inside.split("/")) and inside not in self._allowed:
            return "is a link to something that must not be published"
        return "is a link into a folder that contains it" if target in above else ""

    def _file(self, path: str, source: str, status: os.stat_result) -> None:
        if why := rules.mangled(path):
            self._problem(path, why)
            return
        self._tree.files.append(
            SiteFile(path, source, status.st_size, stamp_of(status), rules.is_hashed_asset(path))
        )

    def _problem(self, path: str, why: str) -> None:
        self._tree.problems.append(f"{rules.printable(path)}: {why}")


def stamp_of(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """Changes whenever the file is written to: the change time cannot be set back."""
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)


def cuts(paths: Iterable[str]) -> list[str]:
    """Every ``RANGE``-th path in the order of S3's lists: by bytes in UTF-8, which is by code points."""
    return sorted(paths)[RANGE::RANGE]


def _check_whole(tree: Tree) -> None:
    paths = {file.path for file in tree.files}
    if not paths and not tree.problems:
        tree.problems.append("the directory holds no file to publish")
    elif "index.html" not in paths:
        tree.problems.append("index.html: there is none at the top of the directory: is it the built site?")
    if paths and rules.ERROR_PAGE not in paths:
        tree.remarks.append(
            f"there is no {rules.ERROR_PAGE}: visitors of a missing page get CloudFront's own answer"
        )
    bare = [p for p in paths if "." not in p.rpartition("/")[2] and not p.startswith(".well-known/")]
    if bare:
        tree.remarks.append(
            f"no visitor can reach {listed(sorted(bare))}: a last segment without a dot is "
            "asked for as a folder"
        )
    if tree.left_out:
        tree.remarks.append(f"left out: {listed(tree.left_out)}")


def listed(items: Iterable[str], most: int = MANY) -> str:
    """The first few, and how many more there are."""
    items = list(items)
    shown = ", ".join(rules.printable(item) for item in items[:most])
    return shown + (f" and {len(items) - most} more" if len(items) > most else "")


Say = Callable[[str], None]
