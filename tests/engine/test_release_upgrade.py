"""From a site that is overwritten in place to releases and back, as visitors see it at every step.

The engine brings each step up, the real deployer writes the bucket, and the local edge serves
what the stack plans.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.deploy import in_place, in_place_plan
from ops.deploy.context import Context
from ops.deploy.options import Options
from ops.deploy.pointer import BucketPointer
from ops.deploy.reading import read_site
from ops.deploy.ui import Ui
from ops.engine.local_stack import LocalStack
from ops.local import architecture
from ops.local.architecture import Resource
from ops.local.bucket import BucketOrigin
from ops.local.edge import Backends, Edge
from ops.local.folder import FileKeyValueStore, FolderStore
from ops.local.releases import Releases
from ops.local.server import Server
from ops.local.trace import Log
from tests.engine.test_adoption import DISTRIBUTION, FIXTURE, PLAIN, changed, lost, running  # noqa: F401
from tests.ops.local.running import Loop, listening

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

BEFORE = {"only": str(PLAIN)}
RELEASES = {**BEFORE, "upgrades": "edge-function"}


class Site:
    """The folder that is deployed, the bucket, the store, and the edge over what a stack plans."""

    def __init__(self, folder: Path, stack: LocalStack) -> None:
        self.folder = folder / "site"
        self.folder.mkdir(parents=True)
        self.bucket = FolderStore(folder / "bucket")
        self._store_file = folder / "store.json"
        self._stack = stack
        self._loop = Loop()

    def close(self) -> None:
        self._loop.stop()

    def _planned(self) -> architecture.Architecture:
        return architecture.read(
            [Resource(r.type, r.name, r.id, r.inputs, r.outputs) for r in self._stack.resources()]
        )

    def write(self, text: str) -> None:
        """A new state of the folder."""
        for name in ("index.html", "404.html"):
            (self.folder / name).write_text(f"<!doctype html><title>{text}</title><h1>{text}</h1>\n")

    def deploy_in_place(self) -> str:
        """As ``ops deploy site --mode in-place`` does; gives how many files were sent."""
        site = read_site(Options(command="deploy", directory=str(self.folder)))
        pointer = BucketPointer(self.bucket)
        context = Context(
            store=self.bucket, pointer=pointer, ui=Ui(), now=lambda: int(time.time()), grace_s=0.0
        )
        looked = in_place_plan.look(self.bucket, lambda: site.tree.names.cuts)
        target = in_place_plan.target_of(context, site)
        plan = in_place_plan.plan(context, site, target, looked, max_deletes=256, prune=False)
        in_place.apply(context, plan)
        return ", ".join(sorted(step.path for step in plan.steps if step.action == "upload"))

    @property
    def releases(self) -> Releases:
        """The releases of the store the stack has."""
        plan = self._planned()
        assert plan.store
        store = FileKeyValueStore(self._store_file, plan.store_keys[plan.store])
        return Releases(self.folder, self.bucket, store, lambda _: None)

    def seen(self, path: str = "/") -> tuple[int, str]:
        """Status and heading a visitor gets."""
        plan = self._planned()
        if not plan.store:
            self._store_file.unlink(missing_ok=True)  # a store goes with its resource; the next one is empty
        store = FileKeyValueStore(self._store_file, plan.store_keys.get(plan.store, {}))
        origin = plan.site
        backends = Backends(stores=lambda arn: store.values)
        policy = plan.bucket_policies.get(origin.bucket)
        backends.buckets[origin.id] = BucketOrigin(
            self.bucket, origin.bucket, policy, plan.arn, signed=origin.signed
        )
        server = Server(Edge(plan, backends, Log()))
        self._loop.run(server.start(listening()))
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": plan.names[0]})
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
            self._loop.run(server.stop())
        return answer.status, body.partition("<h1>")[2].partition("</h1>")[0]


@pytest.fixture
def stack(tmp_path: Path) -> LocalStack:
    """The plain site of the tutorials, alone."""
    return LocalStack(FIXTURE, "dev", tmp_path / "stack")


@contextlib.contextmanager
def opened(tmp_path: Path, stack: LocalStack) -> Iterator[Site]:
    site = Site(tmp_path / "local", stack)
    try:
        yield site
    finally:
        site.close()


def test_in_place_to_releases_and_back(tmp_path: Path, stack: LocalStack) -> None:
    with opened(tmp_path, stack) as site:
        # What runs: overwritten in place, no store.
        stack.up(BEFORE)
        site.write("one")
        assert site.deploy_in_place() == "404.html, index.html"
        assert site.seen() == (200, "one")

        # Function and store come; until a release is put online, the files in place are the site.
        up = stack.up(RELEASES)
        assert lost(up) == []
        assert changed(up, DISTRIBUTION) == {"defaultCacheBehavior"}
        assert site.seen() == (200, "one")

        # From here on a deploy is a release, and a rollback a moved pointer.
        site.write("two")
        second = site.releases.deploy()
        assert site.seen() == (200, "two")
        site.write("three")
        site.releases.deploy()
        assert site.seen() == (200, "three")
        assert site.releases.rollback("") == second
        assert site.seen() == (200, "two")

        # The way back begins beside what visitors see: the folder in place, the pointer untouched.
        assert site.deploy_in_place() == "404.html, index.html"
        assert site.seen() == (200, "two")
        down = stack.up(BEFORE)
        assert lost(down) == []
        assert changed(down, DISTRIBUTION) == {"defaultCacheBehavior"}
        assert {step.op for step in down.steps if step.op != "same"} == {"update", "delete"}
        assert site.seen() == (200, "three")
        assert site.deploy_in_place() == ""

        # And once more forward: a new store, so the files in place show until the next release.
        stack.up(RELEASES)
        assert site.seen() == (200, "three")


def test_going_back_without_the_files_in_place_shows_the_old_ones(tmp_path: Path, stack: LocalStack) -> None:
    # Why docs/adopt.md has the deploy in place first.
    with opened(tmp_path, stack) as site:
        stack.up(BEFORE)
        site.write("one")
        site.deploy_in_place()
        stack.up(RELEASES)
        site.write("two")
        site.releases.deploy()
        stack.up(BEFORE)
        assert site.seen() == (200, "one")
