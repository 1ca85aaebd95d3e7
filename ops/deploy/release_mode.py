"""Release mode: an immutable release beside the live one, then one flip.

Order of writes: a mark, every object, the manifest, the pointer. Whatever stops the run before the last
of them leaves the live site as it was; the next run of the same tree takes up what is there.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.deploy import bookkeeping, collection
from ops.deploy.context import Context, Step
from ops.deploy.hashing import open_unchanged
from ops.deploy.headers import Headers
from ops.deploy.health import UnhealthyError, probes_for
from ops.deploy.manifest import Entry, Manifest, of_tree
from ops.deploy.marks import Mark, wait_for_collection
from ops.deploy.pointer import State
from ops.deploy.pool import Task, all_done, for_each
from ops.deploy.reading import Site
from ops.deploy.rules import ERROR_PAGE, printable
from ops.deploy.store import ChangedError, ExistsError, Head, ObjectStore, StoreError, let_go, md5_of
from ops.deploy.tree import Names, SiteFile, listed
from ops.deploy.ui import uninterrupted
from ops.errors import OpsError, UsageError

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
    if key in there and _matches(file, there[key]):
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
    if not _matches(file, etag) and not _same_content(file, store):
        why = "there is an object with other content under the same hashed name; give the file a new name"
        return Step(file.path, "refuse", why), ""
    # Whose it is and which headers it has is not known: it is looked at before it counts.
    return Step(file.path, "headers", FOUND, file.size), ""


def _same_content(file: SiteFile, store: ObjectStore) -> bool:
    """Under SSE-KMS, and of an object sent in parts, the ETag does not tell."""
    present = store.get(file.path)
    return present is None or hashlib.sha256(present.data).hexdigest() == file.sha256


def _matches(file: SiteFile, etag: str) -> bool:
    data = open_unchanged(file)
    try:
        return md5_of(data) == etag
    finally:
        let_go(data)


def apply(context: Context, site: Site, plan: Plan) -> State:
    """Does what the plan says and gives the pointer's new state.

    Raises:
        OpsError: it failed; the message says what is live.
    """
    if plan.nothing:
        _mend_error_page(context, site, plan)
        return plan.state
    with Mark(context.store, site.release, context.who) as mark:
        before = Task(lambda: context.pointer.confirm(plan.state))
        try:
            _Sender(context, site, plan).run()
        finally:
            before.wait()
        manifest = of_tree(site.release, context.now(), site.tree.files, site.rules, plan.etags)
        bookkeeping.save(context.store, manifest)
        context.record("whole", release=site.release, files=len(manifest.files))
        with uninterrupted(context.ui, "the release goes live in a moment"):
            state = flip(context, manifest, before.result(), plan.active, plan.known)
            # The manifest speaks for the release from here on.
            mark.begin_to_remove()
            put_error_page(context, site, plan.active)
        check_live(context, manifest, plan.active, before.result(), state)
    plan.known.marks.pop(site.release, None)
    plan.known.releases[site.release] = datetime.fromtimestamp(context.now(), UTC)
    collection.collect(context, state, plan.known)
    return state


class _Sender:
    """Sends what is not there yet."""

    def __init__(self, context: Context, site: Site, plan: Plan) -> None:
        self._context = context
        self._site = site
        self._plan = plan
        self._found: list[SiteFile] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        files = self._site.files
        work = [
            (files[step.path], step)
            for step in self._plan.steps
            if step.action in ("upload", "copy", "headers")
        ]
        # The largest first: the last seconds are not spent on one of them alone.
        work.sort(key=lambda item: -item[0].size)
        with self._context.ui.progress("Uploading", len(work), sum(file.size for file, _ in work)) as meter:

            def send(item: tuple[SiteFile, Step]) -> None:
                file, step = item
                etag = self._one(file, step)
                with self._lock:
                    self._plan.etags[file.path] = etag
                meter.add(file.size)

            for_each(work, send, threads=self._context.threads(), tick=meter.tick)
        resumed = [files[step.path] for step in self._plan.steps if step.reason == RESUMED]
        if self._found or resumed:
            self._look_again(resumed)

    def _one(self, file: SiteFile, step: Step) -> str:
        headers = self._site.rules.headers_for(file.path)
        key = release_key(self._site.release, file)
        store = self._context.store
        if step.action == "copy" and self._plan.active:
            old = self._plan.active.files[file.path]
            source = f"_releases/{self._plan.active.id}/{file.path}"
            try:
                etag = store.copy(source, key, headers, etag=old.etag)
                if etag == old.etag:
                    return etag
            except (ChangedError, StoreError) as failure:
                self._context.record("copy-failed", path=file.path, why=str(failure))
        if step.reason == FOUND:
            head = store.head(key)
            if head is not None and head.headers == headers:
                self._found.append(file)
                return head.etag
        data = open_unchanged(file)
        try:
            return store.put(key, data, headers, create=file.hashed and step.action == "upload")
        except ExistsError:
            return self._existing(file, key, data)
        finally:
            let_go(data)

    def _existing(self, file: SiteFile, key: str, data: object) -> str:
        """An asset nobody had listed: the same bytes are as good as sent, others end the run."""
        headers = self._site.rules.headers_for(file.path)
        store = self._context.store
        head = store.head(key)
        if head is None:
            return store.put(key, data, headers)
        if head.etag != md5_of(data):
            present = store.get(key)
            if present is None or hashlib.sha256(present.data).hexdigest() != file.sha256:
                raise OpsError(
                    f"{printable(file.path)}: the bucket has an object with other content under "
                    "the same hashed name. "
                    "It was not touched and nothing is live of this run; give the file a new name"
                )
        self._found.append(file)
        return head.etag if head.headers == headers else store.put(key, data, headers)

    def _look_again(self, resumed: list[SiteFile]) -> None:
        """What was found and not sent may have been collected since: by now it cannot be any more."""
        store = self._context.store
        wait_for_collection(store, self._context.ui.say)
        prefix = f"_releases/{self._site.release}/"
        there = {row.key for row in store.list(prefix)} if resumed else set()
        missing = [file for file in resumed if prefix + file.path not in there]

        def look(file: SiteFile) -> None:
            if store.head(file.path) is None:
                missing.append(file)

        def send(file: SiteFile) -> None:
            data = open_unchanged(file)
            try:
                key = release_key(self._site.release, file)
                self._plan.etags[file.path] = store.put(key, data, self._site.rules.headers_for(file.path))
            finally:
                let_go(data)

        for_each(self._found, look, threads=16)
        for_each(missing, send, threads=16)


def flip(
    context: Context, manifest: Manifest, before: State, active: Manifest | None, known: bookkeeping.Known
) -> State:
    """Checks the release through the CDN, then points to it."""
    if context.health and not context.dry_run:
        probes = probes_for(_hashes(manifest), _hashes(active))
        if context.health.preview(manifest.id, probes):
            context.record("preview-healthy", release=manifest.id)
        else:
            context.ui.note("the store has no preview-token: the release is checked only once it is live")
    history = before.moved_to(manifest.id, context.now())
    known.older |= bookkeeping.keep_overflow(context.store, before, history)
    state = context.pointer.move(before, manifest.id, history)
    context.record("live", release=manifest.id, before=before.active)
    return state


def check_live(
    context: Context, manifest: Manifest, active: Manifest | None, before: State, state: State
) -> None:
    """Looks at the live site, and flips back if it does not show the release.

    Raises:
        UnhealthyError: it was flipped back.
    """
    if context.health is None or context.dry_run:
        return
    try:
        context.health.live(manifest.id, probes_for(_hashes(manifest), _hashes(active)))
    except UnhealthyError as failure:
        back = before.active
        context.pointer.move(state, back, before.history)
        context.record("flipped-back", release=manifest.id, to=back)
        restore_error_page(context, active, manifest)
        raise UnhealthyError(
            f"{failure}\nthe site was put back to {f'release {back}' if back else 'no release'}; "
            f"release {manifest.id} stays in the bucket and is not live"
        ) from failure


def _hashes(manifest: Manifest | None) -> dict[str, str]:
    return {path: entry.sha256 for path, entry in manifest.files.items()} if manifest else {}


def put_error_page(context: Context, site: Site, active: Manifest | None) -> None:
    """The custom error response is fetched past the edge function, so its page has a plain key too.

    Args:
        context: store.
        site: the live release.
        active: the release before it: an error page of that one which the new one lacks is taken away.
    """
    file = site.files.get(ERROR_PAGE)
    if file is not None:
        context.store.put(ERROR_PAGE, open_unchanged(file), site.rules.headers_for(ERROR_PAGE))
    elif active and ERROR_PAGE in active.files:
        context.store.delete([ERROR_PAGE])


def _mend_error_page(context: Context, site: Site, plan: Plan) -> None:
    """The same of a release that is live already: a run may have ended between its flip and this."""
    file = site.files.get(ERROR_PAGE)
    if file is None:
        return
    head = plan.error_page.result() if plan.error_page else context.store.head(ERROR_PAGE)
    if head is None or head.headers != site.rules.headers_for(ERROR_PAGE) or not _matches(file, head.etag):
        put_error_page(context, site, None)


def restore_error_page(context: Context, target: Manifest | None, present: Manifest | None) -> None:
    """Puts the error page of a release that goes live again at its plain key."""
    entry = target.files.get(ERROR_PAGE) if target else None
    if target and entry:
        head = context.store.head(ERROR_PAGE)
        if head is None or head.etag != entry.etag or head.headers != entry.headers:
            context.store.copy(f"_releases/{target.id}/{ERROR_PAGE}", ERROR_PAGE, entry.headers)
    elif present and ERROR_PAGE in present.files:
        context.store.delete([ERROR_PAGE])
