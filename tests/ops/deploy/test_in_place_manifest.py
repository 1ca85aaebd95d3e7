"""In place the manifest is written beside the pages, if it can be known by then; it tells what is there."""

import threading

import pytest

from ops.deploy import reading
from ops.deploy.hashing import MAPPED
from ops.deploy.manifest import decode
from tests.ops.deploy.aws_world import Call, World
from tests.ops.deploy.conftest import IN_PLACE, Ops, write
from tests.ops.deploy.conftest import deploy_in_place as deploy
from tests.timing import PATIENCE_S

FOLDER = "_deploy/manifests/"


pytestmark = pytest.mark.usefixtures("in_place")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch):
    """MD5s are taken while the site is read: so it is where a second process reads it."""
    read_all = reading.read_all
    monkeypatch.setattr(reading, "read_all", lambda tree, **more: read_all(tree, **{**more, "sending": True}))


def written(world: World) -> list[str]:
    """Keys of the manifests that were put, one for each time."""
    return [call.key for call in world.operations("PutObject") if call.key.startswith(FOLDER)]


def assert_it_tells_what_is_there(world: World, key: str) -> None:
    files = decode(world.objects[key].data).files
    there = {key: stored for key, stored in world.objects.items() if not key.startswith("_deploy/")}
    assert {path: (entry.etag, entry.size) for path, entry in files.items()} == {
        path: (stored.etag, len(stored.data)) for path, stored in there.items()
    }


@pytest.mark.usefixtures("known")
def test_it_is_written_while_the_pages_are_sent_and_before_the_pointer(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "index.html", "two")
    come, seen = threading.Event(), []

    def look(call: Call) -> None:
        if (call.operation, call.key) == ("PutObject", "index.html"):
            seen.append(come.wait(PATIENCE_S))
        elif call.operation == "PutObject" and call.key.startswith(FOLDER):
            come.set()
        elif (call.operation, call.key) == ("PutObject", "_deploy/current.json"):
            seen.append(len(written(world)))

    world.on_call = look
    world.calls.clear()
    assert deploy(ops, site).code == 0
    assert seen == [True, 1]
    (key,) = written(world)
    assert_it_tells_what_is_there(world, key)


@pytest.mark.parametrize("large", [True, False])
def test_a_page_whose_etag_is_not_known_before_it_is_sent(
    large: bool, ops: Ops, site, world: World, request: pytest.FixtureRequest
):
    """A large page's MD5 is only taken when it is sent; without a second process, everyone's."""
    if large:
        request.getfixturevalue("known")
        write(site, "large.html", b"x" * MAPPED)
    assert deploy(ops, site).code == 0
    order = [call.key for call in world.operations("PutObject")]
    (key,) = written(world)
    assert order.index(key) > order.index("large.html" if large else "index.html")
    assert_it_tells_what_is_there(world, key)


@pytest.mark.usefixtures("known")
def test_where_an_etag_is_no_md5_it_is_written_again(ops: Ops, site, world: World):
    world.kms = True
    assert deploy(ops, site).code == 0
    first, second = written(world)
    assert first == second
    assert_it_tells_what_is_there(world, first)


@pytest.mark.usefixtures("known")
def test_other_headers_alone(ops: Ops, site, world: World):
    deploy(ops, site)
    (site / "deploy.toml").write_text("[headers.'*.html']\nContent-Language = 'de'\n")
    world.calls.clear()
    assert deploy(ops, site).code == 0
    (key,) = written(world)
    assert_it_tells_what_is_there(world, key)
    assert "nothing to do" in deploy(ops, site).out


def test_a_rollback_s_manifest_is_written_beside_the_pages_too(ops: Ops, site, world: World):
    deploy(ops, site)
    (first,) = written(world)
    write(site, "index.html", "two")
    deploy(ops, site)
    world.calls.clear()
    assert ops("rollback", *IN_PLACE, "--yes", "--grace", 0).code == 0
    assert written(world) == [first]
    assert_it_tells_what_is_there(world, first)


@pytest.mark.usefixtures("known")
def test_one_that_cannot_be_written_stops_the_run_before_the_pointer(ops: Ops, site, world: World):
    deploy(ops, site)
    pointer = world.objects["_deploy/current.json"].data
    write(site, "index.html", "two")
    fault = world.fail("PutObject", FOLDER, status=403, code="AccessDenied", times=99)
    done = deploy(ops, site)
    assert (done.code, world.objects["_deploy/current.json"].data) == (1, pointer)
    assert FOLDER in done.err
    fault.times = 0
    assert deploy(ops, site).code == 0
    assert world.invalidations[-1] == ["/", "/index.html"]


@pytest.mark.usefixtures("known")
def test_a_run_that_ends_among_the_pages_leaves_a_manifest_that_nothing_names(ops: Ops, site, world: World):
    deploy(ops, site)
    (live,) = written(world)
    write(site, "index.html", "two")
    fault = world.fail("PutObject", "^index.html$", status=403, code="AccessDenied", times=99)
    assert deploy(ops, site).code == 1
    orphan = written(world)[-1]
    assert orphan != live
    told = ops("releases", *IN_PLACE)
    assert "never live" in told.out
    # It cannot be gone back to: its page was never there to be kept.
    back = ops("rollback", orphan.removeprefix(FOLDER).removesuffix(".json"), *IN_PLACE, "--yes")
    assert back.code == 1
    assert "index.html" in back.err
    fault.times = 0
    assert deploy(ops, site).code == 0
    assert "never live" not in ops("releases", *IN_PLACE).out


@pytest.mark.usefixtures("known")
def test_a_run_that_fails_gives_the_lock_back_after_its_manifest(ops: Ops, site, world: World):
    world.fail("PutObject", "^index.html$", status=403, code="AccessDenied", times=99)
    refused, seen = threading.Event(), []

    def look(call: Call) -> None:
        if (call.operation, call.key) == ("PutObject", "index.html"):
            refused.set()
        elif call.operation == "PutObject" and call.key.startswith(FOLDER):
            assert refused.wait(PATIENCE_S)
            threading.Event().wait(0.2)
        elif call.operation == "DeleteObjects":
            seen.append(bool(world.keys(FOLDER)))

    world.on_call = look
    assert deploy(ops, site).code == 1
    assert seen == [True]
