"""The binary event stream of Bedrock, decoded with as little work a token as possible.

botocore's own decoder builds objects and walks the service model for each event;
with 64 streams at once that is most of a core. The framing is a length, headers,
a payload and two checksums:
https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from api_handler.model import ModelError

MAX_MESSAGE = 16 * 1024 * 1024
_PRELUDE = struct.Struct("!III")
# Sizes of header values by type: booleans, byte, short, integer, long, timestamp, UUID.
# Types 6 and 7 carry a length of their own.
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class EventDecoder:
    """Turns bytes into events of ConverseStream, ``{"contentBlockDelta": {...}}`` each."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take bytes, yield every event that is complete.

        Raises:
            ModelError: the bytes are no event stream, or the event is an exception;
                its code is kept, its message not, which may quote the prompt.
        """
        buffer = self._buffer + data if self._buffer else data
        start, end = 0, len(buffer)
        while end - start >= 16:
            total, header_length, checksum = _PRELUDE.unpack_from(buffer, start)
            if zlib.crc32(buffer[start : start + 8]) != checksum:
                raise ModelError("broken", "PreludeChecksum")
            if not 16 + header_length <= total <= MAX_MESSAGE:
                raise ModelError("broken", "MessageLength")
            if end - start < total:
                break
            body = start + total - 4
            if zlib.crc32(buffer[start:body]) != int.from_bytes(buffer[body : body + 4]):
                raise ModelError("broken", "MessageChecksum")
            payload = start + 12 + header_length
            event = _event(buffer[start + 12 : payload], buffer[payload:body])
            if event is not None:
                yield event
            start += total
        self._buffer = buffer[start:]


def _event(raw: bytes, payload: bytes) -> dict[str, Any] | None:
    headers = _headers(raw)
    kind = headers.get(":message-type")
    if kind == "exception":
        raise error_of(headers.get(":exception-type", ""))
    if kind == "error":
        raise error_of(headers.get(":error-code", ""))
    name = headers.get(":event-type")
    if kind != "event" or not name:
        return None
    try:
        value = json.loads(payload) if payload else {}
    except ValueError:
        raise ModelError("broken", "EventPayload") from None
    if not isinstance(value, dict):
        raise ModelError("broken", "EventPayload")
    if name == "contentBlockDelta":
        _decode_blob(value)
    return {name: value}


def _decode_blob(value: dict[str, Any]) -> None:
    reasoning = value.get("delta", {}).get("reasoningContent")
    if reasoning and "redactedContent" in reasoning:
        reasoning["redactedContent"] = base64.b64decode(reasoning["redactedContent"])


@lru_cache(maxsize=64)
def _headers(raw: bytes) -> Mapping[str, str]:
    # The headers of all events of one kind are the same bytes.
    headers: dict[str, str] = {}
    place, end = 0, len(raw)
    try:
        while place < end:
            name_end = place + 1 + raw[place]
            name = raw[place + 1 : name_end].decode()
            kind = raw[name_end]
            place = name_end + 1
            if kind in (6, 7):
                length = int.from_bytes(raw[place : place + 2])
                place += 2
            else:
                length = _FIXED[kind]
            if kind == 7:
                headers[name] = raw[place : place + length].decode()
            place += length
    except (IndexError, KeyError, UnicodeDecodeError):
        raise ModelError("broken", "EventHeaders") from None
    if place != end:
        raise ModelError("broken", "EventHeaders")
    return headers


_THROTTLED = {"ThrottlingException", "TooManyRequestsException", "ServiceQuotaExceededException"}
_TIMEOUT = {"ModelTimeoutException"}
_REFUSED = {
    "ValidationException",
    "AccessDeniedException",
    "ResourceNotFoundException",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
}


def error_of(code: str, status: int | None = None) -> ModelError:
    """The error of an AWS error code; in the stream it is spelt ``throttlingException``."""
    code = (code or "Unknown")[:64]
    code = code[:1].upper() + code[1:]
    if code in _THROTTLED or status == 429:
        return ModelError("throttled", code)
    if code in _TIMEOUT:
        return ModelError("timeout", code)
    return ModelError("refused" if code in _REFUSED else "failed", code)
