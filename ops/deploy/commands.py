"""The three commands, step by step."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from ops.deploy.aws.client import Aws
from ops.deploy.aws.http import Http
from ops.deploy.cli import who
from ops.deploy.context import SIGNS, Context, Invalidate, Site, Step, counts
from ops.deploy.hashing import cache_file, read_all
from ops.deploy.headers import HeaderRules, parse_config
from ops.deploy.manifest import release_id
from ops.deploy.options import Options
from ops.deploy.pointer import BucketPointer, Pointer, ReadOnlyPointer, State
from ops.deploy.pool import Task
from ops.deploy.preflight import Answers, Preflight, raise_problems
from ops.deploy.rules import CONFIG_FILE, printable
from ops.deploy.runlog import RunLog
from ops.deploy.store import Listed, ObjectStore, ReadOnlyStore
from ops.deploy.target import Target, target_of
from ops.deploy.tree import Tree, walk
from ops.deploy.ui import Ui, megabytes
from ops.errors import UsageError


class Session:
    """The target of a run and what is asked of it.

    Args:
        options: of the run.
        ui: what is said.
        log: the run's log.
    """

    def __init__(self, options: Options, ui: Ui, log: RunLog) -> None:
        self.options = options
        self.ui = ui
        self.log = log
        self.target: Target = target_of(options)
        from ops.deploy.aws.credentials import environment_region

        self.aws = Aws(endpoint_url=options.endpoint_url, region=options.region or environment_region())
        self.release_mode = options.mode != "in-place" and bool(self.target.kvs_arn)
        self._site_http = Http(timeout_s=15.0)
        self.checks_site = bool(self.target.site_url) and options.command != "releases"
        self.preflight = Preflight(
            self.aws,
            self.target,
            release=self.release_mode or bool(self.target.kvs_arn),
            region=options.region,
            wants_token=self.checks_site and self.release_mode,
        )

    def __enter__(self) -> Session:
        """The questions are under way."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connections."""
        self.aws.http.close()
        self._site_http.close()

    def context(self, answers: Answers) -> Context:
        """Store and pointer of the site."""
        from ops.deploy.health import Health
        from ops.deploy.s3_store import S3Store

        options, target = self.options, self.target
        real = S3Store(self.aws, target.bucket, owner=answers.account)
        store: ObjectStore = ReadOnlyStore(real) if options.dry_run else real
        pointer = self._pointer(store)
        health = None
        if self.checks_site:
            health = Health(
                target.site_url,
                token=lambda: answers.preview_token,
                http=self._site_http,
                timeout_s=options.health_timeout,
            )
        elif options.command != "releases" and self.release_mode:
            self.ui.note("no --site-url: the health checks are left out")
        return Context(
            store=store,
            pointer=ReadOnlyPointer(pointer) if options.dry_run else pointer,
            ui=self.ui,
            log=self.log,
            now=lambda: int(self.aws.clock.now().timestamp()),
            threads=lambda: options.threads(real.steady),
            health=health,
            invalidation=self._invalidation(),
            dry_run=options.dry_run,
            grace_s=options.grace,
            who=who(),
        )

    def _pointer(self, store: ObjectStore) -> Pointer:
        from ops.deploy.aws.client import KeyValueStore
        from ops.deploy.pointer import KvsPointer

        if self.release_mode:
            return KvsPointer(KeyValueStore(self.aws, self.target.kvs_arn), self.target.kvs_key)
        return BucketPointer(store)

    def _invalidation(self) -> Invalidate | None:
        from ops.deploy.aws.client import CloudFront

        if self.release_mode or not self.target.distribution_id:
            return None
        return Invalidate(self.target.distribution_id, CloudFront(self.aws).invalidate)

    def answers(self, tree: Tree | None = None) -> Answers:
        """What AWS said, when nothing is wrong with it or the tree.

        Raises:
            UsageError: with everything that is wrong.
        """
        answers = self.preflight.result()
        problems = [*answers.problems, *(tree.problems if tree else ())]
        if not self.release_mode and answers.state and answers.state.active:
            problems.append(
                f"release {answers.state.active} is live through {self.target.kvs_arn}: no "
                "visitor would see what is "
                "deployed in place; leave --mode out"
            )
        for note in [*answers.notes, *(tree.remarks if tree else ())]:
            self.ui.note(note)
        raise_problems(problems)
        return answers


def deploy(options: Options, ui: Ui, log: RunLog) -> int:
    """Puts a site online."""
    began = time.monotonic()
    if options.api and not options.dry_run:
        from ops.deploy.api_first import bring_up

        # What is wrong with the site is known before the API is touched.
        raise_problems(_site(options).tree.problems)
        bring_up(options.stack, ui)
    with Session(options, ui, log) as session:
        listing = None if session.release_mode else Task(lambda: _listed(session))
        site = _site(options)
        answers = session.answers(site.tree)
        context = session.context(answers)
        log.write("site", release=site.release, files=len(site.tree.files), bytes=site.tree.bytes)
        if listing is not None:
            state, there = listing.result()
            return _deploy_in_place(context, site, state, there, options, began)
        assert answers.state is not None
        return _deploy_release(context, site, answers.state, options, began)


def _site(options: Options) -> Site:
    """The tree, read; what is wrong with it is in ``tree.problems``."""
    overrides, exclude, problems = list(options.overrides), [], []
    for config in (Path(options.directory, CONFIG_FILE), Path(CONFIG_FILE)):
        if config.is_file():
            found, exclude, problems = parse_config(config.read_text(encoding="utf-8"))
            overrides = [*found, *overrides]
            break
    tree = walk(options.directory, exclude=exclude, allowed=options.allow_secret)
    read_all(tree, allowed=options.allow_secret, cache=cache_file(tree.root), fresh=options.verify)
    tree.problems += problems
    rules = HeaderRules(overrides)
    tree.remarks += [
        f"no file matches {glob!r} of the header rules" for glob in rules.unused(f.path for f in tree.files)
    ]
    return Site(tree, rules, release_id(tree.files, rules) if not tree.problems else "")


def _listed(session: Session) -> tuple[State, Mapping[str, Listed]]:
    """Pointer and list of a site in place, read beside the hashing."""
    from ops.deploy.listing import present
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
    with Session(options, ui, log) as session:
        return _roll_back(session, options, ui)


def _roll_back(session: Session, options: Options, ui: Ui) -> int:
    from ops.deploy import bookkeeping
    from ops.deploy import rollback as going_back

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
