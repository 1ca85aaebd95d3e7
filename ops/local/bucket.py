"""A bucket as an S3 origin: what GetObject answers, with ranges and conditions.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from ops.local.folder import FolderStore, Stored
from ops.local.grants import allowed
from ops.local.http1 import CHUNK, Headers, Response

WHOLE = 10_000_000
"""Bytes up to which an object is sent in one piece: what CloudFront compresses is whole."""

Conditions = Mapping[str, str]


class BucketOrigin:
    """Answers what CloudFront asks of a bucket.

    Args:
        store: its objects.
        name: of the bucket.
        policy: its policy document, or None.
        distribution_arn: who asks.
        signed: whether an origin access control signs.
    """

    def __init__(
        self,
        store: FolderStore,
        name: str,
        policy: Mapping[str, Any] | None,
        distribution_arn: str,
        *,
        signed: bool,
    ) -> None:
        self._store = store
        self._name = name
        account = distribution_arn.split(":")[4] if distribution_arn.count(":") >= 5 else ""
        facts = {
            "aws:sourcearn": distribution_arn, "aws:sourceaccount": account, "aws:securetransport": "true",
        }  # fmt: skip
        self._grant = lambda action, resource: allowed(policy, action, resource, facts, signed=signed)
        self._lists = self._grant("s3:ListBucket", f"arn:aws:s3:::{name}")

    def answer(self, method: str, path: str, headers: Headers) -> Response:
        """The bucket's answer to a request with this path (percent-encoded)."""
        key = unquote(path.removeprefix("/"), errors="surrogateescape")
        if method not in ("GET", "HEAD"):
            return _error(403, "AccessDenied", "Access Denied", method)
        if not key:
            return _error(403, "AccessDenied", "Access Denied", method)
        if not self._grant("s3:GetObject", f"arn:aws:s3:::{self._name}/{key}"):
            return _error(403, "AccessDenied", "Access Denied", method)
        found = self._store.stored(key)
        if found is None:
            # Without ListBucket S3 does not tell what is missing from what is forbidden.
            if self._lists:
                return _error(404, "NoSuchKey", "The specified key does not exist.", method)
            return _error(403, "AccessDenied", "Access Denied", method)
        asked = {name.lower(): value for name, value in headers}
        return self._found(method, found, asked)

    def _found(self, method: str, found: Stored, asked: Conditions) -> Response:
        etag = f'"{found.etag}"'
        status = conditional(etag, found.modified, asked)
        basic = [
            ("ETag", etag), ("Last-Modified", http_date(found.modified)), *found.headers,
            ("Accept-Ranges", "bytes"), ("Server", "AmazonS3"),
        ]  # fmt: skip
        if status == 304:
            return Response(
                304, [(n, v) for n, v in basic if n.lower() not in ("content-type", "content-encoding")]
            )
        if status == 412:
            return _error(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                method,
            )
        span = None
        if "range" in asked and _range_applies(asked.get("if-range"), etag, found.modified):
            span = byte_range(asked["range"], found.size)
        if span == "unsatisfiable":
            refused = _error(416, "InvalidRange", "The requested range is not satisfiable", method)
            refused.headers.append(("Content-Range", f"bytes */{found.size}"))
            return refused
        first, last = span if isinstance(span, tuple) else (0, found.size - 1)
        length = last - first + 1
        headers = [*basic, ("Content-Length", str(length))]
        if span:
            headers.append(("Content-Range", f"bytes {first}-{last}/{found.size}"))
        if method == "HEAD":
            return Response(206 if span else 200, headers)
        body = found.read(first, length) if length <= WHOLE else _pieces(found, first, length)
        return Response(206 if span else 200, headers, body)


async def _pieces(found: Stored, first: int, length: int) -> AsyncIterator[bytes]:
    with found.open() as handle:
        handle.seek(first)
        while length > 0:
            data = handle.read(min(CHUNK, length))
            if not data:
                return
            length -= len(data)
            yield data


def http_date(seconds: int) -> str:
    """``Tue, 24 Nov 2026 18:00:00 GMT``."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def _seconds(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (TypeError, ValueError):
        return None


def _etags(value: str) -> set[str]:
    return set(re.findall(r'(?:W/)?("[^"]*")', value)) | ({"*"} if value.strip() == "*" else set())


def conditional(etag: str, modified: int, asked: Conditions) -> int:
    """200, 304 or 412 by the conditions of a request (RFC 9110, 13.2.2), entity tags compared weakly."""
    if "if-match" in asked:
        if not _etags(asked["if-match"]) & {etag, "*"}:
            return 412
    elif "if-unmodified-since" in asked:
        limit = _seconds(asked["if-unmodified-since"])
        if limit is not None and modified > limit:
            return 412
    if "if-none-match" in asked:
        return 304 if _etags(asked["if-none-match"]) & {etag, "*"} else 200
    if "if-modified-since" in asked:
        limit = _seconds(asked["if-modified-since"])
        if limit is not None and modified <= limit:
            return 304
    return 200


def _range_applies(if_range: str | None, etag: str, modified: int) -> bool:
    if if_range is None:
        return True
    if '"' in if_range:
        return if_range.strip() == etag
    return _seconds(if_range) == modified


def byte_range(value: str, size: int) -> tuple[int, int] | str | None:
    """First and last byte of a range; None: the whole object is sent; ``unsatisfiable``: 416.

    Several ranges are answered with the whole object, as S3 does.
    """
    match = re.fullmatch(r"bytes=\s*([0-9]*)-([0-9]*)\s*", value.strip())
    if not match or match.group(1) == match.group(2) == "":
        return None
    start, end = match.groups()
    if start == "":
        length = int(end)
        return "unsatisfiable" if length == 0 or size == 0 else (max(0, size - length), size - 1)
    first = int(start)
    last = min(int(end), size - 1) if end else size - 1
    if end and int(end) < first:
        return None
    return "unsatisfiable" if first >= size else (first, last)


def _error(status: int, code: str, message: str, method: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    ).encode()
    headers = [("Content-Type", "application/xml"), ("Server", "AmazonS3")]
    return Response(status, headers, b"" if method == "HEAD" else body)
