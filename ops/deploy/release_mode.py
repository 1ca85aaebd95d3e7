"""Release mode: an immutable release beside the live one, then one flip.

Order of writes: a mark, every object, the manifest, the pointer. Whatever stops the run before the last
of them leaves the live site as it was; the next run of the same tree takes up what is there.
"""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime

from ops.deploy import bookkeeping, collection
from ops.deploy.context import Context, Step
from ops.deploy.hashing import open_unchanged, put_file
from ops.deploy.health import UnhealthyError, probes_for
from ops.deploy.manifest import Manifest, of_tree
from ops.deploy.marks import Mark, wait_for_collection
from ops.deploy.pointer import State
from ops.deploy.pool import Task, for_each
from ops.deploy.reading import Site
from ops.deploy.release_plan import FOUND, RESUMED, Plan, matches, release_key
from ops.deploy.rules import ERROR_PAGE, printable
from ops.deploy.store import ChangedError, ExistsError, StoreError, let_go, md5_of
from ops.deploy.tree import SiteFile
from ops.deploy.ui import uninterrupted
from ops.errors import OpsError


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
            key = release_key(self._site.release, file)
            self._plan.etags[file.path] = put_file(store, key, file, self._site.rules.headers_for(file.path))

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
        put_file(context.store, ERROR_PAGE, file, site.rules.headers_for(ERROR_PAGE))
    elif active and ERROR_PAGE in active.files:
        context.store.delete([ERROR_PAGE])


def _mend_error_page(context: Context, site: Site, plan: Plan) -> None:
    """The same of a release that is live already: a run may have ended between its flip and this."""
    file = site.files.get(ERROR_PAGE)
    if file is None:
        return
    head = plan.error_page.result() if plan.error_page else context.store.head(ERROR_PAGE)
    if head is None or head.headers != site.rules.headers_for(ERROR_PAGE) or not matches(file, head.etag):
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
