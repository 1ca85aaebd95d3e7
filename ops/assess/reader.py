"""The one way to AWS: read-only, counted, retried, side by side; a refusal is an answer, not an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ops.assess.grants import GRANTS
from ops.assess.model import CDN_REGION, Unread
from ops.errors import OpsError, UsageError

WORKERS = 16
"""Calls in flight at once: below every control-plane rate of the services asked."""

MAX_PAGES = 60
"""Pages of one listing: 6,000 distributions, 60,000 records. What lies beyond is said, not awaited."""

READ_ONLY = ("Get", "List", "Describe", "Head", "Simulate")
"""Operations whose names begin otherwise are refused before they leave the process."""

_GLOBAL = frozenset({"cloudfront", "iam", "route53", "budgets", "ce", "pricing-plan-manager"})
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "403",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_BAD_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


@dataclass(frozen=True, kw_only=True)
class Read:
    """One thing to read.

    Attributes:
        service: botocore service name.
        operation: API operation, ``GetBucketPolicy``.
        params: its parameters.
        region: "": the home Region, or us-east-1 for global services.
        absent: error codes that mean "there is none"; the answer is None.
        result: member of the response that is the answer; "": the whole response.
        pages: whether ``result`` is a list over several pages.
    """

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    region: str = ""
    absent: tuple[str, ...] = ()
    result: str = ""
    pages: bool = False


class NotReadOnly(AssertionError):
    """A fault of this program: a call that is not a read, or that the policy does not name."""


Clients = Callable[[str, str], Any]
"""(service, region) to a botocore client."""


class Reader:
    """Asks AWS, counts calls, and turns refusals into ``Unread``.

    Args:
        clients: makes a client; one lock guards it, since botocore sessions are not thread-safe.
        region: home Region.
        on_call: told after every call how many were made.
    """

    def __init__(
        self, clients: Clients, *, region: str = CDN_REGION, on_call: Callable[[int], None] | None = None
    ) -> None:
        self.region = region
        self.calls: list[tuple[str, str]] = []
        self.truncated: list[str] = []
        self._make = clients
        self._on_call = on_call
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="aws")

    def close(self) -> None:
        """Ends the threads and lets go of the clients."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.meta.events.unregister("before-call", self._before_call)

    def ask(self, read: Read) -> Any:
        """The answer, None when there is none, or an ``Unread``.

        Raises:
            UsageError: no credentials, or ones AWS does not know.
        """
        return self._pool.submit(self._ask, read).result()

    def ask_all(self, reads: Mapping[str, Read]) -> dict[str, Any]:
        """Several answers side by side, by the keys of ``reads``."""
        pending = {key: self._pool.submit(self._ask, read) for key, read in reads.items()}
        return {key: future.result() for key, future in pending.items()}

    def _ask(self, read: Read) -> Any:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            NoCredentialsError,
            PartialCredentialsError,
        )

        action = GRANTS[read.service, read.operation].action
        try:
            return self._pages(read) if read.pages else self._one(read)
        except (NoCredentialsError, PartialCredentialsError) as failure:
            raise UsageError(
                f"there are no AWS credentials ({failure}); name a profile with --profile or AWS_PROFILE, "
                "or log in: aws sso login"
            ) from None
        except ClientError as failure:
            error = failure.response.get("Error", {})
            code, detail = str(error.get("Code", "")), str(error.get("Message", "")).splitlines()
            if code in read.absent:
                return None
            if code in _BAD_CREDENTIALS:
                raise UsageError(f"AWS refuses the credentials ({code}); renew them: aws sso login") from None
            first = detail[0] if detail else ""
            if code in _DENIED:
                return Unread(action=action, reason="denied", detail=first)
            if code in _THROTTLED:
                return Unread(action=action, reason="throttled", detail=first)
            return Unread(action=action, reason="failed", detail=f"{code}: {first}".strip(": "))
        except BotoCoreError as failure:
            return Unread(action=action, reason="failed", detail=str(failure).splitlines()[0])

    def _one(self, read: Read) -> Any:
        response = getattr(self._client(read), _snake(read.operation))(**read.params)
        response.pop("ResponseMetadata", None)
        return response.get(read.result) if read.result else response

    def _pages(self, read: Read) -> list[Any]:
        client = self._client(read)
        name = _snake(read.operation)
        if not client.can_paginate(name):
            return list(self._one(read) or [])
        merged: list[Any] = []
        for number, page in enumerate(client.get_paginator(name).paginate(**read.params), start=1):
            value: Any = page
            for part in read.result.split("."):
                value = (value or {}).get(part)
            merged += value or []
            if number == MAX_PAGES:
                self.truncated.append(
                    f"{read.service} {read.operation}: only the first {len(merged)} were read"
                )
                break
        return merged

    def _client(self, read: Read) -> Any:
        region = read.region or (CDN_REGION if read.service in _GLOBAL else self.region)
        key = (read.service, region)
        with self._lock:
            if key not in self._clients:
                client = self._make(*key)
                client.meta.events.register_first("before-call", self._before_call)
                self._clients[key] = client
            return self._clients[key]

    def _before_call(self, model: Any, **_: Any) -> None:
        service, operation = model.service_model.service_name, model.name
        if (service, operation) not in GRANTS or not operation.startswith(READ_ONLY):
            raise NotReadOnly(f"{service}:{operation} is no read of the assessment")
        with self._counting:
            self.calls.append((service, operation))
            made = len(self.calls)
        if self._on_call:
            self._on_call(made)


def boto_clients(*, profile: str = "", endpoint_url: str = "") -> Clients:
    """Clients of boto3 with retries and short timeouts.

    Args:
        profile: of the shared configuration; "": the usual chain.
        endpoint_url: replaces every endpoint, for emulators.

    Raises:
        UsageError: there is no such profile.
    """
    from boto3 import Session
    from botocore.config import Config
    from botocore.exceptions import ProfileNotFound

    config = Config(
        retries={"mode": "standard", "total_max_attempts": 6},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=WORKERS,
        user_agent_extra="orchestrator-assess",
    )
    try:
        session = Session(profile_name=profile or None)
    except ProfileNotFound as failure:
        raise UsageError(f"{failure}; the profiles there are: aws configure list-profiles") from None

    def make(service: str, region: str) -> Any:
        try:
            return session.client(
                service, region_name=region, endpoint_url=endpoint_url or None, config=config
            )
        except ValueError as failure:  # an endpoint that is no URL
            raise OpsError(f"--endpoint-url: {failure}") from None

    return make


def _snake(operation: str) -> str:
    from botocore import xform_name

    return xform_name(operation)
