"""Garbage collection: old releases, their assets, what interrupted runs left.

Kept: the active release, the one before it, the newest five, and all that were live within 14 days.
Two deployers may work at the same time, without a lock. What makes it safe: who deploys leaves a mark
before looking at what exists, who collects leaves one before looking for marks. At least one of them
sees the other; the collector then gives up, the deployer waits and looks again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from ops.deploy import bookkeeping
from ops.deploy.context import BOOKKEEPING, Context
from ops.deploy.manifest import Manifest, manifest_key
from ops.deploy.marks import COLLECT_KEY, MARK_STALE_S, MARKS
from ops.deploy.pointer import State
from ops.deploy.store import ChangedError, ExistsError, StoreError

NEWEST = 5
LIVE_WITHIN_S = 14 * 24 * 3600
ORPHAN_AGE = timedelta(days=1)
MOST_A_RUN = 10
"""Releases one run collects: the rest is left to the next ones."""


def victims(releases: Mapping[str, datetime], state: State, older: Mapping[str, int], now: int) -> list[str]:
    """The releases that may go, the oldest first. Pure.

    Args:
        releases: when each manifest was written.
        state: the pointer.
        older: last live of what no longer fits beside the pointer.
        now: seconds since 1970, AWS's clock.
    """
    newest = sorted(releases, key=lambda release: (releases[release], release), reverse=True)[:NEWEST]
    live = {**older, **state.last_live(now)}
    kept = {state.active, state.previous, *newest}
    kept |= {release for release, last in live.items() if now - last <= LIVE_WITHIN_S}
    return sorted(
        (release for release in releases if release not in kept), key=lambda release: releases[release]
    )


def collect(context: Context, state: State, known: bookkeeping.Known) -> None:
    """Deletes what may go; whatever fails is said and left to the next run: the site is live already."""
    try:
        _collect(context, state, known)
    except StoreError as failure:
        context.ui.warn(f"old releases were not collected, the next deploy tries again: {failure}")


def _collect(context: Context, state: State, known: bookkeeping.Known) -> None:
    store = context.store
    gone = victims(known.releases, state, known.older, context.now())[:MOST_A_RUN]
    stale = [release for release, when in known.marks.items() if _age(context, when) > MARK_STALE_S]
    # An interrupted run leaves its mark; without a manifest its objects belong to nobody.
    orphans = [release for release in stale if release not in known.releases and release != state.active]
    if not (gone or stale):
        return
    if any(_age(context, when) <= MARK_STALE_S for when in known.marks.values()):
        context.record("collection-left-out", why="another deploy is under way")
        return
    if not _begin(context):
        return
    try:
        _delete_releases(context, gone, orphans, stale)
    finally:
        store.delete([COLLECT_KEY])


def _begin(context: Context) -> bool:
    body = json.dumps({"who": context.who}).encode()
    try:
        context.store.put(COLLECT_KEY, body, BOOKKEEPING, create=True)
        return True
    except ExistsError:
        head = context.store.head(COLLECT_KEY)
        if head is None or (head.now - head.modified).total_seconds() <= MARK_STALE_S:
            return False
    try:
        context.store.put(COLLECT_KEY, body, BOOKKEEPING, if_match=head.etag)
        return True
    except ChangedError:
        return False


def _delete_releases(context: Context, gone: list[str], orphans: list[str], stale: list[str]) -> None:
    store = context.store
    # After our own mark: whoever deploys from here on sees it and waits.
    for row in store.list(MARKS):
        if row.key[len(MARKS) :] not in stale and _age(context, row.modified) <= MARK_STALE_S:
            context.record("collection-left-out", why="another deploy is under way")
            return
    manifests = {release: bookkeeping.load(store, release) for release in gone}
    _delete(context, [manifest_key(release) for release in gone])
    # A rollback looks for the manifest after its flip, we look at the pointer after deleting the
    # manifest: one of the two sees the other.
    active = context.pointer.read().active if not context.dry_run else ""
    if active in manifests:
        manifest = manifests.pop(active)
        if manifest:
            bookkeeping.save(store, manifest)
        gone = [release for release in gone if release != active]
    now_known = bookkeeping.known(store)
    _delete_unnamed_assets(context, [m for m in manifests.values() if m], list(now_known.releases))
    for release in [*gone, *orphans]:
        rows = list(store.list(f"_releases/{release}/"))
        if release in orphans and any(
            _age(context, row.modified) < ORPHAN_AGE.total_seconds() for row in rows
        ):
            continue
        _delete(context, [row.key for row in rows])
        context.record("collected", release=release, objects=len(rows))
    _delete(context, [MARKS + release for release in stale])


def _delete_unnamed_assets(context: Context, gone: list[Manifest], kept: list[str]) -> None:
    doubtful = set().union(*(manifest.assets for manifest in gone)) if gone else set()
    for release in kept:
        if not doubtful:
            return
        manifest = bookkeeping.load(context.store, release)
        if manifest is None:
            context.record("assets-left", why=f"the manifest of {release} cannot be read")
            return
        doubtful -= set(manifest.files)
    _delete(context, sorted(doubtful))


def _delete(context: Context, keys: list[str]) -> None:
    if not keys:
        return
    failures = context.store.delete(keys)
    if failures:
        raise StoreError(f"{len(failures)} objects were not deleted, {failures[0].key}: {failures[0].reason}")


def _age(context: Context, when: datetime) -> float:
    return context.now() - when.timestamp()
