"""In place through the command line: order, invalidation, deletes, interruption, the lock, rollback."""

import hashlib
import itertools
import json
import threading
from datetime import timedelta
from functools import partial

import pytest

from ops.deploy.in_place_plan import PENDING_KEY
from ops.deploy.marks import Lock
from tests.ops.deploy.aws_world import Call, Stored, World
from tests.ops.deploy.conftest import ASSET, IN_PLACE, Ops, write
from tests.ops.deploy.conftest import deploy_in_place as deploy
from tests.timing import PATIENCE_S

pytestmark = pytest.mark.usefixtures("in_place")


def pages(world: World) -> dict[str, bytes]:
    return {key: world.objects[key].data for key in world.objects if not key.startswith("_deploy/")}


def test_the_first_deploy(ops: Ops, site, world: World):
    done = deploy(ops, site)
    assert done.code == 0, done.err
    assert set(pages(world)) == {"404.html", ASSET, "docs/index.html", "index.html", "style.css"}
    assert world.objects["index.html"].headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert world.objects["index.html"].headers["content-type"] == "text/html; charset=utf-8"
    assert world.invalidations == [], "nothing could be cached yet"
    assert "_deploy/lock" not in world.objects
    assert "_deploy/pending.json" not in world.objects


def test_assets_before_pages_before_deletes_before_the_end(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "index.html", "two")
    write(site, "assets/new-C8QJ036S.js", "x")
    (site / "docs/index.html").unlink()
    world.calls.clear()
    assert deploy(ops, site).code == 0
    order = [
        (call.operation, call.key)
        for call in world.writes()
        if call.key in ("_deploy/lock", "assets/new-C8QJ036S.js", "index.html", "_deploy/current.json")
        or call.operation in ("CopyObject", "CreateInvalidation", "DeleteObjects")
    ]
    names = [key if operation == "PutObject" else operation for operation, key in order]
    assert names == [
        "_deploy/lock", "CopyObject", "CopyObject", "assets/new-C8QJ036S.js", "index.html",
        "DeleteObjects", "CreateInvalidation", "_deploy/current.json", "DeleteObjects",
    ]  # fmt: skip
    assert "docs/index.html" not in world.objects
    assert ASSET in world.objects, "open tabs still ask for it"


def test_new_assets_go_up_beside_the_note_and_pages_after_it(ops: Ops, site, world: World):
    asset, seen = threading.Event(), []

    def look(call: Call) -> None:
        if (call.operation, call.key) == ("PutObject", PENDING_KEY):
            seen.append(asset.wait(PATIENCE_S))
        elif (call.operation, call.key) == ("PutObject", ASSET):
            asset.set()
        elif (call.operation, call.key) == ("PutObject", "index.html"):
            seen.append(PENDING_KEY in world.objects)

    world.on_call = look
    assert deploy(ops, site).code == 0
    assert seen == [True, True]


def test_what_replaces_an_asset_waits_for_the_note_and_new_ones_with_a_hash_do_not(
    ops: Ops, site, world: World
):
    deploy(ops, site)
    write(site, "style.css", "a { color: teal }")
    write(site, "assets/new-C8QJ036S.js", "x")
    new, seen = threading.Event(), {}

    def look(call: Call) -> None:
        if (call.operation, call.key) == ("PutObject", PENDING_KEY):
            seen["beside the note"] = new.wait(PATIENCE_S)
            seen["replaced before it"] = threading.Event().wait(0.2) or "style.css" in seen
        elif (call.operation, call.key) == ("PutObject", "assets/new-C8QJ036S.js"):
            new.set()
        elif (call.operation, call.key) == ("PutObject", "style.css"):
            seen["style.css"] = PENDING_KEY in world.objects

    world.on_call = look
    assert deploy(ops, site).code == 0
    assert seen == {"beside the note": True, "replaced before it": False, "style.css": True}


@pytest.mark.parametrize("key", ["_deploy/current.json", PENDING_KEY])
def test_new_assets_with_a_hash_go_up_while_it_is_asked_whether_the_plan_still_holds(
    key: str, ops: Ops, site, world: World
):
    new, seen = threading.Event(), []

    def look(call: Call) -> None:
        if (call.operation, call.key) == ("GetObject", key) and "_deploy/lock" in world.objects:
            seen.append(new.wait(PATIENCE_S))
            seen.append("style.css" in world.objects)
        elif (call.operation, call.key) == ("PutObject", ASSET):
            new.set()

    world.on_call = look
    assert deploy(ops, site).code == 0
    assert seen == [True, False]


def test_without_the_note_no_page_is_replaced(ops: Ops, site, world: World):
    world.fail("PutObject", PENDING_KEY, status=403, code="AccessDenied", times=99)
    done = deploy(ops, site)
    assert done.code == 1
    assert PENDING_KEY in done.err
    assert not [key for key in world.objects if key.endswith(".html")]
    assert "_deploy/lock" not in world.objects


def test_a_run_that_fails_gives_the_lock_back_after_its_note(ops: Ops, site, world: World):
    """A note that came later would be taken for another deploy's."""
    world.fail("PutObject", ASSET, status=403, code="AccessDenied", times=99)
    refused, seen = threading.Event(), []

    def look(call: Call) -> None:
        if (call.operation, call.key) == ("PutObject", ASSET):
            refused.set()
        elif (call.operation, call.key) == ("PutObject", PENDING_KEY):
            assert refused.wait(PATIENCE_S)
            threading.Event().wait(0.2)
        elif call.operation == "DeleteObjects":
            seen.append(PENDING_KEY in world.objects)

    world.on_call = look
    assert deploy(ops, site).code == 1
    assert seen == [True]


def test_nothing_changed_writes_nothing(ops: Ops, site, world: World):
    deploy(ops, site)
    for file in site.rglob("*.*"):
        file.touch()
    world.calls.clear()
    assert "nothing to do" in deploy(ops, site).out
    assert world.writes() == []


def test_a_changed_page_is_invalidated_in_all_its_forms_and_new_ones_are_not(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "docs/index.html", "docs 2")
    write(site, "new.html", "new")
    deploy(ops, site)
    assert world.invalidations == [["/docs", "/docs/", "/docs/index.html"]]


def test_many_paths_fold(ops: Ops, site, world: World):
    for number in range(30):
        write(site, f"blog/post{number}/index.html", "x")
    deploy(ops, site)
    for number in range(30):
        write(site, f"blog/post{number}/index.html", "y")
    write(site, "index.html", "two")
    deploy(ops, site)
    assert world.invalidations == [["/", "/blog/*", "/index.html"]]


def test_a_dry_run_writes_nothing(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "index.html", "two")
    (site / "style.css").unlink()
    world.calls.clear()
    before = dict(world.objects)
    done = ops("deploy", site, *IN_PLACE, "--dry-run")
    assert done.code == 0
    assert world.writes() == []
    assert world.objects == before
    assert "+ index.html  changed" in done.out
    assert "- style.css  not in the site any more" in done.out


def test_only_what_is_ours_is_deleted(ops: Ops, site, world: World):
    deploy(ops, site)
    foreign = world.objects["style.css"]
    world.objects["uploads/cv.pdf"] = foreign
    (site / "style.css").unlink()
    deploy(ops, site)
    assert "style.css" not in world.objects
    assert "uploads/cv.pdf" in world.objects
    done = deploy(ops, site, "--prune")
    assert done.code == 0
    assert "uploads/cv.pdf" not in world.objects
    assert "_deploy/current.json" in world.objects
    assert ASSET in world.objects


def test_more_deletes_than_allowed(ops: Ops, site, world: World):
    deploy(ops, site)
    (site / "style.css").unlink()
    world.calls.clear()
    done = deploy(ops, site, "--max-deletes", 0)
    assert done.code == 2
    assert "1 objects would be deleted (style.css)" in done.err
    assert world.writes() == []


def test_a_failed_delete_is_told_and_made_up_for(ops: Ops, site, world: World):
    deploy(ops, site)
    (site / "style.css").unlink()
    fault = world.fail("DeleteKey", "style.css", times=-1, code="AccessDenied")
    done = deploy(ops, site)
    assert done.code == 1
    assert "style.css: AccessDenied" in done.err
    assert world.invalidations == [["/style.css"]]
    fault.times = 0
    assert deploy(ops, site).code == 0
    assert "style.css" not in world.objects


def test_a_delete_error_that_passes_is_tried_again(ops: Ops, site, world: World):
    deploy(ops, site)
    (site / "style.css").unlink()
    world.fail("DeleteKey", "style.css", times=2, code="InternalError")
    assert deploy(ops, site).code == 0
    assert "style.css" not in world.objects


def test_a_run_after_an_interrupted_one_invalidates_what_that_one_sent(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "index.html", "two")
    write(site, "docs/index.html", "docs 2")
    fault = world.fail("PutObject", "^docs/index.html$", times=-1, status=403, code="AccessDenied")
    assert deploy(ops, site, "--concurrency", 1).code == 1
    assert world.objects["_deploy/pending.json"]
    fault.times = 0
    write(site, "docs/index.html", "docs")
    write(site, "index.html", "three")
    assert deploy(ops, site).code == 0
    assert pages(world)["index.html"] == b"three"
    assert pages(world)["docs/index.html"] == b"docs"
    assert set(world.invalidations[-1]) == {"/", "/index.html", "/docs", "/docs/", "/docs/index.html"}
    assert "_deploy/pending.json" not in world.objects


def test_back_to_what_was_after_an_interruption(ops: Ops, site, world: World):
    original = (site / "index.html").read_bytes()
    deploy(ops, site)
    write(site, "index.html", "two")
    world.fail("CreateInvalidation", times=-1, status=403, code="AccessDenied")
    assert deploy(ops, site).code == 1
    world.faults.clear()
    write(site, "index.html", original)
    assert deploy(ops, site).code == 0
    assert pages(world)["index.html"] == original
    assert "/" in world.invalidations[-1]


def test_what_someone_else_changed_is_put_right(ops: Ops, site, world: World):
    deploy(ops, site)
    world.objects["style.css"].data, world.objects["style.css"].etag = b"foreign", "f" * 32
    del world.objects["docs/index.html"]
    assert deploy(ops, site).code == 0
    assert pages(world)["style.css"] == b"a{}"
    assert pages(world)["docs/index.html"] == b"docs"


def test_a_site_another_tool_put_there(ops: Ops, site, world: World):
    deploy(ops, site)
    for key in world.keys("_deploy/"):
        del world.objects[key]
    world.objects["style.css"].headers = {"content-type": "text/css"}
    world.calls.clear()
    assert deploy(ops, site).code == 0
    sent = [call.key for call in world.operations("PutObject") if not call.key.startswith("_deploy/")]
    assert sent == ["style.css"], "only the headers of one file were not ours"
    assert world.objects["style.css"].headers["cache-control"] == "public, max-age=3600"


def test_rollback_puts_the_kept_pages_back(ops: Ops, site, world: World):
    deploy(ops, site)
    first = pages(world)
    write(site, "index.html", "two")
    write(site, "extra.html", "extra")
    (site / "style.css").unlink()
    write(site, "assets/app-C8QJ036S.js", "2")
    (site / ASSET).unlink()
    deploy(ops, site)
    second = pages(world)
    done = ops("rollback", *IN_PLACE, "--yes", "--grace", 0)
    assert done.code == 0, done.err
    assert {k: v for k, v in pages(world).items() if k != "assets/app-C8QJ036S.js"} == first
    assert "/" in world.invalidations[-1]
    assert "/extra.html" in world.invalidations[-1]
    assert world.objects["style.css"].headers["cache-control"] == "public, max-age=3600"
    assert ops("rollback", *IN_PLACE, "--yes", "--grace", 0).code == 0
    assert pages(world) == second
    listed = json.loads(ops("releases", *IN_PLACE, "--json").out)
    assert [row["active"] for row in listed].count(True) == 1
    assert len(listed) == 2


def test_rollback_refuses_what_it_cannot_put_back(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "index.html", "two")
    deploy(ops, site)
    for key in world.keys("_deploy/pages/"):
        del world.objects[key]
    world.calls.clear()
    done = ops("rollback", *IN_PLACE, "--yes")
    assert done.code == 1
    assert "index.html of it is no longer kept" in done.err
    assert world.writes() == []


def test_a_living_lock_keeps_others_out(ops: Ops, site, world: World, monkeypatch):
    deploy(ops, site)
    write(site, "index.html", "two")
    turns = itertools.count()

    def beat(_: object = None) -> None:
        world.objects["_deploy/lock"] = Stored(b'{"who": "ci"}', f"etag{next(turns)}", {}, world.now())

    beat()
    # Its holder lives: it refreshes the lock whenever the deploy waits.
    monkeypatch.setattr("ops.deploy.in_place.Lock", partial(Lock, sleep=beat))
    done = deploy(ops, site)
    assert done.code == 1
    assert "another deploy of this bucket is running: ci" in done.err
    assert pages(world)["index.html"] != b"two"


def test_a_stale_lock_is_taken_over_at_once(ops: Ops, site, world: World, monkeypatch):
    deploy(ops, site)
    write(site, "index.html", "two")
    old = world.objects["404.html"]
    when = world.now().timestamp() - 31
    stale = type(old)(b"{}", "e" * 32, {}, type(world.now()).fromtimestamp(when, world.now().tzinfo))
    world.objects["_deploy/lock"] = stale
    waits = partial(Lock, sleep=lambda seconds: pytest.fail("it was waited for"))
    monkeypatch.setattr("ops.deploy.in_place.Lock", waits)
    assert deploy(ops, site).code == 0
    assert "_deploy/lock" not in world.objects


@pytest.mark.parametrize("changed", [("new.css",), ("new.css", "index.html", "style.css")])
def test_a_deploy_that_finished_since_the_plan(changed: tuple[str, ...], ops: Ops, site, world: World):
    """New assets with a hash may be up by then: no page names them, and the next run has them in place."""
    asset = "assets/new-C8QJ036S.js"
    deploy(ops, site)
    for path in (*changed, asset):
        write(site, path, "two")
    before = pages(world)

    def meanwhile(call: Call) -> None:
        if call.operation == "PutObject" and call.key == "_deploy/lock":
            world.objects["_deploy/current.json"].etag = "another"

    world.on_call = meanwhile
    world.calls.clear()
    done = deploy(ops, site)
    assert done.code == 1
    assert "finished in the meantime" in done.err
    assert {path: data for path, data in pages(world).items() if path != asset} == before
    assert {call.key for call in world.operations("PutObject")} <= {"_deploy/lock", asset}
    assert "_deploy/lock" not in world.objects
    world.on_call = None
    assert deploy(ops, site).code == 0
    assert pages(world) == {**before, **dict.fromkeys((*changed, asset), b"two")}


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("theirs", [b"x", b"other bytes"])
def test_an_asset_that_another_deploy_has_put_there_since_the_plan_is_not_touched(
    finished: bool, theirs: bytes, ops: Ops, site, world: World
):
    """Its headers may be others, and its bytes too: a page that is live names it by then."""
    asset = "assets/new-C8QJ036S.js"
    deploy(ops, site)
    write(site, asset, "x")
    put = Stored(theirs, hashlib.md5(theirs).hexdigest(), {"cache-control": "theirs"}, world.now())

    def meanwhile(call: Call) -> None:
        if call.operation == "PutObject" and call.key == "_deploy/lock":
            world.objects[asset] = put
            if finished:
                world.objects["_deploy/current.json"].etag = "another"

    world.on_call = meanwhile
    done = deploy(ops, site)
    assert done.code == 1
    assert "finished in the meantime" in done.err
    assert world.objects[asset] == put
    assert "_deploy/lock" not in world.objects


def test_headers_that_a_cut_off_run_has_sent_are_set_right(ops: Ops, site, world: World):
    deploy(ops, site)
    (site / "deploy.toml").write_text("[headers.'*.html']\nContent-Language = 'de'\n")
    fault = world.fail("PutObject", "_deploy/current.json", status=403, code="AccessDenied", times=99)
    assert deploy(ops, site).code == 1
    assert world.objects["index.html"].headers["content-language"] == "de"
    fault.times = 0
    (site / "deploy.toml").unlink()
    assert deploy(ops, site).code == 0
    assert "content-language" not in world.objects["index.html"].headers
    assert "nothing to do" in deploy(ops, site).out


def test_a_release_behind_the_pointer_would_hide_the_pages(ops: Ops, site, world: World):
    from tests.ops.deploy.conftest import RELEASE

    world.kvs["release"] = "r1"
    done = ops("deploy", site, *RELEASE, "--mode", "in-place", "--yes")
    assert done.code == 2
    assert "release r1 is live through" in done.err


def test_without_a_distribution_no_cache_is_told_and_that_is_said(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "index.html", "two")
    done = ops("deploy", site, "--bucket", "site-bucket", "--yes")
    assert done.code == 0
    assert "no cache is told" in done.err
    assert world.invalidations == []


def test_the_same_hashed_name_with_other_content(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, ASSET, "console.log(2)")
    world.calls.clear()
    done = deploy(ops, site)
    assert done.code == 2
    assert f"{ASSET}: the bucket has other content under the same hashed name" in done.err
    assert world.writes() == []


def test_under_kms_the_etag_is_no_md5(ops: Ops, site, world: World):
    world.kms = True
    assert deploy(ops, site).code == 0
    assert "nothing to do" in deploy(ops, site).out
    for key in world.keys("_deploy/"):
        del world.objects[key]
    assert deploy(ops, site).code == 0


def test_old_deploys_are_collected_with_what_only_they_name(ops: Ops, site, world: World):
    assets = []
    for number in range(8):
        for old in site.glob("assets/own-*"):
            old.unlink()
        assets.append(f"assets/own-A{number}BCDEFG.js")
        write(site, assets[-1], f"own {number}")
        write(site, "index.html", f"page {number}")
        # Content that comes and goes: a collected deploy names it, and one that is kept does too.
        write(site, "style.css", f"turn {number % 3}")
        assert deploy(ops, site).code == 0
        world.skew += timedelta(days=16, minutes=1)
    assert [asset for asset in assets if asset in world.objects] == assets[-5:]
    assert len(world.keys("_deploy/manifests/")) == 5
    kept = {world.objects[key].data for key in world.keys("_deploy/pages/")}
    turns = {b"turn 0", b"turn 1", b"turn 2"}
    assert kept == {b"page 3", b"page 4", b"page 5", b"page 6", *turns}
    assert ops("rollback", *IN_PLACE, "--yes", "--grace", 0).code == 0
    assert pages(world)["style.css"] == b"turn 0"
