"""Release mode: what will be done with every file, and why. Reads, writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.deploy import bookkeeping
from ops.deploy.context import Context, Step
from ops.deploy.hashing import md5_of_file
from ops.deploy.headers import Headers
from ops.deploy.manifest import Entry, Manifest
from ops.deploy.pointer import State
from ops.deploy.pool import Task, all_done, for_each
from ops.deploy.reading import Site
from ops.deploy.rules import printable
from ops.deploy.store import Head, ObjectStore
from ops.deploy.tree import Names, SiteFile, listed
from ops.errors import UsageError

COPY_FROM = 1 << 20
"""Bytes from which an unchanged file is copied within the bucket instead of being sent again: below that a
copy saves no time."""


FOUND = "in the bucket, its headers are checked"
RESUMED = "sent by an earlier run of this release"


@dataclass
class Plan:
    """What a deploy will do.

    Attributes:
        steps: one a file, sorted by path.
        state: the pointer it was planned on.
        active: the live release; None: there is none, or its manifest cannot be read.
        nothing: the release is live already.
        known: the bookkeeping.
        etags: of the objects that are there already, by path.
        gone: paths of the live release that the new one does not have.
        error_page: what lies at the error page's plain key; None: it has not been asked.
    """

    steps: list[Step]
    state: State
    active: Manifest | None = None
    nothing: bool = False
    known: bookkeeping.Known = field(default_factory=bookkeeping.Known)
    etags: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    error_page: Task[Head | None] | None = None


def release_key(release: str, file: SiteFile) -> str:
    """Where a file's object is: hashed assets at their path, everything else in its release."""
    return file.path if file.hashed else f"_releases/{release}/{file.path}"


class Look:
    """What a plan needs to know of the bucket, whatever the site is: asked while the site is being read.

    Args:
        store: the bucket.
        start: begins a call beside the others.
    """

    def __init__(self, store: ObjectStore, start: Callable[[Callable[[], Any]], Task[Any]] = Task) -> None:
        self._store = store
        self._start = start
        self._active: Task[Manifest | None] | None = None
        self._assets: Task[dict[str, str]] | None = None
        self.known: Task[bookkeeping.Known] = start(lambda: bookkeeping.known(store))

    def assets(self, names: Callable[[], Names]) -> Task[dict[str, str]]:
        """ETags by key of what lies where the hashed assets go."""
        if self._assets is None:
            self._assets = self._start(lambda: _assets(self._store, names()))
        return self._assets

    def active(self, state: State) -> Task[Manifest | None]:
        """The manifest of the live release; None: there is none, or it cannot be read."""
        if self._active is None:
            self._active = self._start(
                lambda: bookkeeping.load(self._store, state.active) if state.active else None
            )
        return self._active


def plan(
    context: Context,
    site: Site,
    state: State,
    *,
    max_deletes: int,
    verify: bool = False,
    look: Look | None = None,
    error_page: Task[Head | None] | None = None,
) -> Plan:
    """Decides what is done with every file, and why; reads, writes nothing.

    Args:
        context: store and pointer.
        site: the tree.
        state: the pointer.
        max_deletes: how many unhashed paths of the live site may vanish.
        verify: look at every object even if the release is live already.
        look: what the bucket is asked already.
        error_page: the same of the error page's plain key.

    Raises:
        UsageError: more paths vanish than allowed, or a hashed name has other content than before.
    """
    if state.active == site.release and not verify:
        return Plan(
            [Step(f.path, "keep", "this release is live", f.size) for f in site.tree.files],
            state,
            nothing=True,
            error_page=error_page,
        )
    store = context.store
    look = look or Look(store)
    all_done(look.active(state), look.known)
    active, known = look.active(state).result(), look.known.result()
    gone = _vanishing(active, site)
    problems = []
    if len([path for path in gone if not active or path not in active.assets]) > max_deletes:
        problems.append(
            f"{len(gone)} paths of the live site would vanish ({listed(gone, 5)}); "
            f"--max-deletes allows {max_deletes}: "
            "raise it if that is meant"
        )
    resumes = site.release in known.releases or site.release in known.marks
    there: dict[str, str] = {}
    if active is None or resumes or verify:
        there |= look.assets(lambda: site.tree.names).result()
    if resumes or verify:
        there |= {row.key: row.etag for row in store.list(f"_releases/{site.release}/")}
    steps, etags = [], {}
    for file in site.tree.files:
        step, etag = _step(file, site, active, there, store)
        if step.action == "refuse":
            problems.append(f"{printable(file.path)}: {step.reason}")
        if etag:
            etags[file.path] = etag
        steps.append(step)
    if problems:
        raise UsageError("the site is refused:\n" + "\n".join(f"  {problem}" for problem in problems))
    return Plan(steps, state, active, False, known, etags, gone)


def _vanishing(active: Manifest | None, site: Site) -> list[str]:
    return sorted(set(active.files) - set(site.files)) if active else []


def _assets(store: ObjectStore, names: Names) -> dict[str, str]:
    found: dict[str, str] = {}

    def read(prefix: str) -> None:
        found.update((row.key, row.etag) for row in store.list(prefix))

    def look(path: str) -> None:
        if (head := store.head(path)) is not None:
            found[path] = head.etag

    for_each(names.asset_folders, read, threads=16)
    for_each(names.top_assets, look, threads=16)
    return found


def _step(
    file: SiteFile, site: Site, active: Manifest | None, there: Mapping[str, str], store: ObjectStore
) -> tuple[Step, str]:
    """What is done with a file, and the ETag of its object if that is there already."""
    headers = site.rules.headers_for(file.path)
    old = active.files.get(file.path) if active else None
    key = release_key(site.release, file)
    if file.hashed:
        return _asset_step(file, headers, old, there.get(key), store)
    if key in there and matches(file, there[key]):
        return Step(file.path, "keep", RESUMED, file.size), there[key]
    if old is None:
        return Step(file.path, "upload", "new", file.size), ""
    if old.sha256 != file.sha256:
        return Step(file.path, "upload", "changed", file.size), ""
    if file.size >= COPY_FROM and old.etag:
        return Step(file.path, "copy", "unchanged, belongs into the release", file.size), ""
    why = "unchanged, belongs into the release" if old.headers == headers else "other headers"
    return Step(file.path, "upload", why, file.size), ""


def _asset_step(
    file: SiteFile, headers: Headers, old: Entry | None, etag: str | None, store: ObjectStore
) -> tuple[Step, str]:
    if old is not None and old.sha256 != file.sha256:
        why = "has other content than the live release under the same hashed name; give it a new name"
        return Step(file.path, "refuse", why), ""
    if old is not None and (etag is None or etag == old.etag):
        if old.headers == headers:
            return Step(file.path, "keep", "in the bucket", file.size), old.etag
        return Step(file.path, "headers", "other headers", file.size), ""
    if etag is None:
        return Step(file.path, "upload", "new", file.size), ""
    if not matches(file, etag) and not _same_content(file, store):
        why = "there is an object with other content under the same hashed name; give the file a new name"
        return Step(file.path, "refuse", why), ""
    # Whose it is and which headers it has is not known: it is looked at before it counts.
    return Step(file.path, "headers", FOUND, file.size), ""


def _same_content(file: SiteFile, store: ObjectStore) -> bool:
    """Under SSE-KMS, and of an object sent in parts, the ETag does not tell."""
    present = store.get(file.path)
    return present is None or hashlib.sha256(present.data).hexdigest() == file.sha256


def matches(file: SiteFile, etag: str) -> bool:
    return md5_of_file(file) == etag
