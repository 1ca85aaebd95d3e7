"""API keys and the origin-verify header: who may ask."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from api_handler.aws import AwsClients
from api_handler.configtext import positive, strict_json, whole
from api_handler.errors import ApiError, unauthorized, unavailable

KNOWN = ("name", "key", "rpm", "daily_usd", "expires_at")
# RFC 3339, section 5.6.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")

UNKNOWN_S = 10.0
"""A value that is not among the accepted ones is looked for once more when they are older than this."""

RETRY_S = 5.0
"""Seconds between two calls for one secret, at the least."""

PATIENCE_S = 2.0
"""Seconds a request waits for a renewal when there is a value to go on with."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """One generation of a named key.

    Attributes:
        name: who the key belongs to; what logs and limits go by.
        digest: SHA-256 of the key; the key itself is not kept.
        rpm: requests per minute, or None.
        daily_usd: US dollars per day (UTC), or None.
        expires_at: epoch seconds, or None.
    """

    name: str
    digest: bytes
    rpm: int | None = None
    daily_usd: float | None = None
    expires_at: float | None = None


def parse_keys(text: str, *, strict: bool = True) -> tuple[ApiKey, ...]:
    """Read ``[{"name","key","rpm","daily_usd","expires_at"}]``.

    Args:
        text: the JSON.
        strict: whether an unknown field of an entry is an error; a secret may carry notes of its tools.

    Raises:
        ValueError: with every problem; no value is quoted.
    """
    entries = strict_json(text)
    if not isinstance(entries, list):
        raise ValueError("must be a JSON list of keys")
    keys: list[ApiKey] = []
    problems: list[str] = []
    for index, entry in enumerate(entries):
        key, wrong = _parse_key(entry, strict=strict)
        problems += [f"[{index}] {problem}" for problem in wrong]
        if key is not None:
            keys.append(key)
    owners: dict[bytes, str] = {}
    for index, key in enumerate(keys):
        if owners.setdefault(key.digest, key.name) != key.name:
            problems.append(f"[{index}] has the key of another name")
    if problems:
        raise ValueError("is wrong: " + "; ".join(problems))
    return _shared_limits(keys)


def _parse_key(entry: Any, *, strict: bool) -> tuple[ApiKey | None, list[str]]:
    if not isinstance(entry, dict):
        return None, ["must be an object"]
    problems = []
    if strict:
        problems += [
            f"has an unknown field; known are {', '.join(KNOWN)}" for name in entry if name not in KNOWN
        ]
    name, secret = entry.get("name"), entry.get("key")
    if not (isinstance(name, str) and 1 <= len(name) <= 64 and name.isprintable()):
        problems.append("name: must be 1 to 64 printable characters")
    if not (
        isinstance(secret, str) and 1 <= len(secret) <= 512 and secret.isascii() and secret.isprintable()
    ):
        problems.append("key: must be 1 to 512 printable ASCII characters")
    elif secret != secret.strip():
        problems.append("key: must not begin or end with a space")
    rpm, daily_usd, expires = entry.get("rpm"), entry.get("daily_usd"), entry.get("expires_at")
    if rpm is not None and not whole(rpm, 1_000_000):
        problems.append("rpm: must be a whole number from 1, or null")
    if daily_usd is not None and not positive(daily_usd):
        problems.append("daily_usd: must be a number above 0, or null")
    expires_at = None
    if expires is not None:
        expires_at = _parse_time(expires)
        if expires_at is None:
            problems.append("expires_at: must be an RFC 3339 time such as 2027-01-31T00:00:00Z, or null")
    if problems:
        return None, problems
    digest = hashlib.sha256(str(secret).encode()).digest()
    return ApiKey(name=str(name), digest=digest, rpm=rpm, daily_usd=daily_usd, expires_at=expires_at), []


def moment(text: str) -> datetime:
    """The time an RFC 3339 text says.

    Raises:
        ValueError: it says none.
    """
    return datetime.fromisoformat(text.upper().replace(" ", "T"))


def _parse_time(value: Any) -> float | None:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    try:
        return moment(value).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _shared_limits(keys: list[ApiKey]) -> tuple[ApiKey, ...]:
    """Generations of one name share its limits: the strictest one stated holds for all of them."""

    def strictest(name: str, field: str) -> Any:
        stated = [getattr(key, field) for key in keys if key.name == name and getattr(key, field) is not None]
        return min(stated, default=None)

    return tuple(
        replace(key, rpm=strictest(key.name, "rpm"), daily_usd=strictest(key.name, "daily_usd"))
        for key in keys
    )


class Source(Protocol[T_co]):
    """Where accepted values come from."""

    async def get(self, *, fresher_than_s: float | None = None) -> T_co: ...


class Fixed(Generic[T]):
    """Values that were told at start."""

    def __init__(self, value: T) -> None:
        self._value = value

    async def get(self, *, fresher_than_s: float | None = None) -> T:
        """The value; it is never older than it should be."""
        return self._value


class Secret(Generic[T]):
    """A value in Secrets Manager, kept for a while.

    A value that cannot be renewed, or no longer be read, is used on: an outage of
    Secrets Manager, or a slip of the one who edits, must not lock everybody out.
    However many requests ask for a fresh value, and whatever comes of it, one call
    is under way at a time and the next one begins ``RETRY_S`` later at the earliest.

    Args:
        clients: AWS clients.
        arn: ARN of the secret.
        parse: reads its text; raises ValueError.
        warn: called with a stable word when a renewal fails.
        ttl_s: seconds a value is used without asking again.
    """

    def __init__(
        self,
        clients: AwsClients,
        arn: str,
        parse: Callable[[str], T],
        warn: Callable[..., None],
        ttl_s: float = 60.0,
    ) -> None:
        self._clients = clients
        self._arn = arn
        self._parse = parse
        self._warn = warn
        self._ttl_s = ttl_s
        self._value: T | None = None
        self._read_at = -1e9
        self._asked_at = -1e9
        self._renewing: asyncio.Future[None] | None = None

    async def get(self, *, fresher_than_s: float | None = None) -> T:
        """The value, at most ``fresher_than_s`` (else the TTL) seconds old, as far as it can be read.

        Raises:
            ApiError: 503 when it could never be read.
        """
        age = self._ttl_s if fresher_than_s is None else fresher_than_s
        now = time.monotonic()
        if now - self._read_at >= age:
            self.begin()
            if self._renewing is not None:
                # Whoever has a value does not wait for one that is slow to come.
                patience = None if self._value is None else PATIENCE_S
                await asyncio.wait({self._renewing}, timeout=patience)
        if self._value is None:
            raise unavailable("keys_unavailable", "The API cannot read its keys at the moment.")
        return self._value

    @property
    def known(self) -> bool:
        """Whether there is a value, however old."""
        return self._value is not None

    def begin(self) -> None:
        """Begin to read the value, unless that is under way or was tried a moment ago."""
        now = time.monotonic()
        if self._renewing is None and now - self._asked_at >= RETRY_S:
            self._asked_at = now
            self._renewing = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        try:
            self._value = self._parse(await self._clients.secret_text(self._arn))
            self._read_at = time.monotonic()
        except Exception as error:
            self._warn("secret_not_read", error=type(error).__name__)
        finally:
            self._renewing = None


class Gate:
    """Checks keys and the origin-verify header.

    Args:
        keys: accepted keys; None: none is configured.
        origin_verify: accepted header values; None: not checked.
    """

    def __init__(
        self, keys: Source[tuple[ApiKey, ...]] | None, origin_verify: Source[tuple[str, ...]] | None
    ) -> None:
        self._keys = keys
        self._origin_verify = origin_verify

    async def from_edge(self, values: Collection[str]) -> bool:
        """Whether the origin-verify header proves that the request came through the edge."""
        if self._origin_verify is None or len(values) != 1:
            return False
        (value,) = values
        # A cold start reads both secrets at once.
        if isinstance(self._keys, Secret) and not self._keys.known:
            self._keys.begin()
        accepted = await self._origin_verify.get()
        if _among(value, accepted):
            return True
        # The edge may have got a new value a moment ago.
        return _among(value, await self._origin_verify.get(fresher_than_s=UNKNOWN_S))

    async def check_origin(self, values: Collection[str]) -> bool:
        """Refuse what did not come through the edge.

        Returns:
            Whether the header was checked and is right.

        Raises:
            ApiError: 401.
        """
        if self._origin_verify is None:
            return False
        if await self.from_edge(values):
            return True
        raise unauthorized("This API is reached through its site only.")

    async def check_key(self, values: Collection[str]) -> ApiKey:
        """The key behind the values of ``X-API-Key``.

        Raises:
            ApiError: 401 when it is missing, repeated, unknown or expired; 503 when no key is configured.
        """
        keys = await self._keys.get() if self._keys is not None else ()
        if not keys:
            raise ApiError(503, "no_api_keys", "This API has no keys configured yet.")
        if not values:
            raise unauthorized("The header X-API-Key is missing.")
        if len(values) != 1:
            raise unauthorized("The header X-API-Key is sent more than once.")
        (value,) = values
        digest = hashlib.sha256(value.encode("latin-1", "replace")).digest()
        found = _find(digest, keys)
        if found is None and self._keys is not None:
            # A key that was added a moment ago works at once; a flood of wrong ones asks every ten seconds.
            found = _find(digest, await self._keys.get(fresher_than_s=UNKNOWN_S))
        if found is None:
            raise unauthorized("The API key is not valid.")
        if found.expires_at is not None and found.expires_at <= time.time():
            raise unauthorized("The API key has expired.")
        return found


def _among(value: str, accepted: Collection[str]) -> bool:
    # No early end: the time tells nothing about which value came close.
    given = value.encode("latin-1", "replace")
    matches = [hmac.compare_digest(given, candidate.encode()) for candidate in accepted]
    return any(matches)


def _find(digest: bytes, keys: Collection[ApiKey]) -> ApiKey | None:
    found = None
    for key in keys:
        if hmac.compare_digest(digest, key.digest) and (found is None or _outlives(key, found)):
            found = key
    return found


def _outlives(key: ApiKey, other: ApiKey) -> bool:
    return other.expires_at is not None and (key.expires_at is None or key.expires_at > other.expires_at)
