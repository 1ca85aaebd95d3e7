"""The account behind the test server: its state, the calls it saw, the faults that strike."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
DISTRIBUTION = "E2QWRUHAPOMQZL"
STORE_ARN = f"arn:aws:cloudfront::{ACCOUNT}:key-value-store/0b1d3f5a-77aa-4c1e-9d2f-1a2b3c4d5e6f"
FUNCTION = "site-edge"
TOKEN = "preview-secret"


@dataclass
class Stored:
    """An object of the bucket."""

    data: bytes
    etag: str
    headers: dict[str, str]
    modified: datetime


@dataclass
class Call:
    """One request: operation, key, headers (lower case) and query."""

    operation: str
    key: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes = b""


@dataclass
class Fault:
    """What goes wrong.

    Attributes:
        operation: such as ``PutObject``; ``*``: any.
        key: regular expression the key must match.
        times: how often; -1: always.
        after: matching calls that go well first.
        status: HTTP status of the answer.
        code: AWS's error code.
        how: ``error``; ``cut`` (connection closed unanswered, nothing done); ``lost`` (done, connection
            closed unanswered); ``etag`` (other bytes are stored); ``delay`` (done after ``seconds``);
            ``keys`` (multi-delete: the key is answered with an error, 200 over all).
        seconds: of a delay.
    """

    operation: str
    key: str = ".*"
    times: int = 1
    after: int = 0
    status: int = 500
    code: str = "InternalError"
    how: str = "error"
    seconds: float = 0.0


@dataclass
class World:
    """The state of the account."""

    bucket: str = "site-bucket"
    account: str = ACCOUNT
    owner: str = ACCOUNT
    region: str = REGION
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    upload_headers: dict[str, dict[str, str]] = field(default_factory=dict)
    kvs: dict[str, str] = field(default_factory=lambda: {"preview-token": TOKEN})
    kvs_version: int = 1
    store_arn: str = STORE_ARN
    enabled: bool = True
    origin: str = ""
    origin_path: str = ""
    distribution: str = DISTRIBUTION
    function_store: str = STORE_ARN
    has_function: bool = True
    invalidations: list[list[str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    latency_s: float = 0.0
    skew: timedelta = timedelta()
    check_skew: bool = False
    kms: bool = False
    site_broken: Callable[[str, bool], int] | None = None
    edge_delay_s: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    flips: list[tuple[float, str]] = field(default_factory=list)
    on_call: Callable[[Call], None] | None = None
    serves_in_place: bool = False

    def now(self) -> datetime:
        """The servers' clock."""
        return datetime.now(UTC) + self.skew

    def operations(self, *names: str) -> list[Call]:
        """Calls of these operations."""
        return [call for call in self.calls if call.operation in names]

    def writes(self) -> list[Call]:
        """Every call that changes something."""
        return self.operations(
            "PutObject", "CopyObject", "DeleteObjects", "DeleteObject", "UpdateKeys", "CreateInvalidation",
            "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload",
        )  # fmt: skip

    def keys(self, prefix: str = "") -> list[str]:
        """Keys of the bucket."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    def fail(self, operation: str, key: str = ".*", **more: Any) -> Fault:
        """Adds a fault."""
        fault = Fault(operation, key, **more)
        self.faults.append(fault)
        return fault

    def fault_for(self, call: Call) -> Fault | None:
        """The fault that strikes a call, if one does."""
        with self.lock:
            for fault in self.faults:
                if (
                    fault.operation in ("*", call.operation)
                    and re.search(fault.key, call.key)
                    and fault.times
                ):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None


def kept(headers: dict[str, str]) -> dict[str, str]:
    names = ("content-type", "cache-control", "content-disposition", "content-language", "content-encoding")
    return {
        k: v for k, v in headers.items() if (k in names and v != "aws-chunked") or k.startswith("x-amz-meta-")
    }


def iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
