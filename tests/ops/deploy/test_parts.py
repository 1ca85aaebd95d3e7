"""The pure parts and the small machines: pointer history, invalidation paths, pool, lock, "
"collection, API first."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.deploy.api_first import bring_up
from ops.deploy.aws.http import Response
from ops.deploy.collection import victims
from ops.deploy.headers import HeaderRules
from ops.deploy.invalidation import MOST_PATHS, covers, paths_for
from ops.deploy.listing import present, ranges
from ops.deploy.manifest import Entry, Manifest, ManifestError, decode, decode_summary, encode
from ops.deploy.marks import Lock, LockedError, wait_for_collection
from ops.deploy.options import Options
from ops.deploy.pointer import (
    BucketPointer,
    LostRaceError,
    MemoryPointer,
    ReadOnlyPointer,
    State,
    Turn,
    decode_history,
    encode_history,
)  # fmt: skip
from ops.deploy.pool import Growth, Task, for_each
from ops.deploy.rules import is_hashed_asset, page_urls
from ops.deploy.store import ChangedError, ExistsError, MemoryStore, ReadOnlyStore, content_of
from ops.deploy.target import target_of
from ops.deploy.ui import Ui
from ops.errors import OpsError, UsageError
from tests.timing import PATIENCE_S, until

IDS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
NAMES = st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,3}(\.html|/index\.html|\.css)", fullmatch=True)


def done(_: object) -> None:
    """Takes a value and gives none."""


# Pointer


@settings(deadline=None)  # how long an example takes says nothing on a busy machine
@given(st.lists(st.tuples(IDS, st.integers(0, 2**33)), max_size=60))
def test_a_history_survives_and_never_grows_too_long(turns):
    text = encode_history([Turn(*turn) for turn in turns])
    assert len(text.encode()) <= 1024
    assert decode_history(text) == tuple(Turn(*turn) for turn in turns[: len(text.split())])


def test_nonsense_is_no_history():
    assert decode_history("a:b: c ::  x:! ok:1z") == (Turn("ok", 71),)


def test_moves():
    state = State("b", (Turn("b", 20), Turn("a", 10)))
    assert state.previous == "a"
    assert state.last_live(30) == {"b": 30, "a": 20}
    assert state.moved_to("c", 30) == (Turn("c", 30), Turn("b", 20), Turn("a", 10))
    assert state.moved_to("a", 30) == (Turn("a", 30), Turn("b", 20))
    assert State("by-hand", ()).moved_to("c", 30) == (Turn("c", 30), Turn("by-hand", 30))
    assert State().moved_to("a", 5) == (Turn("a", 5),)


@pytest.mark.parametrize("make", [MemoryPointer, lambda: BucketPointer(MemoryStore())])
def test_of_two_moves_one_is_lost(make):
    pointer = make()
    before = pointer.read()
    after = pointer.move(before, "a", [Turn("a", 1)])
    with pytest.raises(LostRaceError, match="release a is live now"):
        pointer.move(before, "b", [Turn("b", 2)])
    assert pointer.read() == after
    assert ReadOnlyPointer(pointer).move(after, "c", []).active == "c"
    assert pointer.read().active == "a"


# Invalidation


@settings(deadline=None)  # how long an example takes says nothing on a busy machine
@given(st.sets(NAMES, max_size=80))
def test_every_changed_url_is_covered_by_few_paths(changed):
    found = paths_for(changed)
    assert len(found) <= MOST_PATHS
    assert all(covers(found, url) for path in changed for url in page_urls(path))
    if sum(len(page_urls(path)) for path in changed) <= MOST_PATHS:
        assert not any("*" in path for path in found), "exact while that is few"


def test_hashed_assets_are_never_invalidated():
    assert is_hashed_asset("assets/app-B7PI925R.js")
    assert paths_for(["assets/app-B7PI925R.js"]) == []


def test_odd_names_are_encoded():
    assert paths_for(["ä b*.html"]) == ["/%C3%A4%20b%2A.html"]


# Lists, manifests, collection


@settings(deadline=None)  # how long an example takes says nothing on a busy machine
@given(
    st.sets(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=5), max_size=50
    )
)
def test_ranges_cover_every_key_once(keys):
    store = MemoryStore()
    for key in [*keys, "_deploy/lock", "_releases/a/b", "_deploy0", "_releasesx"]:
        store.put(key, b"")
    cuts = sorted(keys)[7::7]
    found = present(store, cuts)
    assert set(found) == {*keys, "_deploy0", "_releasesx"} - {"_deploy/lock", "_releases/a/b"}
    assert all(a[1].encode() <= b[0].encode() for a, b in pairwise(ranges(cuts)))


def test_manifests_are_read_back_and_cut_off_ones_are_not():
    headers = HeaderRules().headers_for("a.html")
    files = {f"ü\u2028{n}.html": Entry("s" * 64, n, "e" * 32, headers) for n in range(5)}
    manifest = Manifest("r1", 1_700_000_000, files)
    data = encode(manifest)
    assert decode(data) == manifest
    assert decode_summary(data[:512]) == manifest.summary
    for broken in (b"", b"{}", data[:-40], data.replace(b'"version":1', b'"version":2'), b"\xff"):
        with pytest.raises(ManifestError):
            decode(broken)


def test_a_manifest_is_json_a_line_whatever_a_file_is_called():
    rules = HeaderRules()
    paths = ['quo"te.html', "back\\slash.css", "line\u2028 \u00fc.js", "],[.png", "tab\t.txt", "plain.html"]
    files = {
        path: Entry(f"{n:064x}", n, "e" * 32 + "-2", rules.headers_for(path)) for n, path in enumerate(paths)
    }
    head, table, *rows = encode(Manifest("r1", 1, files)).decode().rstrip("\n").split("\n")
    assert json.loads(head) == {"version": 1, "id": "r1", "created": 1, "files": 6, "bytes": 15}
    for path, row in zip(sorted(paths), rows, strict=True):
        entry = files[path]
        *told, place = json.loads(row)
        assert told == [path, entry.sha256, entry.size, entry.etag]
        assert tuple(map(tuple, json.loads(table)[place])) == entry.headers
    assert decode("\n".join([head, table, *rows]).encode()).files == files


def test_victims():
    day = 86400
    now = 100 * day
    releases = {f"r{n}": datetime.fromtimestamp(n * day, UTC) for n in range(10)}
    state = State("r0", (Turn("r0", 99 * day), Turn("r1", 20 * day), Turn("r2", 10 * day)))
    assert victims(releases, state, {}, now) == ["r2", "r3", "r4"]
    assert victims(releases, state, {"r3": 90 * day}, now) == ["r2", "r4"]
    assert victims({}, State(), {}, now) == []
    long_live = State("r0", (Turn("r0", 50 * day), Turn("r1", 20 * day)))
    assert "r1" not in victims(releases, long_live, {}, now), "the one before stays however old"


# Pool


def test_the_first_failure_ends_the_run():
    done, failing = [], []
    all_begun = threading.Barrier(4)

    def call(item: int) -> None:
        if item < 4:
            all_begun.wait(PATIENCE_S)
        if item == 5:
            failing.append(threading.current_thread())
            raise ValueError("five")
        if item > 5:
            until(lambda: failing)[0].join(PATIENCE_S)
        done.append(item)

    with pytest.raises(ValueError, match="five"):
        for_each(iter(range(100)), call, threads=4)
    assert set(range(5)) <= set(done)
    assert len(done) <= 5 + 3, "besides those before it what the three other threads had begun"


def test_a_stop_from_outside_is_no_failure_and_stays_the_callers():
    stop = threading.Event()
    seen = []

    def note(item: int) -> None:
        seen.append(item)
        if item == 3:
            stop.set()

    for_each(range(1000), note, threads=1, stop=stop)
    assert seen == [0, 1, 2, 3]
    other = threading.Event()
    with pytest.raises(ZeroDivisionError):
        for_each([0], lambda item: done(1 / item), threads=1, stop=other)
    assert not other.is_set()


@pytest.mark.parametrize(("well", "sizes"), [(True, [2, 4, 7, 7]), (False, [2, 2, 2, 2])])
def test_growth(well, sizes):
    """Twice as many when all there are have come back, and no earlier; never more than the limit."""
    busy, quiet, seen, lock, let_go = 0, 0, [], threading.Lock(), threading.Semaphore(0)

    def call(item: int) -> None:
        nonlocal busy
        with lock:
            busy += 1
        assert let_go.acquire(timeout=PATIENCE_S), "the pool did not grow"
        with lock:
            busy -= 1

    def tick() -> None:
        nonlocal quiet
        quiet = quiet + 1 if len(seen) < len(sizes) and busy >= sizes[len(seen)] else 0
        # Five occasions to grow have passed, and nobody has come back.
        if quiet == 5:
            quiet = 0
            seen.append(busy)
            let_go.release(busy if len(seen) < len(sizes) else 1000)

    growth = Growth(2, 7, lambda: well)
    for_each(list(range(120)), call, threads=growth, tick=tick, tick_s=0.01)
    assert seen == sizes
    assert growth.start == max(sizes), "the next list starts with what this one has grown to"
    for_each([1], lambda _: None, threads=growth)
    assert growth.start == max(sizes)


def test_a_task_gives_what_it_raised():
    assert Task(lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        Task(lambda: 1 // 0).result()


# Lock


def shortly(_: float) -> None:
    """Waits between two looks, for a test."""
    time.sleep(0.005)


def test_a_lock_is_refreshed_and_given_back():
    store, lost = MemoryStore(), threading.Event()
    with Lock(store, "me", lost, refresh_s=0.01) as lock:
        first = store.objects["_deploy/lock"].etag
        until(lambda: store.objects["_deploy/lock"].etag != first)
        lock.check()
        other = Lock(store, "you", threading.Event(), stale_s=PATIENCE_S, sleep=shortly)
        with pytest.raises(LockedError, match="me"):
            other.__enter__()
    assert store.head("_deploy/lock") is None
    assert not lost.is_set()


class StillStore(MemoryStore):
    """Refreshes of a holder named "stopped" are held until it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = threading.Event()

    def put(self, key, data, headers=(), *, create=False, if_match=""):
        """See ``ObjectStore``."""
        if if_match and b'"stopped"' in bytes(content_of(data)):
            self.goes_on.wait(PATIENCE_S)
        return super().put(key, data, headers, create=create, if_match=if_match)


def test_a_lock_that_stands_still_is_taken_over_and_its_holder_told():
    store, lost = StillStore(), threading.Event()
    holder = Lock(store, "stopped", lost, refresh_s=0.01).__enter__()
    with Lock(store, "next", threading.Event(), stale_s=0.05, refresh_s=3600, sleep=shortly):
        assert not lost.is_set()
        store.goes_on.set()
        assert lost.wait(PATIENCE_S)
        with pytest.raises(OpsError, match="lost to another deployer"):
            holder.check()
        holder.__exit__(None, None, None)
        assert store.head("_deploy/lock") is not None, "the new holder's lock stays"


def test_waiting_for_a_collection():
    store, said = MemoryStore(), []
    store.put("_deploy/collecting", b"")
    wait_for_collection(store, said.append, lambda seconds: done(store.delete(["_deploy/collecting"])))
    assert len(said) == 1
    store.put("_deploy/collecting", b"")
    store.objects["_deploy/collecting"].modified -= timedelta(hours=1)
    wait_for_collection(
        store, said.append, lambda seconds: pytest.fail("a dead collection is not waited for")
    )


def test_stores_in_memory():
    store = MemoryStore()
    etag = store.put("a", b"1", create=True)
    with pytest.raises(ExistsError):
        store.put("a", b"2", create=True)
    with pytest.raises(ChangedError):
        store.put("a", b"2", if_match="x")
    dry = ReadOnlyStore(store)
    assert dry.put("b", b"1") == etag
    assert dry.delete(["a"]) == []
    assert list(store.objects) == ["a"]


# Target and API


def options(**more) -> Options:
    return Options(**{"command": "deploy", "stack": "dev", **more})


OUTPUTS = {
    "bucketName": "site", "distributionId": "E1", "keyValueStoreArn": "arn", "url": "https://yourdomain.com",
    "accountId": "123456789012",
}  # fmt: skip


def test_a_stacks_target():
    target = target_of(options(), lambda name: OUTPUTS if name == "dev" else {})
    assert (target.bucket, target.distribution_id, target.kvs_arn) == ("site", "E1", "arn")
    assert (target.site_url, target.account) == ("https://yourdomain.com", "123456789012")
    assert target_of(options(endpoint_url="http://x"), lambda _: OUTPUTS).site_url == ""
    assert target_of(options(site_url="https://b"), lambda _: OUTPUTS).site_url == "https://b"


@pytest.mark.parametrize(
    ("outputs", "more", "part"),
    [
        ({}, {}, "has no output bucketName: bring it up first"),
        (OUTPUTS, {"expect_account": "999999999999"}, "is not the stack's account"),
        ({**OUTPUTS, "keyValueStoreArn": ""}, {"mode": "release"}, "needs a key-value store"),
    ],
)
def test_a_stack_that_is_no_target(outputs, more, part):
    with pytest.raises(UsageError, match=part):
        target_of(options(**more), lambda _: outputs)


class Answers:
    """An HTTP client with a script."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.seen: list[tuple[str, dict[str, str]]] = []

    def send(self, operation, method, url, headers, body=b"", *, attempts=5):
        self.seen.append((url, dict(headers)))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Response(status, {}, b'{"status":"x"}')


def up(http: Answers, code: int = 0, timeout_s: float = 5.0) -> None:
    bring_up(
        "dev", Ui(), up=lambda stack: code, outputs=lambda stack: OUTPUTS, api_key=lambda found: "key",
        http=http, timeout_s=timeout_s, sleep=lambda seconds: None,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_api_is_asked_deeply_until_it_is_healthy():
    http = Answers(503, 502, 200)
    up(http)
    assert len(http.seen) == 3
    assert http.seen[0][0] == "https://yourdomain.com/api/v1/health?deep=1"
    assert http.seen[0][1]["x-api-key"] == "key"


@pytest.mark.parametrize(
    ("statuses", "code", "part"),
    [([503], 0, "not healthy"), ([401], 0, "key is refused"), ([200], 1, "`up` ended with 1")],
)
def test_a_failed_api(statuses, code, part):
    with pytest.raises(OpsError, match=part) as failure:
        up(Answers(*statuses), code, timeout_s=0)
    assert "the site was left alone" in str(failure.value)


def test_a_failed_api_leaves_the_site_alone(ops, site, world, monkeypatch):
    monkeypatch.setattr("ops.deploy.api_first._engine_up", lambda stack: 1)
    done = ops("deploy", site, "--stack", "dev", "--yes", "--api")
    assert done.code == 1
    assert "the site was left alone" in done.err
    assert world.calls == []


def test_the_api_comes_before_the_site(ops, site, world, monkeypatch):
    order = []
    monkeypatch.setattr(
        "ops.deploy.api_first.bring_up", lambda stack, ui: order.append(("api", len(world.calls)))
    )
    outputs = {
        **OUTPUTS,
        "bucketName": "site-bucket",
        "keyValueStoreArn": world.store_arn,
        "distributionId": "",
    }
    monkeypatch.setattr("ops.deploy.target.stack_outputs", lambda stack: outputs)
    done = ops("deploy", site, "--stack", "dev", "--yes", "--api")
    assert done.code == 0, done.err
    assert order == [("api", 0)]
    assert world.kvs["release"]


def test_a_wrong_site_is_told_before_the_api_is_touched(ops, site, world, monkeypatch):
    monkeypatch.setattr("ops.deploy.api_first.bring_up", lambda *_: pytest.fail("the API was touched"))
    (site / ".env").write_text("A=B")
    assert ops("deploy", site, "--stack", "dev", "--yes", "--api").code == 2


def test_a_key_from_the_secret(monkeypatch):
    from ops.deploy import api_first

    monkeypatch.setenv("API_KEY", "from-env")
    assert api_first.key_of({}) == "from-env"
    monkeypatch.delenv("API_KEY")
    with pytest.raises(OpsError, match="set API_KEY"):
        api_first.key_of({})
    document = '[{"name":"a","key":"old","expires_at":"2027-01-01T00:00:00Z"},{"name":"a","key":"new"}]'
    client = SimpleNamespace(get_secret_value=lambda SecretId: {"SecretString": document})
    monkeypatch.setattr("boto3.client", lambda name, region_name: client)
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"
    assert api_first.key_of({"apiKeySecretArn": arn}) == "new"
    document = "the-secret-itself"
    with pytest.raises(OpsError) as failure:
        api_first.key_of({"apiKeySecretArn": arn})
    assert "the-secret-itself" not in str(failure.value)
