"""Going back and listing, in release mode; and the collection of old releases."""

import json
from datetime import timedelta

from ops.deploy.pointer import encode_history
from tests.ops.deploy.aws_world import World
from tests.ops.deploy.conftest import RELEASE, Ops, live_release, write


def deploy(ops: Ops, site, text: str, world: World) -> str:
    write(site, "index.html", text)
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 0, done.err
    return live_release(world)


def test_back_and_forth(ops: Ops, site, world: World):
    first = deploy(ops, site, "one", world)
    second = deploy(ops, site, "two", world)
    third = deploy(ops, site, "three", world)
    world.calls.clear()
    assert ops("rollback", *RELEASE, "--yes").code == 0
    assert live_release(world) == second
    assert {call.operation for call in world.writes()} == {"UpdateKeys"}
    assert ops("rollback", *RELEASE, "--yes").code == 0
    assert live_release(world) == third, "the release that was live before the present one"
    assert ops("rollback", first, *RELEASE, "--yes").code == 0
    assert live_release(world) == first
    assert "nothing to do" in ops("rollback", first, *RELEASE, "--yes").out


def test_a_redeploy_of_an_old_tree_sends_nothing(ops: Ops, site, world: World):
    first = deploy(ops, site, "one", world)
    deploy(ops, site, "two", world)
    world.calls.clear()
    assert deploy(ops, site, "one", world) == first
    sent = [call.key for call in world.operations("PutObject") if call.key.startswith("_releases/")]
    assert sent == []


def test_what_cannot_be_gone_back_to(ops: Ops, site, world: World):
    assert ops("rollback", *RELEASE, "--yes").code == 2
    first = deploy(ops, site, "one", world)
    done = ops("rollback", *RELEASE, "--yes")
    assert done.code == 2
    assert "there was no release before" in done.err
    done = ops("rollback", "nosuch", *RELEASE, "--yes")
    assert done.code == 2
    assert f"release nosuch is not kept; kept are: {first}" in done.err
    assert ops("rollback", "no/such", *RELEASE, "--yes").code == 2


def test_an_unhealthy_rollback_is_taken_back(ops: Ops, site, world: World, aws):
    first = deploy(ops, site, "one", world)
    second = deploy(ops, site, "two", world)
    world.site_broken = lambda path, preview: 0 if preview or live_release(world) == second else 500
    done = ops("rollback", *RELEASE, "--yes", "--site-url", aws.site_url, "--health-timeout", 0)
    assert done.code == 1
    assert live_release(world) == second
    assert first in done.err


def test_the_list(ops: Ops, site, world: World):
    assert json.loads(ops("releases", *RELEASE, "--json").out) == []
    assert "there are no releases" in ops("releases", *RELEASE).out
    ids = []
    for text in ("one", "two", "three"):
        ids.append(deploy(ops, site, text, world))
        world.skew += timedelta(minutes=1)
    ops("rollback", ids[0], *RELEASE, "--yes")
    rows = json.loads(ops("releases", *RELEASE, "--json").out)
    assert [row["id"] for row in rows] == ids[::-1]
    assert [row["active"] for row in rows] == [False, False, True]
    assert set(rows[0]) == {"id", "created", "last_live", "active", "files", "bytes"}
    assert rows[0]["files"] == 5
    assert rows[2]["bytes"] == sum(len(p.read_bytes()) for p in site.rglob("*.*")) - len("three") + len("one")
    assert rows[1]["last_live"] < rows[0]["last_live"] <= rows[2]["last_live"]
    assert rows[0]["created"].endswith("Z")
    plain = ops("releases", *RELEASE).out.splitlines()
    assert plain[2].startswith(f"* {ids[0]}")


def test_a_release_that_never_was_live(ops: Ops, site, world: World):
    world.fail("UpdateKeys", times=-1, status=403, code="AccessDeniedException")
    ops("deploy", site, *RELEASE, "--yes")
    (row,) = json.loads(ops("releases", *RELEASE, "--json").out)
    assert row["last_live"] is None
    assert row["active"] is False


def test_old_releases_are_collected_with_what_only_they_name(ops: Ops, site, world: World):
    assets = []
    releases = []
    for number in range(8):
        for old in site.glob("assets/own-*"):
            old.unlink()
        asset = f"assets/own-A{number}BCDEFG.js"
        write(site, asset, f"own {number}")
        assets.append(asset)
        releases.append(deploy(ops, site, f"page {number}", world))
        world.skew += timedelta(days=16 if number < 6 else 0, minutes=1)
    kept = {key.split("/")[1] for key in world.keys("_releases/")}
    assert [release for release in releases if release in kept] == releases[-5:]
    assert {key.rsplit("/", 1)[1] for key in world.keys("_deploy/manifests/")} == {f"{r}.json" for r in kept}
    assert [asset for asset in assets if asset in world.objects] == assets[-5:]
    assert "assets/app-B7PI925R.js" in world.objects, "shared by all"
    assert not world.keys("_deploy/marks/")
    assert "_deploy/collecting" not in world.objects


def test_what_was_live_within_two_weeks_stays(ops: Ops, site, world: World):
    first = deploy(ops, site, "one", world)
    for number in range(8):
        world.skew += timedelta(days=1)
        deploy(ops, site, f"page {number}", world)
    assert world.keys(f"_releases/{first}/")


def test_the_release_before_stays_however_old(ops: Ops, site, world: World):
    first = deploy(ops, site, "one", world)
    for number in range(7):
        world.skew += timedelta(days=20)
        deploy(ops, site, f"page {number}", world)
        assert ops("rollback", first, *RELEASE, "--yes").code == 0
    world.skew += timedelta(days=20)
    deploy(ops, site, "last", world)
    assert world.keys(f"_releases/{first}/")


def test_another_deploy_under_way_puts_collection_off(ops: Ops, site, world: World):
    for number in range(7):
        deploy(ops, site, f"page {number}", world)
        world.skew += timedelta(days=20)
    before = len(world.keys("_deploy/manifests/"))
    mark = world.objects["404.html"]
    world.objects["_deploy/marks/other"] = type(mark)(b"{}", "0" * 32, {}, world.now())
    deploy(ops, site, "next", world)
    assert len(world.keys("_deploy/manifests/")) == before + 1
    world.skew += timedelta(minutes=20)
    deploy(ops, site, "after", world)
    assert len(world.keys("_deploy/manifests/")) <= before
    assert "_deploy/marks/other" not in world.objects


def test_an_interrupted_release_is_collected_in_the_end(ops: Ops, site, world: World):
    world.fail("PutObject", "_deploy/manifests", times=-1, status=403, code="AccessDenied")
    assert ops("deploy", site, *RELEASE, "--yes").code == 1
    (orphan,) = {key.split("/")[1] for key in world.keys("_releases/")}
    world.faults.clear()
    world.skew += timedelta(hours=1)
    deploy(ops, site, "two", world)
    assert world.keys(f"_releases/{orphan}/"), "too young to be sure"
    world.objects[f"_deploy/marks/{orphan}"] = world.objects["404.html"]
    world.skew += timedelta(days=2)
    deploy(ops, site, "three", world)
    assert not world.keys(f"_releases/{orphan}/")


def test_a_collection_that_fails_does_not_undo_a_deploy(ops: Ops, site, world: World):
    for number in range(7):
        deploy(ops, site, f"page {number}", world)
        world.skew += timedelta(days=20)
    world.fail("DeleteKey", "_deploy/manifests", times=-1, code="AccessDenied")
    write(site, "index.html", "next")
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 0
    assert "old releases were not collected" in done.err


def test_a_long_history_is_written_down_before_it_is_cut(ops: Ops, site, world: World, monkeypatch):
    real = encode_history
    monkeypatch.setattr("ops.deploy.pointer.encode_history", lambda history, limit=0: real(history, 120))
    monkeypatch.setattr("ops.deploy.bookkeeping.encode_history", lambda history, limit=0: real(history, 120))
    for number in range(9):
        deploy(ops, site, f"page {number}", world)
        world.skew += timedelta(minutes=1)
    assert len(world.kvs["release-history"]) <= 120
    rows = json.loads(ops("releases", *RELEASE, "--json").out)
    assert len(rows) == 9, "all were live within two weeks"
    assert all(row["last_live"] for row in rows)
    assert world.objects["_deploy/history.json"]
