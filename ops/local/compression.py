"""What CloudFront compresses.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
"""

from __future__ import annotations

import gzip
from collections import OrderedDict

from ops.local.http1 import Response, names

SMALLEST, LARGEST = 1_000, 10_000_000

TYPES = names(
    """application/dash+xml application/eot application/font application/font-sfnt application/javascript
    application/json application/opentype application/otf application/pdf application/pkcs7-mime
    application/protobuf application/rss+xml application/truetype application/ttf
    application/vnd.apple.mpegurl application/vnd.mapbox-vector-tile application/vnd.ms-fontobject
    application/wasm application/xhtml+xml application/xml application/x-font-opentype
    application/x-font-truetype application/x-font-ttf application/x-httpd-cgi application/x-javascript
    application/x-mpegurl application/x-opentype application/x-otf application/x-perl application/x-ttf
    font/eot font/opentype font/otf font/ttf image/svg+xml text/css text/csv text/html text/javascript
    text/js text/plain text/richtext text/tab-separated-values text/xml text/x-component
    text/x-java-source text/x-script vnd.apple.mpegurl"""
)


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Whether a viewer takes gzip."""
    for part in (accept_encoding or "").lower().split(","):
        coding, _, quality = part.strip().partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


class Compressor:
    """Compresses answers and remembers them by ETag, so that a file is compressed once."""

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0

    def apply(self, response: Response, key: str) -> bool:
        """Compresses a response in place if CloudFront would; gives whether it did.

        Args:
            response: with its whole body.
            key: path at the origin.
        """
        if not compressible(response):
            return False
        assert isinstance(response.body, bytes)
        etag = response.get("etag") or ""
        response.body = self._compressed(key + etag, response.body)
        kept = response.without("content-length", "etag", "accept-ranges")
        if etag.startswith(('"', "W/")):
            kept.append(("ETag", etag if etag.startswith("W/") else f"W/{etag}"))
        response.headers = [*kept, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
        return True

    def _compressed(self, key: str, body: bytes) -> bytes:
        found = self._kept.get((key, len(body)))
        if found is not None:
            self._kept.move_to_end((key, len(body)))
            return found
        made = gzip.compress(body, 6, mtime=0)
        self._kept[(key, len(body))] = made
        self._size += len(made)
        while self._size > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)
        return made


def compressible(response: Response) -> bool:
    """The conditions: status, type, a length from 1,000 to 10,000,000 bytes, not compressed yet."""
    if response.status not in (200, 403, 404) or not isinstance(response.body, bytes):
        return False
    if response.get("content-encoding") is not None:
        return False
    type_ = (response.get("content-type") or "").split(";")[0].strip().lower()
    length = response.get("content-length")
    return type_ in TYPES and length is not None and length.isdigit() and SMALLEST <= int(length) <= LARGEST
