"""Each kind of call failing: for a moment, for good, unanswered, with other bytes."""

import hashlib
import threading

import pytest

from ops.deploy.aws.client import Aws
from ops.deploy.hashing import FileChangedError
from ops.deploy.s3_store import S3Store
from ops.deploy.store import ExistsError, FileBody, StoreError
from tests.ops.deploy.aws_world import World
from tests.ops.deploy.conftest import ASSET, IN_PLACE, RELEASE, Ops, live_release, write

READS = ["GetCallerIdentity", "HeadBucket", "GetDistributionConfig", "DescribeKeyValueStore", "GetKey"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """No pause between attempts."""
    monkeypatch.setattr("ops.deploy.aws.http.random.uniform", lambda low, high: 0.0)


@pytest.mark.parametrize("how", ["error", "cut"])
@pytest.mark.parametrize("operation", [*READS, "UpdateKeys", "DeleteObjects"])
def test_a_moments_failure_is_gone_over(ops: Ops, site, world: World, operation, how):
    world.fail(operation, times=2, status=503, code="SlowDown", how=how)
    assert ops("deploy", site, *RELEASE, "--yes").code == 0
    assert live_release(world)


@pytest.mark.parametrize("how", ["error", "cut", "lost"])
@pytest.mark.parametrize(
    "key", ["_releases/.*/index.html", ASSET, "_deploy/manifests", "^404.html$", "_deploy/marks"]
)
def test_a_moments_failure_of_a_put(ops: Ops, site, world: World, key, how):
    world.fail("PutObject", key, times=2, status=503, code="SlowDown", how=how)
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 0, done.err
    assert world.objects[ASSET].data == b"console.log(1)"


@pytest.mark.parametrize("operation", READS)
def test_a_read_that_fails_for_good(ops: Ops, site, world: World, operation):
    world.fail(operation, times=-1, status=500)
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert operation in done.err
    assert "500" in done.err
    assert "Traceback" not in done.err
    assert world.writes() == []


@pytest.mark.parametrize("key", ["_releases/.*/style.css", ASSET, "_deploy/manifests", "_deploy/marks"])
def test_a_put_that_is_refused_leaves_the_live_site(ops: Ops, site, world: World, key):
    ops("deploy", site, *RELEASE, "--yes")
    first = live_release(world)
    write(site, "index.html", "two")
    write(site, "assets/new-C8QJ036S.js", "x")
    world.fail("PutObject", key.replace(ASSET, "assets/new"), times=-1, status=403, code="AccessDenied")
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert "AccessDenied" in done.err or "403" in done.err
    assert live_release(world) == first
    assert len(world.operations("UpdateKeys")) == 1


def test_other_bytes_than_were_sent(ops: Ops, site, world: World, monkeypatch):
    monkeypatch.setattr("ops.deploy.s3_store.time.sleep", lambda seconds: None)
    world.fail("PutObject", "style.css", times=1, how="etag")
    assert ops("deploy", site, *RELEASE, "--yes").code == 0
    assert world.objects[f"_releases/{live_release(world)}/style.css"].data == b"a{}"
    write(site, "style.css", "b{}")
    world.fail("PutObject", "style.css", times=-1, how="etag")
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert "S3 holds other bytes than were sent" in done.err


def test_a_flip_that_fails_for_good(ops: Ops, site, world: World):
    world.fail("UpdateKeys", times=-1, status=403, code="AccessDeniedException")
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert live_release(world) == ""


def test_a_lock_that_cannot_be_had(ops: Ops, site, world: World):
    world.fail("PutObject", "_deploy/lock", times=-1, status=403, code="AccessDenied")
    done = ops("deploy", site, *IN_PLACE, "--yes")
    assert done.code == 1
    assert world.keys() == []


@pytest.mark.parametrize("operation", ["CreateInvalidation", "CopyObject"])
def test_in_place_calls_that_fail_for_good(ops: Ops, site, world: World, operation):
    world.serves_in_place = True
    ops("deploy", site, *IN_PLACE, "--yes")
    write(site, "index.html", "two")
    world.fail(operation, times=-1, status=403, code="AccessDenied")
    assert ops("deploy", site, *IN_PLACE, "--yes").code == 1
    world.faults.clear()
    assert ops("deploy", site, *IN_PLACE, "--yes").code == 0
    assert world.objects["index.html"].data == b"two"


def test_a_storm_of_throttling(ops: Ops, site, world: World):
    for number in range(60):
        write(site, f"p/{number}.html", f"page {number}")
    world.fail("PutObject", "_releases/", times=15, status=503, code="SlowDown")
    assert ops("deploy", site, *RELEASE, "--yes").code == 0
    assert len(world.keys(f"_releases/{live_release(world)}/p/")) == 60


def test_concurrency_is_bounded(ops: Ops, site, world: World):
    for number in range(40):
        write(site, f"p/{number}.html", "x")
    busy, most, lock = 0, 0, threading.Lock()
    real = world.fault_for

    def counted(call):
        nonlocal busy, most
        if call.operation == "PutObject" and "/p/" in call.key:
            with lock:
                busy += 1
                most = max(most, busy)
            threading.Event().wait(0.01)
            with lock:
                busy -= 1
        return real(call)

    world.fault_for = counted
    assert ops("deploy", site, *RELEASE, "--yes", "--concurrency", 4).code == 0
    assert 2 <= most <= 4


def test_a_file_that_is_written_to_between_plan_and_put(ops: Ops, site, world: World, monkeypatch):
    ops("deploy", site, *RELEASE, "--yes")
    live = live_release(world)
    write(site, "index.html", "two")

    def call(one):
        if one.operation == "PutObject" and one.key.startswith("_deploy/marks"):
            write(site, "index.html", "three, while it is being sent")

    world.on_call = call
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert "index.html was written to during the deploy; run it again" in done.err
    assert "fault of the tool" not in done.err
    assert live_release(world) == live


def test_a_file_that_is_gone_between_plan_and_put(ops: Ops, site, world: World):
    def call(one):
        if one.operation == "PutObject" and one.key.startswith("_deploy/marks"):
            (site / "style.css").unlink(missing_ok=True)

    world.on_call = call
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert "style.css cannot be read any more" in done.err
    assert live_release(world) == ""


@pytest.fixture
def store(aws):
    session = Aws(endpoint_url=aws.endpoint_url, region="us-east-1")
    yield S3Store(session, "site-bucket")
    session.http.close()


def body(file, content: bytes, check=lambda: None) -> FileBody:
    file.write_bytes(content)
    return FileBody(str(file), len(content), hashlib.md5(content, usedforsecurity=False).hexdigest(), check)


@pytest.mark.parametrize("content", [b"", b"x" * 70_000])
def test_a_file_is_sent_from_where_it_lies(store, world: World, tmp_path, content):
    sent = body(tmp_path / "f", content)
    assert store.put("k", sent, (("Content-Type", "text/css"),)) == sent.md5
    assert world.objects["k"].data == content
    assert world.objects["k"].headers["content-type"] == "text/css"
    with pytest.raises(ExistsError):
        store.put("k", sent, create=True)


def test_other_bytes_than_were_hashed_are_never_taken_for_sent(store, world: World, tmp_path, monkeypatch):
    monkeypatch.setattr("ops.deploy.s3_store.random.uniform", lambda low, high: 0.0)
    sent = body(tmp_path / "f", b"as it was hashed")
    (tmp_path / "f").write_bytes(b"swapped in silence")
    with pytest.raises(StoreError, match="other bytes than were sent"):
        store.put("k", sent)
    told = sent._replace(check=lambda: (_ for _ in ()).throw(FileChangedError("f was written to")))
    with pytest.raises(FileChangedError, match="f was written to"):
        store.put("k", told)
    world.kms = True  # an ETag tells nothing there: the file itself is asked
    store.verify_etag = False
    with pytest.raises(FileChangedError, match="f was written to"):
        store.put("k", told)
