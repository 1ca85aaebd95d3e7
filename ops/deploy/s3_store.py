"""The bucket: obstore's synchronous calls for bulk, the small client for what obstore does not offer.

obstore's asynchronous calls are not used: a short-lived process that ends with its runtime still
polling is aborted now and then (PyO3/pyo3-async-runtimes#40).
"""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from ops.deploy.aws.client import GLOBAL_REGION, Aws, Bucket
from ops.deploy.aws.http import AwsError, ca_bundle, http_date
from ops.deploy.headers import STORABLE, Headers
from ops.deploy.store import (
    ChangedError,
    DeleteFailure,
    ExistsError,
    FileBody,
    Found,
    Head,
    Listed,
    StoreError,
    md5_of,
)

PUT_ATTEMPTS = 4
DELETE_BATCH = 1000
DELETE_ATTEMPTS = 4
MULTIPART_FROM = 100 << 20
"""Bytes from which an object goes up in parts: one that fails is sent again alone."""
PART = 16 << 20

_MD5 = re.compile(r"[0-9a-f]{32}")
_STATUS = re.compile(r"(?:status|code)[^0-9]{0,12}([1-5]\d\d)")
_PASSING = (
    "InternalError",
    "SlowDown",
    "ServiceUnavailable",
    "OperationAborted",
    "RequestTimeout",
    "Throttling",
)


class S3Store:
    """A bucket in S3.

    Args:
        aws: session with the bucket's Region.
        bucket: name.
        owner: account expected to own it.
        verify_etag: whether an object's ETag is the MD5 of its content: not so under SSE-KMS.
        retries: of a call of obstore's that failed for a reason that may pass.
    """

    def __init__(
        self, aws: Aws, bucket: str, *, owner: str = "", verify_etag: bool = True, retries: int = 8
    ) -> None:
        self._api = Bucket(aws, bucket, owner)
        self._aws = aws
        self.bucket = bucket
        self.verify_etag = verify_etag
        self._retries = retries
        self._lock = Lock()
        self._made: Any = None
        self._first_s = 0.0
        self._recent_s = 0.0

    @property
    def _store(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _obstore(self._aws, self.bucket, self._retries)
            return self._made

    def steady(self) -> bool:
        """Whether puts are still answered about as quickly as at first: then more may be in flight."""
        recent = self._recent_s
        return bool(recent) and recent < 3 * self._first_s

    def _timed(self, seconds: float) -> None:
        if not self._first_s:
            self._first_s = seconds
        self._recent_s = 0.9 * (self._recent_s or seconds) + 0.1 * seconds

    def put(
        self, key: str, data: object, headers: Headers = (), *, create: bool = False, if_match: str = ""
    ) -> str:
        """See ``ObjectStore``. A create whose answer was lost meets its own object: same bytes is success."""
        size = data.size if isinstance(data, FileBody) else len(data)  # type: ignore[arg-type]
        expected = _expected_etag(data, size)
        mode: Any = "create" if create else {"e_tag": f'"{if_match}"'} if if_match else "overwrite"
        for attempt in range(1, PUT_ATTEMPTS + 1):
            try:
                etag = self._send(key, data, size, headers, mode)
            except (ExistsError, ChangedError):
                if attempt > 1 and self._is_ours(key, expected):
                    return expected
                raise
            except StoreError as failure:
                if attempt == PUT_ATTEMPTS or not _may_pass(str(failure)):
                    raise
            else:
                if etag == expected and self.verify_etag:
                    return etag
                if isinstance(data, FileBody):
                    data.check()
                if not self.verify_etag or self._under_kms(key):
                    return etag
                if attempt == PUT_ATTEMPTS:
                    raise StoreError(
                        f"{key}: S3 holds other bytes than were sent (ETag {etag}, not "
                        f"{expected}); nothing refers to it yet"
                    )
                mode = "overwrite" if mode == "create" else mode
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311  # jitter, no secret
        raise AssertionError("unreachable")

    def _send(self, key: str, data: object, size: int, headers: Headers, mode: Any) -> str:
        import obstore
        from obstore import exceptions

        began = time.monotonic()
        # obstore reads a small file quicker than this interpreter, which 100 threads wait for.
        body: Any = Path(data.source) if isinstance(data, FileBody) else data
        try:
            result = obstore.put(
                self._store, key, body,
                attributes={_attribute(name): value for name, value in headers},
                mode=mode, use_multipart=size >= MULTIPART_FROM, chunk_size=PART, max_concurrency=4,
            )  # fmt: skip
        except exceptions.AlreadyExistsError as failure:
            raise ExistsError(f"{key} exists already") from failure
        except exceptions.PreconditionError as failure:
            raise ChangedError(f"{key} was changed by someone else") from failure
        except (exceptions.BaseError, ValueError, OSError) as failure:
            raise StoreError(f"s3:PutObject {key}: {_plain(failure)}") from failure
        self._timed(time.monotonic() - began)
        return (result["e_tag"] or "").strip('"')

    def _under_kms(self, key: str) -> bool:
        """Under SSE-KMS an ETag is no MD5; the signed payload hash has vouched for the bytes on arrival."""
        response = self._api.head(key)
        if response is not None and response.headers.get("x-amz-server-side-encryption", "").startswith(
            "aws:kms"
        ):
            self.verify_etag = False
        return not self.verify_etag

    def _is_ours(self, key: str, expected: str) -> bool:
        head = self.head(key)
        return head is not None and head.etag == expected

    def get(self, key: str, *, first: int = 0) -> Found | None:
        """See ``ObjectStore``."""
        import obstore
        from obstore import exceptions

        options: Any = {"range": (0, first)} if first else {}
        try:
            result = obstore.get(self._store, key, options=options)
            return Found(bytes(result.bytes()), (result.meta["e_tag"] or "").strip('"'))
        except FileNotFoundError:
            return None
        except exceptions.PermissionDeniedError:
            # Who may not list gets 403 for what is not there; who may not read either gets it everywhere.
            raise StoreError(f"s3:GetObject {key}: access denied") from None
        except (exceptions.BaseError, OSError) as failure:
            raise StoreError(f"s3:GetObject {key}: {_plain(failure)}") from failure

    def head(self, key: str) -> Head | None:
        """See ``ObjectStore``."""
        return head_of(self._api, key)

    def list(self, prefix: str, *, after: str = "", until: str = "") -> Iterator[Listed]:
        """See ``ObjectStore``."""
        import obstore
        from obstore import exceptions

        end = until.encode()
        try:
            # obstore puts the slash behind a prefix itself.
            stream = obstore.list(
                self._store, prefix.rstrip("/") or None, offset=after or None, chunk_size=1000
            )
            for chunk in stream:
                for row in chunk:
                    if end and row["path"].encode() > end:
                        return
                    yield Listed(
                        row["path"], (row["e_tag"] or "").strip('"'), row["size"], row["last_modified"]
                    )
        except (exceptions.BaseError, OSError) as failure:
            raise StoreError(f"s3:ListObjectsV2 {prefix}: {_plain(failure)}") from failure

    def folders(self, prefix: str) -> list[str]:
        """See ``ObjectStore``."""
        import obstore
        from obstore import exceptions

        try:
            result = obstore.list_with_delimiter(self._store, prefix.rstrip("/") or None)
        except (exceptions.BaseError, OSError) as failure:
            raise StoreError(f"s3:ListObjectsV2 {prefix}: {_plain(failure)}") from failure
        return sorted(name.rstrip("/").rpartition("/")[2] for name in result["common_prefixes"])

    def copy(self, source: str, target: str, headers: Headers | None, *, etag: str = "") -> str:
        """See ``ObjectStore``."""
        try:
            return self._api.copy(source, target, None if headers is None else dict(headers), etag)
        except AwsError as failure:
            if failure.status in (404, 412) or failure.code in ("PreconditionFailed", "NoSuchKey"):
                raise ChangedError(f"{source} has changed: {failure}") from failure
            raise StoreError(str(failure)) from failure

    def delete(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """See ``ObjectStore``. S3 answers 200 and names the keys it did not delete: those are tried again."""
        failed: list[DeleteFailure] = []
        for start in range(0, len(keys), DELETE_BATCH):
            failed += self._delete_batch(list(keys[start : start + DELETE_BATCH]))
        return failed

    def _delete_batch(self, left: list[str]) -> list[DeleteFailure]:
        given_up: list[DeleteFailure] = []
        for attempt in range(1, DELETE_ATTEMPTS + 1):
            try:
                rows = self._api.delete(left)
            except AwsError as failure:
                return given_up + [DeleteFailure(key, str(failure)) for key in left]
            again = [key for key, code, _ in rows if code.startswith(_PASSING) and attempt < DELETE_ATTEMPTS]
            given_up += [
                DeleteFailure(key, f"{code}: {message}".rstrip(": "))
                for key, code, message in rows
                if key not in again
            ]
            if not again:
                break
            left = again
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311  # jitter, no secret
        return given_up


def head_of(bucket: Bucket, key: str) -> Head | None:
    """An object's headers; None when there is none."""
    response = bucket.head(key)
    if response is None:
        return None
    now = response.date or datetime.now(UTC)
    kept = [(name, response.headers[low]) for low, name in STORABLE.items() if low in response.headers]
    kept += [(low, value) for low, value in response.headers.items() if low.startswith("x-amz-meta-")]
    size = int(response.headers.get("content-length", "0"))
    modified = http_date(response.headers.get("last-modified", "")) or now
    return Head(response.etag, size, tuple(sorted(kept)), modified, now)


def _obstore(aws: Aws, bucket: str, retries: int) -> Any:
    from obstore.store import S3Store as Native

    endpoint = aws.endpoint("S3")
    client: Any = {
        "timeout": "300s",
        "connect_timeout": "10s",
        "user_agent": "orchestrator-deploy",
    }
    if endpoint.startswith("http://"):
        client["allow_http"] = True
    if bundle := ca_bundle():
        with open(bundle, "rb") as handle:
            client["root_certificate"] = handle.read()
    config: Any = {"region": aws.region or GLOBAL_REGION, "virtual_hosted_style_request": False}
    if endpoint:
        config["endpoint"] = endpoint
    else:
        config["endpoint"] = f"https://s3.{aws.region or GLOBAL_REGION}.{aws.partition_suffix}"
    provider: Any = None
    if aws.credentials.static:
        keys = aws.credentials.current()
        config |= {"access_key_id": keys.access_key, "secret_access_key": keys.secret_key}
        if keys.token:
            config["session_token"] = keys.token
    else:

        def renewed() -> Any:
            keys = aws.credentials.current()
            # Asked again well before what botocore holds runs out; botocore renews by itself.
            expires = datetime.now(UTC) + timedelta(minutes=5)
            return {
                "access_key_id": keys.access_key,
                "secret_access_key": keys.secret_key,
                "token": keys.token or None,
                "expires_at": expires,
            }

        provider = renewed

    retry: Any = {
        "max_retries": retries,
        "backoff": {
            "init_backoff": timedelta(milliseconds=100),
            "max_backoff": timedelta(seconds=5),
            "base": 2,
        },
        "retry_timeout": timedelta(seconds=120),
    }
    return Native(
        bucket, config=config, client_options=client, retry_config=retry, credential_provider=provider
    )  # type: ignore[arg-type]


def _expected_etag(data: object, size: int) -> str:
    if size < MULTIPART_FROM or isinstance(data, FileBody):
        return md5_of(data)
    # Of an object in parts: the MD5 of the parts' MD5s, and how many there are.
    view = memoryview(data)  # type: ignore[arg-type]
    parts = [
        hashlib.md5(view[start : start + PART], usedforsecurity=False).digest()
        for start in range(0, size, PART)
    ]
    view.release()
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def _attribute(name: str) -> str:
    return name[len("x-amz-meta-") :] if name.startswith("x-amz-meta-") else name


def _may_pass(message: str) -> bool:
    status = _STATUS.search(message)
    return status is None or status.group(1)[0] == "5" or status.group(1) == "429"


def _plain(failure: BaseException) -> str:
    """obstore's message without its Rust debug output."""
    text = str(failure).split("\n\nDebug source:")[0]
    code = re.search(r"<Code>([^<]+)</Code>", text)
    status = _STATUS.search(text)
    if code:
        return f"{code.group(1)}{f' (status {status.group(1)})' if status else ''}"
    return text.strip()[:300]
