"""In place: for a site without a key-value store. Assets first, pages next, deletes last.

Order of writes: the lock, a note of what is about to change, copies of the pages that will be replaced
(for rollback), assets (new ones need not wait for the note), pages, deletes after a grace, one
invalidation, the manifest, the pointer. A run that is cut off leaves no page without its assets; the
next one goes by the last completed deploy and by the note, so that it sends and invalidates what is
still half done.
"""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime

from ops.deploy import bookkeeping, collection
from ops.deploy.context import BOOKKEEPING, Context, Step
from ops.deploy.hashing import put_file
from ops.deploy.in_place_plan import KEPT, PENDING_KEY, Plan, pending_paths
from ops.deploy.manifest import Entry, Manifest
from ops.deploy.marks import Lock
from ops.deploy.pointer import LostRaceError, State
from ops.deploy.pool import Task, for_each
from ops.deploy.rules import is_hashed_asset, is_page
from ops.deploy.store import ChangedError, StoreError
from ops.deploy.ui import uninterrupted
from ops.errors import OpsError


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
        pending = Task(lambda: pending_paths(context.store))
        if context.pointer.read().version != found.state.version or pending.result() != found.pending:
            raise LostRaceError(
                "another deploy of this bucket finished in the meantime; run again to go over it"
            )
        note = Task(lambda: _note_pending(context, found))
        try:
            _keep_pages(context, found)
            assets = [step for step in found.steps if not is_page(step.path)]
            if any(step.action in ("upload", "headers") and step.path in found.there for step in assets):
                note.result()
            # Else they are all new: no page names them yet, and nobody has seen them.
            lock.check()
            _send(context, found, assets, "Uploading assets")
        finally:
            # Within the lock: to the next run a note that comes later is another deploy's.
            note.wait()
        note.result()
        lock.check()
        with uninterrupted(context.ui, "the pages are being replaced; the run ends when the site is whole"):
            _send(context, found, [s for s in found.steps if is_page(s.path)], "Uploading pages")
            lock.check()
            failed = _delete(context, found)
            invalidated = Task(lambda: _invalidate(context, found))
            if failed:
                invalidated.result()
                raise OpsError(
                    f"{len(failed)} objects were not deleted: {'; '.join(failed[:5])}. "
                    "The new site is online; run again to delete them"
                )
            state = _complete(context, found, invalidated)
            # With the lock in one call, and last: until then another run would go over this one.
            lock.also_delete.append(PENDING_KEY)
        _collect(context, found, state)
    return state


def _note_pending(context: Context, found: Plan) -> None:
    """Paths, not releases: enough to send, delete and invalidate again after an interruption."""
    changing = {step.path for step in found.steps if step.action != "keep"} | found.pending
    body = json.dumps({"release": found.release, "paths": sorted(changing)}, ensure_ascii=False).encode()
    context.store.put(PENDING_KEY, body, BOOKKEEPING)


def _keep_pages(context: Context, found: Plan) -> None:
    """Copies what is about to be replaced. A page an interrupted run has replaced was kept by that run."""
    base = found.base
    if base is None:
        return
    going = [
        step.path
        for step in found.steps
        if step.action in ("upload", "delete") and not is_hashed_asset(step.path) and step.path in base.files
        and step.path in found.there
    ]  # fmt: skip

    def keep(path: str) -> None:
        old = base.files[path]
        try:
            context.store.copy(path, KEPT + old.sha256, None, etag=old.etag)
        except ChangedError:
            context.record("not-kept", path=path, why="it is not what the last completed deploy put there")

    with context.ui.progress("Keeping the present pages", len(going), 0):
        for_each(going, keep, threads=context.threads())


def _send(context: Context, found: Plan, steps: list[Step], what: str) -> None:
    work = [step for step in steps if step.action in ("upload", "headers")]
    work.sort(key=lambda step: -step.size)
    with context.ui.progress(what, len(work), sum(step.size for step in work)) as meter:

        def send(step: Step) -> None:
            entry = found.target[step.path]
            file = found.sources.get(step.path)
            if file is None:
                etag = _restore(context, step, entry)
            else:
                etag = put_file(context.store, step.path, file, entry.headers)
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


def _complete(context: Context, found: Plan, invalidated: Task[None]) -> State:
    """Writes the manifest while CloudFront is told; the pointer only moves when both are done."""
    for path, entry in found.target.items():
        if not entry.etag:
            found.target[path] = entry._replace(etag=found.there[path].etag)
    bookkeeping.save(context.store, Manifest(found.release, context.now(), found.target))
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
