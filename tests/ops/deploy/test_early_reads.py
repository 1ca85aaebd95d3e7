"""In place the bucket is read before AWS has said whose it is and where; what counts is said afterwards."""

import threading
import time
from functools import partial

import pytest

from tests.ops.deploy.aws_world import Call, World
from tests.ops.deploy.conftest import Ops, deploy_in_place
from tests.timing import PATIENCE_S, until


@pytest.fixture
def deploy(ops: Ops, site, world: World, in_place: None):
    """A deploy of the site, which lies in the bucket already."""
    run = partial(deploy_in_place, ops, site)
    assert run().code == 0
    world.calls.clear()
    return run


def lists(world: World) -> int:
    return len(world.operations("ListObjectsV2"))


def test_nothing_waits_for_the_account(deploy, world: World):
    """The list and the last deploy's manifest are asked for while nobody knows the account yet."""
    (manifest,) = world.keys("_deploy/manifests/")
    waited_for = {("ListObjectsV2", ""), ("GetObject", "_deploy/current.json"), ("GetObject", manifest)}
    come = threading.Event()
    in_time = []

    def hold(call: Call) -> None:
        waited_for.discard((call.operation, call.key))
        if not waited_for:
            come.set()
        if call.operation == "GetCallerIdentity":
            in_time.append(come.wait(PATIENCE_S))

    world.on_call = hold
    done = deploy()
    assert (done.code, in_time) == (0, [True])
    assert "nothing to do" in done.out


def test_a_foreign_bucket_was_read_and_nothing_follows_from_it(deploy, world: World):
    read = threading.Event()

    def hold(call: Call) -> None:
        if call.operation == "ListObjectsV2":
            read.set()
        if call.operation == "HeadBucket":
            assert read.wait(PATIENCE_S)

    world.on_call = hold
    world.owner = "999999999999"
    world.objects.clear()
    done = deploy()
    assert done.code == 2
    assert "bucket site-bucket does not belong to account 123456789012" in done.err
    assert (world.writes(), world.keys()) == ([], [])


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject"])
@pytest.mark.parametrize("how", ["error", "cut"])
def test_a_read_that_failed_is_made_again(operation: str, how: str, deploy, world: World):
    world.fail(operation, status=503, code="SlowDown", how=how)
    done = deploy()
    assert done.code == 0, done.err
    assert "nothing to do" in done.out


def test_an_early_read_is_tried_once_and_the_true_one_often(deploy, world: World):
    fault = world.fail("ListObjectsV2", status=503, code="SlowDown", times=-1)
    early: list[int] = []

    def hold(call: Call) -> None:
        # Until the account is known all lists are early ones.
        if call.operation == "GetCallerIdentity":
            until(lambda: lists(world))
            time.sleep(0.5)  # in which a second attempt would come, after a tenth of a second
            early.append(lists(world))
        if call.operation == "HeadBucket":
            fault.times = 3

    world.on_call = hold
    done = deploy()
    assert done.code == 0, done.err
    assert early[0] <= 4, "one for each range, and none again"
    assert lists(world) >= early[0] + 3


def test_without_a_region_nothing_is_guessed(deploy, world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_REGION")
    known = []

    def hold(call: Call) -> None:
        if call.operation == "HeadBucket":
            time.sleep(0.5)  # in which an early list would come
            known.append(lists(world))

    world.on_call = hold
    done = deploy()
    assert done.code == 0, done.err
    assert known[0] == 0
    assert lists(world) > 0
