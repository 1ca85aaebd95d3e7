"""In place: for a site without a key-value store. Assets first, pages next, deletes last.

Order of writes: the lock, a note of what is about to change, copies of the pages that will be replaced
(for rollback), assets (new ones with a hash in their names wait for neither), pages and beside them the
manifest, deletes after a grace, one invalidation, the pointer. A run that is cut off leaves no page without
its assets; the next one goes by the last completed deploy and by the note, so that it sends and invalidates
what is still half done.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from ops.deploy import bookkeeping, collection
from ops.deploy.context import BOOKKEEPING, Context, Step
from ops.deploy.hashing import put_file
from ops.deploy.in_place_plan import KEPT, PENDING_KEY, Plan, pending_paths
from ops.deploy.manifest import Entry, Manifest
from ops.deploy.marks import Lock
from ops.deploy.pointer import LostRaceError, State
from ops.deploy.pool import Task, all_done, for_each
from ops.deploy.rules import is_hashed_asset, is_page
from ops.deploy.store import ChangedError, ExistsError, StoreError
from ops.deploy.ui import uninterrupted
from ops.errors import OpsError

_OVERTAKEN = "another deploy of this bucket finished in the meantime; run again to go over it"


def apply(context: Context, found: Plan) -> State:
    """Does what the plan says and gives the pointer's new state.

    Raises:
        LockedError: another deployer is at work.
        LostRaceError: another one finished since the plan was made.
        OpsError: something failed; what is half done is mended by the next run.
    """
    if found.nothing:
        return found.state
    with Lock(context.store, context.who, context.lost, say=context.ui.say) as lock:
        confirmed = Task(lambda: _confirm(context, found))
        note = Task(lambda: _note_pending(context, found, confirmed))

        def ready(step: Step) -> bool:
            # No page names it yet, and what is there by now is not touched.
            if step.path not in found.there and is_hashed_asset(step.path):
                return True
            confirmed.result()
            if step.path in found.there:
                note.result()
            return False

        try:
            if going := _to_keep(found):
                confirmed.result()
                _keep_pages(context, going)
            lock.check()
            _send(context, found, [s for s in found.steps if not is_page(s.path)], "Uploading assets", ready)
        finally:
            # Within the lock: to the next run a note that comes later is another deploy's.
            note.wait()
        note.result()
        lock.check()
        with uninterrupted(context.ui, "the pages are being replaced; the run ends when the site is whole"):
            written = Task(lambda: _write_ahead(context, found))
            try:
                _send(context, found, [s for s in found.steps if is_page(s.path)], "Uploading pages")
                lock.check()
                failed = _delete(context, found)
            finally:
                written.wait()
            invalidated = Task(lambda: _invalidate(context, found))
            if failed:
                invalidated.result()
                raise OpsError(
                    f"{len(failed)} objects were not deleted: {'; '.join(failed[:5])}. "
                    "The new site is online; run again to delete them"
                )
            state = _complete(context, found, written, invalidated)
            # With the lock in one call, and last: until then another run would go over this one.
            lock.also_delete.append(PENDING_KEY)
        _collect(context, found, state)
    return state


def _confirm(context: Context, found: Plan) -> None:
    """Nobody has finished between the plan and the lock.

    Raises:
        LostRaceError: somebody has.
    """
    state, pending = Task(context.pointer.read), Task(lambda: pending_paths(context.store))
    all_done(state, pending)
    if state.result().version != found.state.version or pending.result() != found.pending:
        raise LostRaceError(_OVERTAKEN)


def _note_pending(context: Context, found: Plan, confirmed: Task[None]) -> None:
    """Paths, not releases: enough to send, delete and invalidate again after an interruption."""
    confirmed.result()
    changing = {step.path for step in found.steps if step.action != "keep"} | found.pending
    body = json.dumps({"release": found.release, "paths": sorted(changing)}, ensure_ascii=False).encode()
    context.store.put(PENDING_KEY, body, BOOKKEEPING)


def _to_keep(found: Plan) -> dict[str, Entry]:
    """What is about to be replaced, by path; what an interrupted run has replaced was kept by that run."""
    old = found.base.files if found.base else {}
    return {
        step.path: old[step.path]
        for step in found.steps
        if step.action in ("upload", "delete") and not is_hashed_asset(step.path) and step.path in old
        and step.path in found.there
    }  # fmt: skip


def _keep_pages(context: Context, going: dict[str, Entry]) -> None:
    def keep(path: str) -> None:
        old = going[path]
        try:
            context.store.copy(path, KEPT + old.sha256, None, etag=old.etag)
        except ChangedError:
            context.record("not-kept", path=path, why="it is not what the last completed deploy put there")

    with context.ui.progress("Keeping the present pages", len(going), 0):
        for_each(going, keep, threads=context.threads())


def _send(
    context: Context,
    found: Plan,
    steps: list[Step],
    what: str,
    ready: Callable[[Step], bool] = lambda step: False,
) -> None:
    """Sends what has changed.

    Args:
        context: of the run.
        found: the plan.
        steps: those of the plan to look at.
        what: for the progress.
        ready: waits for what a step must not overtake; True: it is only sent where nothing is.

    Raises:
        LostRaceError: something is there that was not when the plan was made.
    """
    work = [step for step in steps if step.action in ("upload", "headers")]
    work.sort(key=lambda step: -step.size)
    with context.ui.progress(what, len(work), sum(step.size for step in work)) as meter:

        def send(step: Step) -> None:
            create = ready(step)
            entry = found.target[step.path]
            file = found.sources.get(step.path)
            if file is None:
                etag = _restore(context, step, entry)
            else:
                try:
                    etag = put_file(context.store, step.path, file, entry.headers, create=create)
                except ExistsError:
                    raise LostRaceError(_OVERTAKEN) from None
            found.target[step.path] = entry._replace(etag=etag)
            meter.add(step.size)

        for_each(work, send, threads=context.threads(), stop=context.lost, tick=meter.tick)


def _restore(context: Context, step: Step, entry: Entry) -> str:
    source = step.path if step.action == "headers" else KEPT + entry.sha256
    etag = context.store.copy(source, step.path, entry.headers)
    if entry.etag and etag != entry.etag:
        raise StoreError(f"{step.path}: the kept page has other content than the release had")
    return etag


def _delete(context: Context, found: Plan) -> list[str]:
    going = [step.path for step in found.steps if step.action == "delete"]
    if not going:
        return []
    # Whoever has just loaded an old page still asks for what it names; pages name no pages to load.
    if not context.dry_run and any(not is_page(path) for path in going):
        time.sleep(context.grace_s)
    return [f"{key}: {reason}" for key, reason in context.store.delete(going)]


def _invalidate(context: Context, found: Plan) -> None:
    paths = found.invalidations
    if context.invalidation is None or not paths or context.dry_run:
        return
    reference = f"{found.release}-{secrets.token_hex(8)}"
    made = context.invalidation.create(context.invalidation.distribution_id, paths, reference)
    context.record("invalidated", paths=paths, invalidation=made)


def _write_ahead(context: Context, found: Plan) -> dict[str, Entry] | None:
    """Writes the manifest while the pages are still being sent: nothing names it before the pointer does.

    Returns:
        What was written; None where it cannot be known before S3 has answered.
    """
    sent = {step.path for step in found.steps if step.action in ("upload", "headers") and is_page(step.path)}
    files = {}
    for path, entry in list(found.target.items()):
        if path in sent:
            source = found.sources.get(path)
            etag = source.md5 if source else entry.etag
        else:
            etag = entry.etag or found.there[path].etag
        if not etag:
            return None
        files[path] = entry._replace(etag=etag)
    bookkeeping.save(context.store, Manifest(found.release, context.now(), files))
    return files


def _complete(
    context: Context, found: Plan, written: Task[dict[str, Entry] | None], invalidated: Task[None]
) -> State:
    """Moves the pointer when the manifest is written as it is and CloudFront has been told."""
    try:
        for path, entry in found.target.items():
            if not entry.etag:
                found.target[path] = entry._replace(etag=found.there[path].etag)
        if written.result() != found.target:
            # Under SSE-KMS an ETag is no MD5.
            bookkeeping.save(context.store, Manifest(found.release, context.now(), found.target))
    finally:
        invalidated.wait()
    invalidated.result()
    history = found.state.moved_to(found.release, context.now())
    state = context.pointer.move(found.state, found.release, history)
    context.record("live", release=found.release, before=found.state.active)
    return state


def _collect(context: Context, found: Plan, state: State) -> None:
    """Under the lock: old manifests, the pages and assets that only they name."""
    releases = {**found.known.releases, found.release: datetime.fromtimestamp(context.now(), UTC)}
    gone = collection.victims(releases, state, found.known.older, context.now())[: collection.MOST_A_RUN]
    if not gone:
        return
    manifests = {release: bookkeeping.load(context.store, release) for release in gone}
    kept = [bookkeeping.load(context.store, release) for release in {*releases, state.active} - set(gone)]
    if any(manifest is None for manifest in kept):
        context.record("collection-left-out", why="a manifest cannot be read")
        return
    named = {path for manifest in kept if manifest for path in manifest.files}
    contents = {entry.sha256 for manifest in kept if manifest for entry in manifest.files.values()}
    old = [manifest for manifest in manifests.values() if manifest]
    keys = {path for manifest in old for path in manifest.assets if path not in named}
    keys |= {KEPT + e.sha256 for m in old for e in m.files.values() if e.sha256 not in contents}
    failures = context.store.delete(sorted(keys) + [f"_deploy/manifests/{release}.json" for release in gone])
    if failures:
        raise OpsError(
            f"{len(failures)} objects of old releases were not deleted, {failures[0].key}: "
            f"{failures[0].reason}. "
            "The new site is online; the next deploy tries again"
        )
    context.record("collected", releases=gone, objects=len(keys))
