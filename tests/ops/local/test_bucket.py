"""The bucket as an origin: policy, missing keys, conditions, ranges; and the folder it lies in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.deploy.aws.http import AwsError
from ops.deploy.pointer import KvsPointer, LostRaceError, State
from ops.deploy.store import ChangedError, ExistsError, MemoryStore, ObjectStore, StoreError
from ops.local.bucket import BucketOrigin, byte_range, conditional, http_date
from ops.local.folder import FileKeyValueStore, FolderStore
from ops.local.grants import allowed

ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
READ = {
    "Effect": "Allow", "Principal": {"Service": "cloudfront.amazonaws.com"}, "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::b/*", "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
}  # fmt: skip
LIST = {**READ, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b"}


def _origin(
    folder: Path, *statements: Mapping[str, Any], signed: bool = True, arn: str = ARN
) -> BucketOrigin:
    store = FolderStore(folder)
    store.put("a b.txt", b"0123456789", (("Content-Type", "text/plain"), ("Cache-Control", "no-store")))
    return BucketOrigin(store, "b", {"Statement": list(statements)}, arn, signed=signed)


def test_an_object_with_its_headers(tmp_path: Path) -> None:
    answer = _origin(tmp_path, READ).answer("GET", "/a%20b.txt", [])
    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.get("content-type") == "text/plain"
    assert answer.get("cache-control") == "no-store"
    assert answer.get("etag") == '"781e5e245d69b566979b86e28d23f2c7"'
    head = _origin(tmp_path, READ).answer("HEAD", "/a%20b.txt", [])
    assert (head.body, head.get("content-length")) == (b"", "10")


@pytest.mark.parametrize(
    ("statements", "signed", "arn", "path", "status"),
    [
        ([READ], True, ARN, "/a%20b.txt", 200),
        ([READ], True, ARN, "/missing", 403),
        ([READ, LIST], True, ARN, "/missing", 404),
        ([READ], True, ARN, "/", 403),
        ([READ], False, ARN, "/a%20b.txt", 403),
        ([READ], True, ARN + "2", "/a%20b.txt", 403),
        ([], True, ARN, "/a%20b.txt", 403),
        ([READ, {**READ, "Effect": "Deny"}], True, ARN, "/a%20b.txt", 403),
        (
            [{**READ, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}],
            True,
            ARN,
            "/a%20b.txt",
            403,
        ),
        ([{**READ, "Principal": "*", "Condition": {}}], False, ARN, "/a%20b.txt", 200),
    ],
)
def test_the_bucket_policy_decides(
    tmp_path: Path, statements: list[Any], signed: bool, arn: str, path: str, status: int
) -> None:
    assert _origin(tmp_path, *statements, signed=signed, arn=arn).answer("GET", path, []).status == status


def test_other_methods_are_not_granted(tmp_path: Path) -> None:
    assert _origin(tmp_path, READ).answer("PUT", "/a%20b.txt", []).status == 403


def test_a_deny_on_what_is_not_understood_counts() -> None:
    deny = {**READ, "Effect": "Deny", "Condition": {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}}
    policy = {"Statement": [READ, deny]}
    facts = {"aws:sourcearn": ARN}
    assert not allowed(policy, "s3:GetObject", "arn:aws:s3:::b/x", facts, signed=True)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 200),
        ({"if-none-match": '"e"'}, 304),
        ({"if-none-match": 'W/"e"'}, 304),
        ({"if-none-match": '"x", "e"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": '"x"', "if-modified-since": http_date(2000)}, 200),
        ({"if-modified-since": http_date(1000)}, 304),
        ({"if-modified-since": http_date(999)}, 200),
        ({"if-modified-since": "nonsense"}, 200),
        ({"if-match": '"x"'}, 412),
        ({"if-match": '"e"'}, 200),
        ({"if-unmodified-since": http_date(999)}, 412),
        ({"if-unmodified-since": http_date(1000)}, 200),
    ],
)
def test_conditions(asked: dict[str, str], status: int) -> None:
    assert conditional('"e"', 1000, asked) == status


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-4", (0, 4)),
        ("bytes=5-", (5, 9)),
        ("bytes=-3", (7, 9)),
        ("bytes=-30", (0, 9)),
        ("bytes=8-99", (8, 9)),
        ("bytes=10-", "unsatisfiable"),
        ("bytes=-0", "unsatisfiable"),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-4", None),
    ],
)
def test_ranges(value: str, expected: Any) -> None:
    assert byte_range(value, 10) == expected


def test_if_range(tmp_path: Path) -> None:
    origin = _origin(tmp_path, READ)
    etag = origin.answer("HEAD", "/a%20b.txt", []).get("etag") or ""
    part = origin.answer("GET", "/a%20b.txt", [("Range", "bytes=0-1"), ("If-Range", etag)])
    assert (part.status, part.body, part.get("content-range")) == (206, b"01", "bytes 0-1/10")
    whole = origin.answer("GET", "/a%20b.txt", [("Range", "bytes=0-1"), ("If-Range", '"other"')])
    assert (whole.status, whole.body) == (200, b"0123456789")


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """The local bucket, and beside it the deployer's own store in memory: both keep one contract."""
    return FolderStore(tmp_path) if request.param == "folder" else MemoryStore()


def test_the_contract_of_an_object_store(store: ObjectStore) -> None:
    headers = (("Content-Type", "text/css"),)
    etag = store.put("a/b.css", b"one", headers)
    assert etag == "f97c5d29941bfb1b2fdab0874906ab82"
    found = store.get("a/b.css")
    assert found is not None
    assert (found.data, found.etag) == (b"one", etag)
    assert store.get("a/b.css", first=2).data == b"on"  # type: ignore[union-attr]
    head = store.head("a/b.css")
    assert head is not None
    assert (head.size, head.headers, head.etag) == (3, headers, etag)
    with pytest.raises(ExistsError):
        store.put("a/b.css", b"two", create=True)
    with pytest.raises(ChangedError):
        store.put("a/b.css", b"two", if_match="0" * 32)
    second = store.put("a/b.css", b"two", headers, if_match=etag)
    assert store.copy("a/b.css", "c", None, etag=second) == second
    with pytest.raises(ChangedError):
        store.copy("a/b.css", "d", None, etag=etag)
    with pytest.raises(ChangedError):
        store.copy("missing", "d", None)
    store.put("a/é", b"x")
    assert [row.key for row in store.list("")] == ["a/b.css", "a/é", "c"]
    assert [row.key for row in store.list("a/", after="a/b.css")] == ["a/é"]
    assert [row.key for row in store.list("", until="a/b.css")] == ["a/b.css"]
    assert store.folders("") == ["a"]
    assert store.delete(["a/b.css", "a/b.css", "never"]) == []
    assert store.get("a/b.css") is None
    assert store.head("a/b.css") is None


def test_keys_that_are_no_paths(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "bucket")
    for key in ("../outside", "a//b", "", "a/./b", "a/../../outside"):
        with pytest.raises(StoreError):
            store.put(key, b"x")
        assert store.stored(key) is None
    assert [p.name for p in tmp_path.iterdir()] == ["bucket"]


def test_a_file_that_was_put_anew_is_read_anew(tmp_path: Path) -> None:
    store, other = FolderStore(tmp_path), FolderStore(tmp_path)
    store.put("a", b"one")
    assert store.get("a").data == b"one"  # type: ignore[union-attr]
    other.put("a", b"three")
    assert store.get("a").data == b"three"  # type: ignore[union-attr]


def test_the_pointer_of_the_deployer_on_the_local_store(tmp_path: Path) -> None:
    file = tmp_path / "store.json"
    store = FileKeyValueStore(file, {"preview-token": "t"})
    pointer = KvsPointer(store)  # type: ignore[arg-type]
    before = pointer.read()
    assert before == State(version="0")
    after = pointer.move(before, "r1", before.moved_to("r1", 100))
    assert pointer.read().active == "r1"
    again = KvsPointer(FileKeyValueStore(file, {"preview-token": "t"}))  # type: ignore[arg-type]
    assert again.read() == after
    pointer.move(after, "r2", after.moved_to("r2", 200))
    with pytest.raises(LostRaceError):
        pointer.move(after, "r3", ())
    with pytest.raises(AwsError):
        store.update("0", {"a": "b"})
    assert store.values["preview-token"] == "t"
    assert pointer.read().previous == "r1"


def test_numbers_of_reads_stay_small(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put("a", b"x" * 1000)
    first = store.stored("a")
    assert all(store.stored("a") is first for _ in itertools.repeat(None, 3))
