"""Finds private keys and AWS key pairs in the bytes of a file; tells line and kind, never the secret."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from mmap import mmap

_BEGIN = b"-----BEGIN "
# What both kinds of access key share, as a literal prefix and a run: one quick pass instead of two.
_ACCESS_KEY_TAIL = re.compile(rb"IA[A-Z0-9]{16}")

_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_ACCESS_KEY = re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])")
_SECRET_KEY = re.compile(rb"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])")

VERSION = 1
"""Raised whenever the rules change: a file that was clean under older ones is read again."""


def secrets_in(data: bytes | mmap) -> Iterator[tuple[int, str]]:
    """Line (from 1) and kind of each secret.

    Searches for a few literal bytes come first: on a clean site nothing else runs.
    """
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        data = bytes(data).decode("utf-16", "ignore").encode()
    if data.find(_BEGIN) >= 0:
        for match in _PRIVATE_KEY.finditer(data):
            yield _line(data, match.start()), "a private key"
    if _ACCESS_KEY_TAIL.search(data):
        yield from _key_pairs(data)


def _key_pairs(data: bytes | mmap) -> Iterator[tuple[int, str]]:
    ids = list(_ACCESS_KEY.finditer(data))
    # An id alone opens nothing; together with a secret anywhere in the same file it does.
    if ids and any(_looks_random(match.group()) for match in _SECRET_KEY.finditer(data)):
        for match in ids:
            yield _line(data, match.start()), "an AWS access key with its secret"


def _looks_random(token: bytes) -> bool:
    # A SHA-1 in hexadecimal has forty characters too, but only one case.
    return (
        any(65 <= c <= 90 for c in token)
        and any(97 <= c <= 122 for c in token)
        and any(48 <= c <= 57 for c in token)
    )


def _line(data: bytes | mmap, position: int) -> int:
    return bytes(data[:position]).count(b"\n") + 1
