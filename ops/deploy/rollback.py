"""Going back: one move of the pointer in release mode, the kept pages in place; and the list of releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.deploy import bookkeeping, in_place, in_place_plan
from ops.deploy.context import Context
from ops.deploy.manifest import Manifest
from ops.deploy.pointer import State
from ops.deploy.pool import Task
from ops.deploy.release_mode import check_live, flip, restore_error_page
from ops.deploy.tree import listed
from ops.deploy.ui import uninterrupted
from ops.errors import OpsError, UsageError


@dataclass(frozen=True)
class Row:
    """One release as it is listed; times are ISO 8601 in UTC.

    Attributes:
        id: release id.
        created: when it was whole.
        last_live: when it was live last (the active one: now); None: never.
        active: whether it is live.
        files: how many.
        bytes: of all files.
    """

    id: str
    created: str
    last_live: str | None
    active: bool
    files: int
    bytes: int

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return dict(self.__dict__)


def rows(context: Context, state: State) -> list[Row]:
    """The releases of a site, the newest first."""
    found = bookkeeping.known(context.store)
    summaries = bookkeeping.summaries(context.store, sorted(found.releases))
    last = {**found.older, **state.last_live(context.now())}
    # Written within the same second, the later id in the pointer's history is the newer one.
    turns = {turn.release: -place for place, turn in enumerate(state.history)}
    order = sorted(
        summaries.values(),
        key=lambda s: (s.created, found.releases[s.id], turns.get(s.id, -(10**6)), s.id),
        reverse=True,
    )
    return [
        Row(
            s.id,
            _iso(s.created),
            _iso(last[s.id]) if s.id in last else None,
            s.id == state.active,
            s.files,
            s.bytes,
        )
        for s in order
    ]


def wanted(context: Context, state: State, release: str) -> Manifest:
    """The release to go back to.

    Raises:
        UsageError: there is none before the present one, or none of this id.
    """
    chosen = release or state.previous
    if not state.active:
        raise UsageError("the site has no release of this deployer: there is nothing to go back from")
    if not chosen:
        raise UsageError("there was no release before the present one; `releases` lists what is kept")
    manifest = bookkeeping.load(context.store, chosen)
    if manifest is None:
        there = sorted(bookkeeping.known(context.store).releases)
        raise UsageError(
            f"release {chosen} is not kept{'' if release else ' any more'}; kept are: "
            f"{listed(there, 20) or 'none'}"
        )
    return manifest


def release_mode(context: Context, manifest: Manifest, state: State, present: Manifest | None) -> State:
    """Points back, puts the error page right, looks at the live site.

    Raises:
        OpsError: it was collected at this moment, or the site does not show it (the pointer is back then).
    """
    with uninterrupted(context.ui, "the pointer is being moved"):
        after = flip(context, manifest, state, present, bookkeeping.Known())
        kept = Task(lambda: bookkeeping.load(context.store, manifest.id) is not None)
        restore_error_page(context, manifest, present)
        if not kept.result() and not context.dry_run:
            # A collection deletes the manifest first and then looks at the pointer: one of us sees the other.
            context.pointer.move(after, state.active, state.history)
            restore_error_page(context, present, manifest)
            raise OpsError(
                f"release {manifest.id} was collected at this moment; the site is back at {state.active}"
            )
    check_live(context, manifest, present, state, after)
    return after


def in_place_mode(context: Context, manifest: Manifest, state: State) -> tuple[State, in_place_plan.Plan]:
    """Puts the kept pages of a release back."""
    plan = in_place_plan.plan_rollback(context, manifest, state)
    return in_place.apply(context, plan), plan


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
