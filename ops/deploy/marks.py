"""Marks in the bucket: which deploys are under way, which one has the lock, who is collecting.

Release mode needs no lock: releases do not touch one another, and the pointer decides. It only leaves
a mark, so that a collection does not take away what a deploy has found and builds on. In place a lock
keeps a second deployer out. Ages are by the bucket's own clock, or by watching that a mark stands still:
no clock of this machine is compared with one of AWS.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType

from ops.deploy.context import BOOKKEEPING
from ops.deploy.pool import Task
from ops.deploy.store import ChangedError, ExistsError, ObjectStore, StoreError
from ops.errors import OpsError

LOCK_KEY = "_deploy/lock"
LOCK_STALE_S = 30.0
LOCK_REFRESH_S = 8.0
MARKS = "_deploy/marks/"
MARK_STALE_S = 600.0
MARK_REFRESH_S = 60.0
COLLECT_KEY = "_deploy/collecting"


class LockedError(OpsError):
    """Another deployer has the lock, and lives."""


class Heartbeat:
    """Calls ``beat`` every ``interval_s`` in a thread of its own until closed."""

    def __init__(self, beat: Callable[[], None], interval_s: float) -> None:
        self._beat = beat
        self._interval_s = interval_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.wait(self._interval_s):
            self._beat()

    def close(self) -> None:
        """Ends it and waits for a beat under way."""
        self._end.set()
        self._thread.join()


class Lock:
    """The lock of a bucket: refreshed while the run lives, taken over when it has stood still.

    Args:
        store: the bucket.
        who: said to whom it keeps out.
        lost: set when someone else has taken it over.
        refresh_s: seconds between two refreshes.
        stale_s: seconds without one after which it may be taken over.
        say: told while waiting.
        sleep: replaced in tests.
    """

    def __init__(
        self,
        store: ObjectStore,
        who: str,
        lost: threading.Event,
        *,
        refresh_s: float = LOCK_REFRESH_S,
        stale_s: float = LOCK_STALE_S,
        say: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._who = who
        self.lost = lost
        self._refresh_s = refresh_s
        self._stale_s = stale_s
        self._say = say
        self._sleep = sleep
        self._etag = ""
        self._seen = 0.0
        self._heart: Heartbeat | None = None
        self.also_delete: list[str] = []
        """Keys that go together with the lock, in one call, when it is given back."""

    def __enter__(self) -> Lock:
        """Takes the lock.

        Raises:
            LockedError: its holder refreshes it.
        """
        self._seen = time.monotonic()
        self._etag = self._take()
        self._heart = Heartbeat(self._refresh, self._refresh_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives it back, unless it has been lost."""
        if self._heart:
            self._heart.close()
        if self.lost.is_set():
            return
        # Within half the time after which others may take it, it is certainly still ours.
        if time.monotonic() - self._seen > self._stale_s / 2:
            head = self._store.head(LOCK_KEY)
            if head is None or head.etag != self._etag:
                return
        self._store.delete([*self.also_delete, LOCK_KEY])

    def check(self) -> None:
        """Ends a run that has lost its lock.

        Raises:
            OpsError: it has.
        """
        if self.lost.is_set():
            raise OpsError(
                "the lock of the bucket was lost to another deployer (this run stood still for too long); "
                "it goes on from here, run again afterwards"
            )

    def _take(self) -> str:
        watched = ""
        since = 0.0
        unseen = 0
        while True:
            self._seen = time.monotonic()
            try:
                return self._store.put(LOCK_KEY, self._body(), BOOKKEEPING, create=True)
            except ExistsError:
                pass
            head = self._store.head(LOCK_KEY)
            if head is None:
                # Given back at this moment; or it may be put and not read, which no waiting mends.
                unseen += 1
                if unseen > 50:
                    raise LockedError(f"{LOCK_KEY} is there and cannot be read: s3:GetObject is needed")
                self._sleep(0.1)
                continue
            if not watched:
                watched, since = head.etag, time.monotonic()
                self._say(
                    f"another deploy has the lock ({self._holder()}); waiting to see whether it lives …"
                )
            elif head.etag != watched:
                raise LockedError(
                    f"another deploy of this bucket is running: {self._holder()}. Run again when it is done"
                )
            age = max((head.now - head.modified).total_seconds(), time.monotonic() - since)
            if age > self._stale_s:
                try:
                    return self._store.put(LOCK_KEY, self._body(), BOOKKEEPING, if_match=head.etag)
                except ChangedError:
                    continue
            self._sleep(min(1.0, self._stale_s / 4))

    def _holder(self) -> str:
        found = self._store.get(LOCK_KEY)
        try:
            return str(json.loads(found.data)["who"]) if found else "gone by now"
        except (ValueError, KeyError, TypeError):
            return "unknown holder"

    def _refresh(self) -> None:
        began = time.monotonic()
        try:
            self._etag = self._store.put(LOCK_KEY, self._body(), BOOKKEEPING, if_match=self._etag)
            self._seen = began
        except (ChangedError, ExistsError):
            self.lost.set()
        except StoreError:
            return  # the next beat tries again; a holder that cannot write for 30 s loses the lock

    def _body(self) -> bytes:
        # Random, so that every refresh is another ETag: that is what a watcher sees.
        return json.dumps({"who": self._who, "turn": secrets.token_hex(8)}).encode()


class Mark:
    """Says that a deploy of a release is under way; also the proof that the bucket can be written."""

    def __init__(self, store: ObjectStore, release: str, who: str) -> None:
        self._store = store
        self._who = who
        self.key = MARKS + release
        self._heart: Heartbeat | None = None
        self._removal: Task[object] | None = None

    def __enter__(self) -> Mark:
        """Leaves the mark."""
        self._put()
        self._heart = Heartbeat(self._beat, MARK_REFRESH_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for its removal; one that was not taken away stays, and the next run resumes."""
        if self._heart:
            self._heart.close()
        if self._removal:
            self._removal.wait()

    def begin_to_remove(self) -> None:
        """Takes it away, now that the release is whole, beside what is done meanwhile."""
        if self._removal is None:
            if self._heart:
                self._heart.close()
            self._removal = Task(lambda: self._store.delete([self.key]))

    def _put(self) -> None:
        body = json.dumps({"who": self._who, "turn": secrets.token_hex(8)}).encode()
        self._store.put(self.key, body, BOOKKEEPING)

    def _beat(self) -> None:
        try:
            self._put()
        except StoreError:
            return  # a collection elsewhere may take it for dead after ten such beats


def wait_for_collection(
    store: ObjectStore, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Returns once nobody collects. What was found before must be looked at again afterwards."""
    told = False
    while (head := store.head(COLLECT_KEY)) is not None:
        if (head.now - head.modified).total_seconds() > MARK_STALE_S:
            return
        if not told:
            say("another deploy is collecting old releases; waiting …")
            told = True
        sleep(0.5)
