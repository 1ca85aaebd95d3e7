"""Which release is live: one value, moved with its history in one atomic step.

In release mode it is a key of a CloudFront KeyValueStore, in place an object of the bucket. Either way
a move names the version it was read at, so that of two deployers one loses, and says so.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ops.deploy.aws.client import KeyValueStore
from ops.deploy.aws.http import AwsError
from ops.deploy.pool import Task
from ops.deploy.store import ChangedError, ExistsError, ObjectStore
from ops.errors import OpsError

RELEASE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
PREVIEW_TOKEN_KEY = "preview-token"  # noqa: S105  # the name of a key, not a token
HISTORY_BYTES = 1024
"""Longest value of a KeyValueStore:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""
CURRENT_KEY = "_deploy/current.json"

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class LostRaceError(OpsError):
    """Someone else moved the pointer in the meantime."""


@dataclass(frozen=True)
class Turn:
    """A release and since when it was live (seconds since 1970, AWS's clock)."""

    release: str
    since: int


@dataclass(frozen=True)
class State:
    """What the pointer says.

    Attributes:
        active: live release; "": none.
        history: turns, the latest first; each release once, with its latest turn.
        version: what a move must name; "": it was glanced at, and must be confirmed first.
    """

    active: str = ""
    history: tuple[Turn, ...] = ()
    version: str = ""

    @property
    def previous(self) -> str:
        """The release that was live before the present one; "" when there was none."""
        return next((turn.release for turn in self.history if turn.release != self.active), "")

    def last_live(self, now: int) -> dict[str, int]:
        """When each release was live last: the active one now, the others until the next turn began."""
        ends: dict[str, int] = {}
        later = now
        for turn in self.history:
            ends[turn.release] = later
            later = turn.since
        if self.active:
            ends[self.active] = now
        return ends

    def moved_to(self, release: str, now: int) -> tuple[Turn, ...]:
        """The history after a move."""
        rest = [turn for turn in self.history if turn.release not in (release, self.active)]
        present = [turn for turn in self.history[:1] if turn.release == self.active != release]
        # A pointer that someone set by hand has no turn of its own yet.
        unknown = [Turn(self.active, now)] if self.active not in ("", release) and not present else []
        return (Turn(release, now), *present, *unknown, *rest)


class Pointer(Protocol):
    """Reads and moves the pointer."""

    def read(self) -> State:
        """The present state."""
        ...

    def confirm(self, before: State) -> State:
        """A state that was only glanced at, with its version.

        Raises:
            LostRaceError: someone has moved the pointer since.
        """
        ...

    def move(self, before: State, release: str, history: Sequence[Turn]) -> State:
        """Points to ``release`` if nothing has changed since ``before``; "" takes the pointer away.

        Raises:
            LostRaceError: someone else moved it.
        """
        ...


def encode_history(history: Sequence[Turn], limit: int = HISTORY_BYTES) -> str:
    """``id:since`` (base 36) separated by spaces, the latest first; what does not fit is left off."""
    text = ""
    for turn in history:
        longer = f"{text} {turn.release}:{_base36(turn.since)}".lstrip()
        if len(longer) > limit:
            break
        text = longer
    return text


def decode_history(text: str) -> tuple[Turn, ...]:
    """Reads a history; what is not one is passed over: the pointer counts, not its history."""
    turns = []
    for word in text.split():
        release, _, since = word.partition(":")
        if RELEASE_ID.fullmatch(release) and since and all(c in _DIGITS for c in since):
            turns.append(Turn(release, int(since, 36)))
    return tuple(turns)


class KvsPointer:
    """The pointer in a KeyValueStore; pointer and history are two keys of one UpdateKeys.

    Args:
        store: the store's data plane.
        key: the pointer's key; the history's is ``<key>-history``.
    """

    def __init__(self, store: KeyValueStore, key: str = "release") -> None:
        self.store = store
        self.key = key
        self.history_key = f"{key}-history"

    def read(self) -> State:
        """The version is read first: a move with it fails if the values have changed since."""
        version = self.store.describe()
        return replace(self._values(), version=version)

    def glance(self) -> State:
        """The values without a version, in one round trip: enough to see that nothing is to be done.

        Raises:
            AwsError: the store does not exist (404) or cannot be read.
        """
        described = Task(self.store.describe)
        state = self._values()
        described.result()
        return state

    def _values(self) -> State:
        asked = Task(lambda: self.store.get(self.history_key))
        try:
            active = self.store.get(self.key)
        finally:
            asked.wait()
        return State(active if RELEASE_ID.fullmatch(active) else "", decode_history(asked.result()))

    def confirm(self, before: State) -> State:
        """See ``Pointer``."""
        if before.version:
            return before
        now = self.read()
        if (now.active, now.history) != (before.active, before.history):
            raise _lost(now.active)
        return now

    def move(self, before: State, release: str, history: Sequence[Turn]) -> State:
        """See ``Pointer``. The store's version moves with every key; only ours decide a race."""
        encoded = encode_history(history)
        puts = {self.key: release, self.history_key: encoded} if release else {}
        deletes = [] if release else [key for key in (self.key, self.history_key) if self._present(key)]
        expected = State(release, decode_history(encoded))
        version = self.confirm(before).version
        for _ in range(5):
            try:
                version = self.store.update(version, puts, deletes)
                return State(release, expected.history, version)
            except AwsError as failure:
                if failure.status not in (409, 412) and failure.code != "ConflictException":
                    raise
                now = self.read()
                if (now.active, now.history) == (expected.active, expected.history):
                    return now  # the answer to our own update was lost
                if (now.active, now.history) != (before.active, before.history):
                    raise _lost(now.active) from failure
                version = now.version
        raise LostRaceError(
            "the key-value store refused the pointer five times, though nobody moved it; run again"
        )

    def _present(self, key: str) -> bool:
        return self.store.get(key) != ""


class BucketPointer:
    """The pointer of a site without a store: an object that names the last completed deploy."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def read(self) -> State:
        """See ``Pointer``."""
        found = self._store.get(CURRENT_KEY)
        if found is None:
            return State()
        try:
            document = json.loads(found.data)
            active, history = str(document["release"]), str(document["history"])
        except (ValueError, KeyError, TypeError):
            return State(version=found.etag)
        return State(active if RELEASE_ID.fullmatch(active) else "", decode_history(history), found.etag)

    def confirm(self, before: State) -> State:
        """See ``Pointer``: the object and its version come in one answer."""
        return before

    def move(self, before: State, release: str, history: Sequence[Turn]) -> State:
        """See ``Pointer``."""
        encoded = encode_history(history, 64 * 1024)
        data = json.dumps({"release": release, "history": encoded}).encode()
        headers = (("Content-Type", "application/json"),)
        try:
            version = self._store.put(
                CURRENT_KEY, data, headers, create=not before.version, if_match=before.version
            )
        except (ChangedError, ExistsError) as failure:
            raise _lost(self.read().active) from failure
        return State(release, tuple(history), version)


class MemoryPointer:
    """A pointer in memory."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State(version="0")
        self._lock = threading.Lock()

    def read(self) -> State:
        """See ``Pointer``."""
        return self.state

    def confirm(self, before: State) -> State:
        """See ``Pointer``."""
        return before

    def move(self, before: State, release: str, history: Sequence[Turn]) -> State:
        """See ``Pointer``."""
        with self._lock:
            if self.state.version != before.version:
                raise _lost(self.state.active)
            self.state = State(release, tuple(history), str(int(before.version) + 1))
            return self.state


class ReadOnlyPointer:
    """Another pointer, read; a move answers as if it had been done: ``--dry-run``."""

    def __init__(self, pointer: Pointer) -> None:
        self._pointer = pointer

    def read(self) -> State:
        """See ``Pointer``."""
        return self._pointer.read()

    def confirm(self, before: State) -> State:
        """See ``Pointer``."""
        return self._pointer.confirm(before)

    def move(self, before: State, release: str, history: Sequence[Turn]) -> State:
        """Moves nothing."""
        return State(release, tuple(history), before.version)


def _lost(active: str) -> LostRaceError:
    return LostRaceError(
        f"another deployer was faster: {f'release {active}' if active else 'no release'} is live now. "
        "Nothing of this run is live; run it again to go over it"
    )


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text or "0"
