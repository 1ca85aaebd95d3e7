"""Release mode through the command line: keys, headers, order, resuming, races, health, error page."""

import json

import pytest

from ops.deploy.aws.client import Aws, KeyValueStore
from ops.deploy.aws.http import AwsError
from ops.deploy.pointer import KvsPointer, LostRaceError, decode_history
from tests.ops.deploy.aws_world import STORE_ARN, Call, World
from tests.ops.deploy.conftest import ASSET, RELEASE, Ops, live_release, write


def deploy(ops: Ops, site, *more):
    return ops("deploy", site, *RELEASE, "--yes", *more)


def test_the_first_deploy(ops: Ops, site, world: World):
    done = deploy(ops, site)
    assert done.code == 0, done.err
    release = live_release(world)
    assert world.keys() == sorted(
        [
            "404.html", f"_deploy/manifests/{release}.json", ASSET,
            f"_releases/{release}/404.html", f"_releases/{release}/docs/index.html",
            f"_releases/{release}/index.html", f"_releases/{release}/style.css",
        ]
    )  # fmt: skip
    page = world.objects[f"_releases/{release}/index.html"]
    assert page.headers == {
        "cache-control": "public, max-age=0, must-revalidate", "content-type": "text/html; charset=utf-8",
    }  # fmt: skip
    assert world.objects[ASSET].headers["cache-control"] == "public, max-age=31536000, immutable"
    assert world.objects[f"_releases/{release}/style.css"].headers["cache-control"] == "public, max-age=3600"
    assert world.objects["404.html"].headers == page.headers
    assert f"release {release} is live" in done.out
    assert world.invalidations == []


def test_the_order_of_writes(ops: Ops, site, world: World):
    deploy(ops, site)
    release = live_release(world)
    writes = [(call.operation, call.key) for call in world.writes()]
    assert writes[0] == ("PutObject", f"_deploy/marks/{release}")
    manifest = writes.index(("PutObject", f"_deploy/manifests/{release}.json"))
    flip = [place for place, (operation, _) in enumerate(writes) if operation == "UpdateKeys"]
    assert len(flip) == 1
    objects = [place for place, (_, key) in enumerate(writes) if key.startswith("_releases/") or key == ASSET]
    assert len(objects) == 5
    assert max(objects) < manifest < flip[0] < writes.index(("PutObject", "404.html"))


def test_assets_are_created_and_never_written_over(ops: Ops, site, world: World):
    deploy(ops, site)
    (created,) = [call for call in world.operations("PutObject") if call.key == ASSET]
    assert created.headers["if-none-match"] == "*"
    world.calls.clear()
    write(site, "index.html", "two")
    deploy(ops, site)
    sent = {call.key.split("/", 2)[-1] for call in world.operations("PutObject") if "_releases/" in call.key}
    assert sent == {"404.html", "docs/index.html", "index.html", "style.css"}
    assert not [call for call in world.writes() if call.key == ASSET]


def test_nothing_changed_writes_nothing(ops: Ops, site, world: World):
    deploy(ops, site)
    world.calls.clear()
    done = deploy(ops, site)
    assert done.code == 0
    assert "nothing to do" in done.out
    assert world.writes() == []


def test_new_times_alone_change_nothing(ops: Ops, site, world: World):
    deploy(ops, site)
    for file in site.rglob("*.*"):
        file.touch()
    world.calls.clear()
    assert "nothing to do" in deploy(ops, site).out
    assert world.writes() == []


def test_a_dry_run_writes_nothing_and_tells_why(ops: Ops, site, world: World):
    deploy(ops, site)
    before = (dict(world.objects), dict(world.kvs))
    write(site, "index.html", "two")
    (site / "style.css").unlink()
    world.calls.clear()
    done = ops("deploy", site, *RELEASE, "--dry-run")
    assert done.code == 0
    assert world.writes() == []
    assert (world.objects, world.kvs) == before
    assert "+ index.html  changed" in done.out
    assert f"= {ASSET}  in the bucket" in done.out
    assert "- style.css  not in this release" in done.out
    assert "would be live" in done.out


def test_an_interrupted_deploy_is_taken_up(ops: Ops, site, world: World):
    world.fail("PutObject", "manifests/", times=-1, status=403, code="AccessDenied")
    failed = deploy(ops, site)
    assert failed.code == 1
    assert live_release(world) == ""
    world.faults.clear()
    world.calls.clear()
    assert deploy(ops, site).code == 0
    sent = [
        call.key for call in world.operations("PutObject") if call.key.startswith(("_releases/", "assets/"))
    ]
    assert sent == [], "everything was there already"


def test_the_pointer_and_its_history_move_in_one_call(ops: Ops, site, world: World):
    deploy(ops, site)
    first = live_release(world)
    write(site, "index.html", "two")
    deploy(ops, site)
    update = json.loads(world.operations("UpdateKeys")[-1].body)
    assert {put["Key"] for put in update["Puts"]} == {"release", "release-history"}
    assert [turn.release for turn in decode_history(world.kvs["release-history"])] == [
        live_release(world),
        first,
    ]


def test_another_pointer_key(ops: Ops, site, world: World):
    assert deploy(ops, site, "--kvs-key", "staging").code == 0
    assert world.kvs["staging"]
    assert "release" not in world.kvs


def test_a_lost_race(ops: Ops, site, world: World):
    def race(call: Call) -> None:
        if call.operation == "PutObject" and "manifests" in call.key:
            world.kvs["release"] = "other"
            world.kvs_version += 1

    world.on_call = race
    done = deploy(ops, site)
    assert done.code == 1
    assert "another deployer was faster: release other is live now" in done.err
    assert live_release(world) == "other"


def test_another_key_of_the_store_is_no_race(ops: Ops, site, world: World):
    def write_token(call: Call) -> None:
        if call.operation == "PutObject" and "manifests" in call.key:
            world.kvs["preview-token"] = "new"
            world.kvs_version += 1

    world.on_call = write_token
    assert deploy(ops, site).code == 0
    assert live_release(world)


def test_a_flip_whose_answer_was_lost(ops: Ops, site, world: World):
    world.fail("UpdateKeys", how="lost")
    assert deploy(ops, site).code == 0
    assert live_release(world)


def test_the_same_hashed_name_with_other_content(ops: Ops, site, world: World):
    deploy(ops, site)
    first = live_release(world)
    write(site, ASSET, "console.log(2)")
    world.calls.clear()
    done = deploy(ops, site)
    assert done.code == 2
    assert f"{ASSET}: has other content than the live release" in done.err
    assert world.writes() == []
    assert live_release(world) == first


def test_a_foreign_object_under_a_hashed_name(ops: Ops, site, world: World):
    deploy(ops, site)
    asset = world.objects[ASSET]
    world.objects.clear()
    world.kvs.pop("release")
    asset.data, asset.etag = b"foreign", "0" * 32
    world.objects[ASSET] = asset
    done = deploy(ops, site)
    assert done.code == 2
    assert "an object with other content under the same hashed name" in done.err
    assert world.objects[ASSET].data == b"foreign"


def test_an_asset_that_is_there_gets_its_headers(ops: Ops, site, world: World):
    deploy(ops, site)
    asset = world.objects[ASSET]
    world.objects.clear()
    world.kvs.pop("release")
    asset.headers = {"content-type": "binary/octet-stream"}
    world.objects[ASSET] = asset
    assert deploy(ops, site).code == 0
    assert world.objects[ASSET].headers["cache-control"].endswith("immutable")


def test_other_headers_reach_unchanged_files(ops: Ops, site, world: World):
    deploy(ops, site)
    first = live_release(world)
    done = deploy(ops, site, "--header", "*.js: Cache-Control=public, max-age=5")
    assert done.code == 0
    assert live_release(world) != first
    assert world.objects[ASSET].headers["cache-control"] == "public, max-age=5"
    write(site, "deploy.toml", "[headers.'style.css']\nCache-Control = 'no-store'\n")
    deploy(ops, site)
    assert world.objects[f"_releases/{live_release(world)}/style.css"].headers["cache-control"] == "no-store"
    assert "deploy.toml" not in str(world.keys())


def test_large_unchanged_files_are_copied(ops: Ops, site, world: World):
    write(site, "film.mp4", b"x" * (2 << 20))
    deploy(ops, site)
    write(site, "index.html", "two")
    world.calls.clear()
    assert deploy(ops, site).code == 0
    (copied,) = world.operations("CopyObject")
    assert copied.key == f"_releases/{live_release(world)}/film.mp4"
    assert world.objects[copied.key].headers["content-type"] == "video/mp4"
    assert not [call for call in world.operations("PutObject") if call.key.endswith("film.mp4")]


def test_a_copy_that_fails_is_sent(ops: Ops, site, world: World):
    write(site, "film.mp4", b"x" * (2 << 20))
    deploy(ops, site)
    write(site, "index.html", "two")
    world.fail("CopyObject", times=-1, status=403, code="AccessDenied")
    assert deploy(ops, site).code == 0
    assert len(world.objects[f"_releases/{live_release(world)}/film.mp4"].data) == 2 << 20


def test_the_error_page_follows_the_release(ops: Ops, site, world: World):
    deploy(ops, site)
    write(site, "404.html", "gone")
    deploy(ops, site)
    assert world.objects["404.html"].data == b"gone"
    assert ops("rollback", *RELEASE, "--yes").code == 0
    assert world.objects["404.html"].data == b"not here"
    world.objects["404.html"].data = b"spoilt"
    world.objects["404.html"].etag = "0" * 32
    write(site, "404.html", "not here")
    assert "nothing to do" in deploy(ops, site).out
    assert world.objects["404.html"].data == b"not here"


def test_unicode_empty_and_large(ops: Ops, site, world: World):
    write(site, "ä ü/100% €.html", "x")
    write(site, "a+b&c's (1)~.txt", "y")
    write(site, "empty.txt", "")
    write(site, "film.webm", b"\0" * 60_000_000)
    assert deploy(ops, site).code == 0
    release = live_release(world)
    assert f"_releases/{release}/ä ü/100% €.html" in world.objects
    assert f"_releases/{release}/a+b&c's (1)~.txt" in world.objects
    assert world.objects[f"_releases/{release}/empty.txt"].data == b""
    assert len(world.objects[f"_releases/{release}/film.webm"].data) == 60_000_000


def test_under_kms_the_etag_is_no_md5(ops: Ops, site, world: World):
    world.kms = True
    assert deploy(ops, site).code == 0
    write(site, "index.html", "two")
    assert deploy(ops, site).code == 0
    assert "nothing to do" in deploy(ops, site).out


@pytest.mark.parametrize("gone", [("index.html", 2), ("style.css", 0)])
def test_vanishing_paths_are_bounded(ops: Ops, site, world: World, gone):
    for number in range(3):
        write(site, f"page{number}.html", "x")
    deploy(ops, site)
    for number in range(3):
        (site / f"page{number}.html").unlink()
    world.calls.clear()
    done = deploy(ops, site, "--max-deletes", 2)
    assert done.code == 2
    assert "3 paths of the live site would vanish" in done.err
    assert world.writes() == []
    assert deploy(ops, site, "--max-deletes", 3).code == 0


# Health checks


def test_the_release_is_looked_at_before_and_after_the_flip(ops: Ops, site, world: World, aws):
    seen = []
    world.site_broken = lambda path, preview: seen.append((path, preview, live_release(world))) or 0
    assert deploy(ops, site, "--site-url", aws.site_url).code == 0
    release = live_release(world)
    assert ("/", True, "") in seen
    assert ("/", False, release) in seen
    assert any(path == f"/{ASSET}" for path, _, _ in seen)


def test_an_unhealthy_release_never_goes_live(ops: Ops, site, world: World, aws, monkeypatch):
    monkeypatch.setattr("ops.deploy.health.PAUSE_S", 0.0)
    deploy(ops, site)
    first = live_release(world)
    write(site, "index.html", "two")
    world.site_broken = lambda path, preview: 503 if preview else 0
    done = deploy(ops, site, "--site-url", aws.site_url)
    assert done.code == 1
    assert "does not answer as it should" in done.err
    assert live_release(world) == first
    assert len(world.operations("UpdateKeys")) == 1


def test_an_unhealthy_live_site_is_put_back(ops: Ops, site, world: World, aws):
    deploy(ops, site)
    first, history = live_release(world), world.kvs["release-history"]
    write(site, "index.html", "two")
    write(site, "404.html", "gone")
    world.site_broken = lambda path, preview: 0 if preview else 502
    done = deploy(ops, site, "--site-url", aws.site_url, "--health-timeout", 0)
    assert done.code == 1
    assert f"the site was put back to release {first}" in done.err
    assert (live_release(world), world.kvs["release-history"]) == (first, history)
    assert world.objects["404.html"].data == b"not here"


def test_an_unhealthy_first_deploy_leaves_no_pointer(ops: Ops, site, world: World, aws):
    world.site_broken = lambda path, preview: 0 if preview else 502
    done = deploy(ops, site, "--site-url", aws.site_url, "--health-timeout", 0)
    assert done.code == 1
    assert set(world.kvs) == {"preview-token"}


def test_the_edges_may_take_their_time(ops: Ops, site, world: World, aws):
    deploy(ops, site)
    write(site, "index.html", "two")
    world.edge_delay_s = 0.4
    assert deploy(ops, site, "--site-url", aws.site_url, "--health-timeout", 10).code == 0


def test_a_live_site_that_goes_on_showing_the_old_release_is_put_back(ops: Ops, site, world: World, aws):
    deploy(ops, site)
    first = live_release(world)
    write(site, "index.html", "two")
    world.edge_delay_s = 60.0
    done = deploy(ops, site, "--site-url", aws.site_url, "--health-timeout", 0.3)
    assert done.code == 1
    assert live_release(world) == first


def test_without_a_token_the_preview_is_left_out(ops: Ops, site, world: World, aws):
    world.kvs.clear()
    done = deploy(ops, site, "--site-url", aws.site_url)
    assert done.code == 0
    assert "no preview-token" in done.err


def test_without_a_site_url_the_checks_are_left_out_and_that_is_said(ops: Ops, site):
    assert "the health checks are left out" in deploy(ops, site).err


def test_a_glance_is_confirmed_before_it_is_moved_by(aws, world: World):
    session = Aws(endpoint_url=aws.endpoint_url, region="us-east-1")
    pointer = KvsPointer(KeyValueStore(session, STORE_ARN))
    world.kvs |= {"release": "r1", "release-history": "r1:zz"}
    glanced = pointer.glance()
    assert (glanced.active, glanced.version) == ("r1", "")
    world.calls.clear()
    moved = pointer.move(glanced, "r2", glanced.moved_to("r2", 10**9))
    assert world.calls[0].operation == "DescribeKeyValueStore"
    assert (moved.active, world.kvs["release"]) == ("r2", "r2")
    with pytest.raises(LostRaceError, match="release r2 is live now"):
        pointer.move(glanced, "r3", glanced.moved_to("r3", 10**9))
    with pytest.raises(LostRaceError):
        pointer.confirm(glanced)
    assert world.kvs["release"] == "r2"
    gone = KvsPointer(KeyValueStore(session, STORE_ARN[:-4] + "0000"))
    with pytest.raises(AwsError, match="404"):
        gone.glance()
    session.http.close()


def test_someone_moves_the_pointer_between_the_glance_and_the_first_write(ops: Ops, site, world: World):
    def call(one):
        if one.operation == "PutObject" and one.key.startswith("_deploy/marks"):
            world.kvs["release"] = "somebody-elses"
            world.kvs_version += 1

    world.on_call = call
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 1
    assert "another deployer was faster: release somebody-elses is live now" in done.err
    assert live_release(world) == "somebody-elses"
    assert world.operations("UpdateKeys") == []


def test_what_was_taken_up_is_looked_at_again_before_it_goes_live(ops: Ops, site, world: World):
    world.fail("PutObject", "_deploy/manifests", times=-1, status=403, code="AccessDenied")
    assert ops("deploy", site, *RELEASE, "--yes").code == 1
    world.faults.clear()
    (sent,) = [key for key in world.keys("_releases/") if key.endswith("/style.css")]

    def call(one):
        # A collection that had not seen our mark takes what it lists.
        if one.operation == "PutObject" and one.key.startswith("_deploy/marks"):
            world.objects.pop(sent, None)

    world.on_call = call
    done = ops("deploy", site, *RELEASE, "--yes")
    assert done.code == 0, done.err
    assert world.objects[sent].data == b"a{}"
