"""One run's target and the questions asked of it, from options to store and pointer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ops.deploy.aws.client import Aws, CloudFront, KeyValueStore
from ops.deploy.aws.credentials import environment_region
from ops.deploy.aws.http import Http
from ops.deploy.cli import who
from ops.deploy.context import Context, Invalidate
from ops.deploy.health import Health
from ops.deploy.options import Options
from ops.deploy.pointer import BucketPointer, KvsPointer, Pointer, ReadOnlyPointer
from ops.deploy.pool import Task
from ops.deploy.preflight import Answers, Preflight, raise_problems
from ops.deploy.runlog import RunLog
from ops.deploy.s3_store import S3Store
from ops.deploy.store import ObjectStore, ReadOnlyStore
from ops.deploy.target import Target, target_of
from ops.deploy.tree import Tree
from ops.deploy.ui import Ui
from ops.errors import OpsError

UNDER_WAY_S = 5.0
"""How long a run that ends waits for calls it has no more use for."""

Result = TypeVar("Result")


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
        self.aws = Aws(endpoint_url=options.endpoint_url, region=options.region or environment_region())
        self.release_mode = options.mode != "in-place" and bool(self.target.kvs_arn)
        self._site_http = Http(timeout_s=15.0)
        self._real: S3Store | None = None
        self._tasks: list[Task[Any]] = []
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
        """Waits for what is under way, and closes the connections.

        A call of obstore that comes back while the interpreter ends aborts the process.
        """
        until = time.monotonic() + UNDER_WAY_S
        for task in self._tasks:
            task.wait(max(0.0, until - time.monotonic()))
        self.aws.http.close()
        self._site_http.close()

    def task(self, call: Callable[[], Result]) -> Task[Result]:
        """Begins a call that the run waits for before it ends, whether its result is asked for or not."""
        self._tasks.append(made := Task(call))
        return made

    def early(self, call: Callable[[ObjectStore], Result]) -> Task[Result] | None:
        """Reads from the bucket while it is still asked whose it is and where; used is it only then.

        Args:
            call: reads; made again if the bucket turns out to be in another Region, or if it failed.

        Returns:
            The reading, begun, once the bucket has answered; None when something is wrong with the bucket.
        """

        def guess() -> tuple[str, Result] | None:
            region = self.aws.region
            if not region:
                return None
            try:
                # Tried once: it is made again anyway, and a run that ends meanwhile waits for it.
                found = call(S3Store(self.aws, self.target.bucket, retries=0))
            except OpsError:
                return None  # it counts when it happens again
            return region, found

        guessing = self.task(guess)

        store = self.store()
        if store is None:
            return None

        def read() -> Result:
            guessed = guessing.result()
            return guessed[1] if guessed and guessed[0] == self.aws.region else call(store)

        return self.task(read)

    def store(self) -> S3Store | None:
        """The bucket, once it is known whose it is and where; None when something is wrong with it.

        Raises:
            AwsError: AWS could not be reached, or failed.
        """
        self.preflight.bucket.result()
        answers = self.preflight.answers
        if answers.refused:
            return None
        if self._real is None:
            self._real = S3Store(self.aws, self.target.bucket, owner=answers.account)
        return self._real

    def context(self, answers: Answers) -> Context:
        """Store and pointer of the site."""
        options, target = self.options, self.target
        real = self.store()
        assert real is not None, "problems have been raised"
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
        growth = options.threads(real.steady)
        return Context(
            store=store,
            pointer=ReadOnlyPointer(pointer) if options.dry_run else pointer,
            ui=self.ui,
            log=self.log,
            now=lambda: int(self.aws.clock.now().timestamp()),
            threads=lambda: growth,
            health=health,
            invalidation=self._invalidation(),
            dry_run=options.dry_run,
            grace_s=options.grace,
            who=who(),
        )

    def _pointer(self, store: ObjectStore) -> Pointer:
        if self.release_mode:
            return KvsPointer(KeyValueStore(self.aws, self.target.kvs_arn), self.target.kvs_key)
        return BucketPointer(store)

    def _invalidation(self) -> Invalidate | None:
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
