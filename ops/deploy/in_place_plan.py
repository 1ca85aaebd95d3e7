"""In place: what will be done with every path, and why. Reads, writes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ops.deploy import bookkeeping
from ops.deploy.context import Context, Step
from ops.deploy.hashing import md5_of_file
from ops.deploy.invalidation import paths_for
from ops.deploy.listing import present
from ops.deploy.manifest import Entry, Manifest, of_tree
from ops.deploy.pointer import BucketPointer, State
from ops.deploy.pool import Task, all_done, for_each
from ops.deploy.reading import Site
from ops.deploy.rules import OWN_PREFIXES, is_hashed_asset
from ops.deploy.store import Listed, ObjectStore
from ops.deploy.tree import SiteFile, cuts, listed
from ops.errors import OpsError, UsageError

PENDING_KEY = "_deploy/pending.json"
KEPT = "_deploy/pages/"
"""Pages of earlier deploys by content hash: what a rollback puts back."""


@dataclass
class Plan:
    """What a deploy or a rollback in place will do.

    Attributes:
        release: its id.
        steps: one a path, sorted.
        state: the pointer it was planned on.
        base: the last completed deploy; None: none of ours.
        pending: paths an interrupted run was about to change.
        there: what the bucket holds.
        target: content, size, headers by path of what is to be there.
        sources: local file by path; a path without one comes from the kept pages.
        invalid: paths of the site whose cached form is out of date.
        nothing: there is nothing to do.
        known: the bookkeeping.
    """

    release: str
    steps: list[Step]
    state: State
    base: Manifest | None
    pending: set[str]
    there: Mapping[str, Listed]
    target: dict[str, Entry]
    sources: Mapping[str, SiteFile]
    invalid: list[str] = field(default_factory=list)
    nothing: bool = False
    known: bookkeeping.Known = field(default_factory=bookkeeping.Known)

    @property
    def invalidations(self) -> list[str]:
        """What CloudFront is told."""
        return paths_for(self.invalid)


@dataclass
class Looked:
    """What a plan needs to know of the bucket, whatever the site is.

    Attributes:
        state: the pointer.
        base: manifest of the last completed deploy; None: there is none, or it cannot be read.
        pending: paths an interrupted run was about to change.
        known: the bookkeeping.
        there: what the bucket holds.
    """

    state: State
    base: Manifest | None
    pending: set[str]
    known: bookkeeping.Known
    there: Mapping[str, Listed]


def look(store: ObjectStore, cuts: Callable[[], Sequence[str]], state: State | None = None) -> Looked:
    """Reads what a plan needs to know of the bucket, side by side and while the site is being read.

    Args:
        store: the bucket.
        cuts: gives the paths that cut its list into ranges.
        state: the pointer, if it has been read already.
    """
    known = Task(lambda: bookkeeping.known(store))
    pending = Task(lambda: pending_paths(store))
    there = Task(lambda: present(store, cuts()))
    base = Task(lambda: _base(store, state))
    all_done(base, known, pending, there)
    return Looked(*base.result(), pending.result(), known.result(), there.result())


def _base(store: ObjectStore, state: State | None) -> tuple[State, Manifest | None]:
    state = state or BucketPointer(store).read()
    return state, bookkeeping.load(store, state.active) if state.active else None


def target_of(context: Context, site: Site) -> dict[str, Entry]:
    """What is to be in the bucket, by path; the ETags are not known yet."""
    return of_tree(site.release, context.now(), site.tree.files, site.rules, {}).files


def plan(
    context: Context, site: Site, target: dict[str, Entry], looked: Looked, *, max_deletes: int, prune: bool
) -> Plan:
    """Decides what is done with every path, and why; reads, writes nothing.

    Raises:
        UsageError: more deletes than allowed.
    """
    return _planned(context, site.release, target, site.files, looked, max_deletes=max_deletes, prune=prune)


def plan_rollback(context: Context, manifest: Manifest, state: State) -> Plan:
    """The plan that puts an earlier deploy's pages back.

    Raises:
        OpsError: something it needs is no longer kept.
    """
    store = context.store
    pages = Task(lambda: {row.key[len(KEPT) :] for row in store.list(KEPT)})
    looked = look(store, lambda: cuts(manifest.files), state)
    found = _planned(context, manifest.id, dict(manifest.files), {}, looked, max_deletes=10**9, prune=False)
    kept = pages.result()
    missing = [
        step.path
        for step in found.steps
        if step.action == "upload"
        and (is_hashed_asset(step.path) or manifest.files[step.path].sha256 not in kept)
    ]
    if missing:
        raise OpsError(
            f"release {manifest.id} cannot be put back: {listed(missing)} of it is no longer kept; "
            "deploy its sources again"
        )
    return found


def _planned(
    context: Context,
    release: str,
    target: dict[str, Entry],
    sources: Mapping[str, SiteFile],
    looked: Looked,
    *,
    max_deletes: int,
    prune: bool,
) -> Plan:
    state, base, pending, there = looked.state, looked.base, looked.pending, looked.there
    steps: list[Step] = []
    doubtful: list[str] = []
    for path, entry in target.items():
        step = _step(path, entry, base, there.get(path), sources.get(path))
        # A run that was cut off may have sent other headers with the same bytes.
        if step.action == "check" or (step.action == "keep" and path in pending):
            doubtful.append(path)
        else:
            steps.append(step)
    steps += _checked(context, doubtful, target)
    _refuse_reused_names(context, steps, target, there)
    deletes = _deletes(base, pending, target, there, prune, _kept_assets(context, state, prune))
    if len(deletes) > max_deletes:
        raise UsageError(
            f"{len(deletes)} objects would be deleted ({listed(deletes, 5)}); --max-deletes "
            f"allows {max_deletes}: "
            "raise it if that is meant"
        )
    why = dict.fromkeys(deletes, "not in the site any more")
    if prune and base is not None:
        why |= {
            path: "none of ours (--prune)"
            for path in deletes
            if path not in base.files and path not in pending
        }
    steps += [Step(path, "delete", why[path], there[path].size) for path in deletes]
    steps.sort()
    found = Plan(release, steps, state, base, pending, there, target, sources, known=looked.known)
    found.invalid = _invalid(found, deletes)
    writes = any(step.action != "keep" for step in steps)
    found.nothing = not writes and not found.invalid and state.active == release and not pending
    return found


def _step(path: str, entry: Entry, base: Manifest | None, row: Listed | None, file: SiteFile | None) -> Step:
    old = base.files.get(path) if base else None
    if row is None:
        return Step(path, "upload", "missing in the bucket" if old else "new", entry.size)
    if old is not None and old.etag == row.etag:
        # As we left it.
        if old.sha256 != entry.sha256:
            return Step(path, "upload", "changed", entry.size)
        return (
            Step(path, "keep", "unchanged", entry.size)
            if old.headers == entry.headers
            else Step(path, "headers", "other headers", entry.size)
        )
    same = row.etag == entry.etag if entry.etag else file is not None and row.etag == md5_of_file(file)
    if not same:
        return Step(path, "upload", "changed in the bucket by someone else" if old else "changed", entry.size)
    return Step(path, "check", "", entry.size)


def _refuse_reused_names(
    context: Context, steps: list[Step], target: Mapping[str, Entry], there: Mapping[str, Listed]
) -> None:
    """A hashed name is cached for a year: other content under it would never reach who has it.

    Raises:
        UsageError: a hashed asset in the bucket has other content.
    """
    reused = []
    for step in steps:
        if step.action == "upload" and step.path in there and is_hashed_asset(step.path):
            present = context.store.get(step.path)
            if present and hashlib.sha256(present.data).hexdigest() != target[step.path].sha256:
                reused.append(step.path)
    if reused:
        raise UsageError(
            f"{listed(sorted(reused))}: the bucket has other content under the same hashed name; "
            "browsers keep that for a year. Give the file a new name"
        )


def _checked(context: Context, paths: list[str], target: Mapping[str, Entry]) -> list[Step]:
    """Files whose bytes lie in the bucket, put there by someone else or by a run that was cut off."""
    found: list[Step] = []

    def look(path: str) -> None:
        head = context.store.head(path)
        entry = target[path]
        same = head is not None and head.headers == entry.headers
        found.append(
            Step(path, "keep", "in the bucket", entry.size)
            if same
            else Step(path, "headers", "other headers", entry.size)
        )

    for_each(paths, look, threads=context.threads())
    return found


def _deletes(
    base: Manifest | None,
    pending: set[str],
    target: Mapping[str, Entry],
    there: Mapping[str, Listed],
    prune: bool,
    kept_assets: set[str],
) -> list[str]:
    """Hashed assets stay: open tabs and kept releases name them, the collection takes them later."""
    ours = {path for path in [*(base.files if base else ()), *pending] if not is_hashed_asset(path)}
    if prune:
        ours |= {
            path for path in there if path.split("/", 1)[0] not in OWN_PREFIXES and path not in kept_assets
        }
    return sorted(path for path in ours if path not in target and path in there)


def _kept_assets(context: Context, state: State, prune: bool) -> set[str]:
    if not prune:
        return set()
    releases = [turn.release for turn in state.history]
    return set().union(*(m.assets for r in releases if (m := bookkeeping.load(context.store, r))))


def _invalid(found: Plan, deletes: Iterable[str]) -> list[str]:
    """Against the last completed deploy: what an interrupted run sent is out of date in the caches too."""
    changed = set(deletes) | {path for path in found.pending if not is_hashed_asset(path)}
    base = found.base
    for step in found.steps:
        if step.action == "delete" or is_hashed_asset(step.path):
            continue
        entry = found.target[step.path]
        old = base.files.get(step.path) if base else None
        if (old is not None and (old.sha256, old.headers) != (entry.sha256, entry.headers)) or (
            step.action in ("upload", "headers") and step.path in found.there
        ):
            changed.add(step.path)
    return sorted(changed)


def pending_paths(store: ObjectStore) -> set[str]:
    note = store.get(PENDING_KEY)
    if note is None:
        return set()
    try:
        return {str(path) for path in json.loads(note.data)["paths"]}
    except (ValueError, KeyError, TypeError):
        return set()
