"""The three commands, step by step.

Only what reads the site is imported up here: the rest comes while a second process reads (``reading``).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from ops.deploy.options import Options
from ops.deploy.reading import Site, SiteReader, read_site
from ops.deploy.rules import printable
from ops.deploy.runlog import RunLog
from ops.deploy.ui import Ui, megabytes
from ops.errors import UsageError

if TYPE_CHECKING:
    from ops.deploy.context import Context, Step
    from ops.deploy.session import Session


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
            way = _deploy_release if session.release_mode else _deploy_in_place
            return way(session, reader, options, began)
    finally:
        reader.close()


def _deploy_release(session: Session, reader: SiteReader, options: Options, began: float) -> int:
    from ops.deploy import release_mode, release_plan
    from ops.deploy.context import counts

    store = session.store()
    answers = session.preflight.result()
    look = None
    if store and answers.state and not answers.state.active:
        # There is something to do for certain: what the plan needs is asked while the site is being read.
        look = release_plan.Look(store, session.task)
        look.assets(reader.names)
    context, site = _begun(session, reader)
    assert answers.state is not None
    state = answers.state
    plan = release_plan.plan(
        context,
        site,
        state,
        max_deletes=options.max_deletes,
        verify=options.verify,
        look=look,
        error_page=answers.error_page,
    )
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


def _deploy_in_place(session: Session, reader: SiteReader, options: Options, began: float) -> int:
    from ops.deploy import in_place, in_place_plan
    from ops.deploy.context import counts

    looked = session.early(lambda store: in_place_plan.look(store, lambda: reader.names().cuts))
    context, site = _begun(session, reader)
    assert looked is not None
    target = in_place_plan.target_of(context, site)  # while the bucket still answers
    plan = in_place_plan.plan(
        context, site, target, looked.result(), max_deletes=options.max_deletes, prune=options.prune
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


def _begun(session: Session, reader: SiteReader) -> tuple[Context, Site]:
    """The site, when nothing is wrong with it and with what AWS said.

    Raises:
        UsageError: with everything that is wrong.
    """
    site = reader.result()
    context = session.context(session.answers(site.tree))
    context.record("site", release=site.release, files=len(site.tree.files), bytes=site.tree.bytes)
    return context, site


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
    confirmed = session.task(lambda: context.pointer.confirm(state))
    manifest = going_back.wanted(context, state, options.release)
    if manifest.id == state.active:
        ui.result(f"nothing to do: release {manifest.id} is live")
        return 0
    _ask(options, ui, f"Go back from release {state.active} to {manifest.id} ({len(manifest.files)} files)?")
    if session.release_mode:
        present = bookkeeping.load(context.store, state.active)
        going_back.release_mode(context, manifest, confirmed.result(), present)
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

    rows = [
        {"path": step.path, "action": step.action, "reason": step.reason, "bytes": step.size}
        for step in steps
        if step.action != "keep"
    ]
    rows += [{"path": path, "action": "vanish", "reason": "not in this release"} for path in gone]
    context.record_all("plan", rows)
    if options.dry_run:
        for step in steps:
            print(f"{SIGNS[step.action]} {printable(step.path)}  {step.reason}")
        for path in gone:
            print(f"- {printable(path)}  not in this release")
    context.record("planned", summary=counts(steps), unchanged=sum(step.action == "keep" for step in steps))


def _spent(began: float) -> str:
    return f"{time.monotonic() - began:.2f} s"
