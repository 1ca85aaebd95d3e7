"""The three commands, step by step.

Only what reads the site is imported up here: the rest comes while a second process reads (``reading``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ops.deploy.options import Options
from ops.deploy.pool import Task
from ops.deploy.reading import Site, SiteReader, read_site
from ops.deploy.rules import printable
from ops.deploy.runlog import RunLog
from ops.deploy.ui import Ui, megabytes
from ops.errors import UsageError

if TYPE_CHECKING:
    from ops.deploy.context import Context, Step
    from ops.deploy.pointer import State
    from ops.deploy.session import Session
    from ops.deploy.store import Listed


def deploy(options: Options, ui: Ui, log: RunLog) -> int:
    """Puts a site online."""
    began = time.monotonic()
    if options.api and not options.dry_run:
        from ops.deploy.api_first import bring_up
        from ops.deploy.preflight import raise_problems

        # What is wrong with the site is known before the API is touched.
        raise_problems(read_site(options).tree.problems)
        bring_up(options.stack, ui)
    reader = SiteReader(options)
    try:
        from ops.deploy.session import Session

        with Session(options, ui, log) as session:
            listing = None if session.release_mode else Task(lambda: _listed(session))
            site = reader.result()
            answers = session.answers(site.tree)
            context = session.context(answers)
            log.write("site", release=site.release, files=len(site.tree.files), bytes=site.tree.bytes)
            if listing is not None:
                state, there = listing.result()
                return _deploy_in_place(context, site, state, there, options, began)
            assert answers.state is not None
            return _deploy_release(context, site, answers.state, options, began)
    finally:
        reader.close()


def _listed(session: Session) -> tuple[State, Mapping[str, Listed]]:
    """Pointer and list of a site in place, read beside the hashing."""
    from ops.deploy.listing import present
    from ops.deploy.pointer import BucketPointer, State
    from ops.deploy.s3_store import S3Store

    session.preflight.bucket.result()
    if session.preflight.answers.problems:
        return State(), {}
    store = S3Store(session.aws, session.target.bucket)
    state = Task(BucketPointer(store).read)
    there = present(store, sorted(_names(session.options.directory)))
    return state.result(), there


def _names(directory: str) -> list[str]:
    # Only to cut the list into ranges: what is left out or refused does no harm here.
    root = Path(directory)
    return [path.relative_to(root).as_posix() for path in root.rglob("*.*")][:100_000]


def _deploy_release(context: Context, site: Site, state: State, options: Options, began: float) -> int:
    from ops.deploy import release_mode
    from ops.deploy.context import counts

    plan = release_mode.plan(context, site, state, max_deletes=options.max_deletes, verify=options.verify)
    _show(context, plan.steps, options, plan.gone)
    ui = context.ui
    if plan.nothing:
        release_mode.apply(context, site, plan)
        ui.result(f"nothing to do: release {site.release} ({len(plan.steps)} files) is live, {_spent(began)}")
        return 0
    _ask(options, ui, f"Put release {site.release} online ({counts(plan.steps)})?")
    release_mode.apply(context, site, plan)
    verb = "would be live" if options.dry_run else "is live"
    before = f", before it {state.active}" if state.active else ""
    ui.result(f"release {site.release} {verb}{before}: {counts(plan.steps)}, {_spent(began)}")
    return 0


def _deploy_in_place(
    context: Context, site: Site, state: State, there: Mapping[str, Listed], options: Options, began: float
) -> int:
    from ops.deploy import in_place
    from ops.deploy.context import counts

    plan = in_place.plan(
        context,
        site,
        state,
        there=there,
        max_deletes=options.max_deletes,
        prune=options.prune,
    )
    _show(context, plan.steps, options, [])
    ui = context.ui
    if plan.nothing:
        ui.result(f"nothing to do: {len(plan.steps)} files are in place, {_spent(began)}")
        return 0
    if context.invalidation is None and plan.invalidations:
        ui.note("no distribution was named: no cache is told what changed")
    _ask(options, ui, f"Put the site online in place ({counts(plan.steps)})?")
    in_place.apply(context, plan)
    paths = plan.invalidations if context.invalidation else []
    told = f", invalidated: {' '.join(paths)}" if paths else ""
    verb = "would be in place" if options.dry_run else "is in place"
    ui.result(f"release {site.release} {verb}: {counts(plan.steps)}{told}, {_spent(began)}")
    return 0


def releases(options: Options, ui: Ui, log: RunLog) -> int:
    """Lists the releases."""
    from ops.deploy.rollback import rows
    from ops.deploy.session import Session

    with Session(options, ui, log) as session:
        answers = session.answers()
        context = session.context(answers)
        state = answers.state if session.release_mode and answers.state else context.pointer.read()
        found = rows(context, state)
    if options.json:
        ui.result(json.dumps([row.document() for row in found], indent=2))
        return 0
    if not found:
        ui.result("there are no releases")
    for row in found:
        live = "live" if row.active else f"last live {row.last_live}" if row.last_live else "never live"
        ui.result(
            f"{'*' if row.active else ' '} {row.id}  {row.created}  {row.files} files, "
            f"{megabytes(row.bytes)}  {live}"
        )
    return 0


def rollback(options: Options, ui: Ui, log: RunLog) -> int:
    """Goes back to an earlier release."""
    from ops.deploy.session import Session

    with Session(options, ui, log) as session:
        return _roll_back(session, options, ui)


def _roll_back(session: Session, options: Options, ui: Ui) -> int:
    from ops.deploy import bookkeeping
    from ops.deploy import rollback as going_back
    from ops.deploy.context import counts

    began = time.monotonic()
    answers = session.answers()
    context = session.context(answers)
    state = answers.state if session.release_mode and answers.state else context.pointer.read()
    manifest = going_back.wanted(context, state, options.release)
    if manifest.id == state.active:
        ui.result(f"nothing to do: release {manifest.id} is live")
        return 0
    _ask(options, ui, f"Go back from release {state.active} to {manifest.id} ({len(manifest.files)} files)?")
    if session.release_mode:
        present = bookkeeping.load(context.store, state.active)
        going_back.release_mode(context, manifest, state, present)
        ui.result(f"release {manifest.id} is live again, before it {state.active}, {_spent(began)}")
        return 0
    _, plan = going_back.in_place_mode(context, manifest, state)
    ui.result(f"release {manifest.id} is in place again: {counts(plan.steps)}, {_spent(began)}")
    return 0


def _ask(options: Options, ui: Ui, question: str) -> None:
    if options.yes or options.dry_run:
        return
    from ops import console

    if not console.confirm(question):
        raise UsageError("nothing was done: the answer was not yes")


def _show(context: Context, steps: list[Step], options: Options, gone: list[str]) -> None:
    """A reason a file: into the log, and on the terminal of a dry run."""
    from ops.deploy.context import SIGNS, counts

    for step in steps:
        if step.action != "keep":
            context.record("plan", path=step.path, action=step.action, reason=step.reason, bytes=step.size)
        if options.dry_run:
            print(f"{SIGNS[step.action]} {printable(step.path)}  {step.reason}")
    for path in gone:
        context.record("plan", path=path, action="vanish", reason="not in this release")
        if options.dry_run:
            print(f"- {printable(path)}  not in this release")
    context.record("planned", summary=counts(steps), unchanged=sum(step.action == "keep" for step in steps))


def _spent(began: float) -> str:
    return f"{time.monotonic() - began:.2f} s"
