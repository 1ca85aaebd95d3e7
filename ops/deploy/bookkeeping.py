"""The deployer's own objects in the bucket: known releases, manifests, an overlong history."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

from ops.deploy.context import BOOKKEEPING
from ops.deploy.manifest import (
    SUMMARY_BYTES,
    Manifest,
    ManifestError,
    Summary,
    decode,
    decode_summary,
    encode,
    manifest_key,
    release_of_key,
)
from ops.deploy.marks import MARKS
from ops.deploy.pointer import HISTORY_BYTES, State, Turn, encode_history
from ops.deploy.pool import for_each
from ops.deploy.store import ObjectStore, StoreError

HISTORY_KEY = "_deploy/history.json"
_LIST_UNTIL = "_deploy/n"
"""Kept pages (``_deploy/pages/``) come after everything that is listed here."""


@dataclass
class Known:
    """What lies under ``_deploy/``.

    Attributes:
        releases: when the manifest of each release was written, by AWS's clock.
        marks: when each mark was left or refreshed.
        older: last live by release, of what no longer fits beside the pointer.
    """

    releases: dict[str, datetime] = field(default_factory=dict)
    marks: dict[str, datetime] = field(default_factory=dict)
    older: dict[str, int] = field(default_factory=dict)


def known(store: ObjectStore) -> Known:
    """Lists the bookkeeping: one call for a site with fewer than about 900 releases."""
    found = Known()
    has_history = False
    for row in store.list("_deploy/", until=_LIST_UNTIL):
        if release := release_of_key(row.key):
            found.releases[release] = row.modified
        elif row.key.startswith(MARKS):
            found.marks[row.key[len(MARKS) :]] = row.modified
        elif row.key == HISTORY_KEY:
            has_history = True
    if has_history:
        found.older = _older(store)
    return found


def load(store: ObjectStore, release: str) -> Manifest | None:
    """The manifest of a release; None when there is none that can be read."""
    found = store.get(manifest_key(release))
    if found is None:
        return None
    try:
        return decode(found.data)
    except ManifestError:
        return None


def save(store: ObjectStore, manifest: Manifest) -> None:
    """Writes a manifest; in release mode the release is whole from here on."""
    store.put(manifest_key(manifest.id), encode(manifest), BOOKKEEPING)


def summaries(store: ObjectStore, releases: list[str]) -> dict[str, Summary]:
    """The first line of each manifest; a manifest that cannot be read is left off."""
    found: dict[str, Summary] = {}

    def read(release: str) -> None:
        try:
            head = store.get(manifest_key(release), first=SUMMARY_BYTES)
        except StoreError:
            head = store.get(manifest_key(release))  # an S3 look-alike without ranges
        if head is not None:
            try:
                found[release] = decode_summary(head.data)
            except ManifestError:
                return

    for_each(releases, read, threads=16)
    return found


def keep_overflow(
    store: ObjectStore, before: State, history: tuple[Turn, ...], limit: int = HISTORY_BYTES
) -> dict[str, int]:
    """Writes down what will not fit beside the pointer, before it is moved.

    The collection keeps what was live within 14 days; with many releases a day the pointer's own
    history is too short to tell. Gives all that is written down; empty when everything fits.
    """
    kept = {word.partition(":")[0] for word in encode_history(history, limit).split()}
    dropped = [turn.release for turn in history if turn.release not in kept]
    if not dropped:
        return {}
    ends = State(before.active, history).last_live(history[0].since)
    older = _older(store)
    for release in dropped:
        older[release] = max(older.get(release, 0), ends[release])
    newest = dict(sorted(older.items(), key=lambda item: -item[1])[:1000])
    store.put(HISTORY_KEY, json.dumps(newest).encode(), BOOKKEEPING)
    return newest


def _older(store: ObjectStore) -> dict[str, int]:
    found = store.get(HISTORY_KEY)
    if found is None:
        return {}
    try:
        return {str(release): int(when) for release, when in json.loads(found.data).items()}
    except (ValueError, AttributeError, TypeError):
        return {}
