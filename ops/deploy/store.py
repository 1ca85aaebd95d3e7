"""Where objects go: the interface, one in memory, and one whose writes do nothing."""

from __future__ import annotations

import hashlib
import mmap
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from ops.deploy.headers import Headers
from ops.errors import OpsError


class FileBody(NamedTuple):
    """A file as a body: sent from where it lies, without being brought into Python first.

    Attributes:
        source: the file.
        size: bytes.
        md5: of the bytes that are to arrive, in hexadecimal.
        check: raises if the file has been written to since ``md5`` was made.
    """

    source: str
    size: int
    md5: str
    check: Callable[[], None]


def content_of(data: object) -> Any:
    """The bytes of a body, as something with the buffer interface."""
    if isinstance(data, FileBody):
        with open(data.source, "rb") as file:
            return file.read()
    return data


def md5_of(data: object) -> str:
    """MD5 of a body in hexadecimal: the ETag of an object that went up in one piece."""
    if isinstance(data, FileBody):
        return data.md5
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # type: ignore[arg-type]


def let_go(data: object) -> None:
    """Ends the use of a body: a mapped file is closed."""
    if isinstance(data, mmap.mmap):
        data.close()


class StoreError(OpsError):
    """A call to the bucket failed, after the retries that made sense."""


class ExistsError(StoreError):
    """A create-only put met an object."""


class ChangedError(StoreError):
    """A conditional put met another version."""


class Listed(NamedTuple):
    """One row of a list."""

    key: str
    etag: str
    size: int
    modified: datetime


class Found(NamedTuple):
    """An object's bytes with its version."""

    data: bytes
    etag: str


class Head(NamedTuple):
    """An object without its bytes; ``modified`` and ``now`` are by the server's clock."""

    etag: str
    size: int
    headers: Headers
    modified: datetime
    now: datetime


class DeleteFailure(NamedTuple):
    """A key that was not deleted, and why."""

    key: str
    reason: str


class ObjectStore(Protocol):
    """A bucket. Keys are text; every method may be called from several threads at once."""

    def put(
        self, key: str, data: object, headers: Headers = (), *, create: bool = False, if_match: str = ""
    ) -> str:
        """Stores an object whole and gives its ETag.

        Args:
            key: key.
            data: bytes, something with the buffer interface, or a ``FileBody``.
            headers: object headers.
            create: only if there is none.
            if_match: only over this ETag.

        Raises:
            ExistsError: ``create``, and there is one.
            ChangedError: ``if_match``, and it has another ETag or is gone.
            StoreError: it failed, or what arrived is not what was sent.
        """
        ...

    def get(self, key: str, *, first: int = 0) -> Found | None:
        """An object's bytes (the first ``first``, 0: all); None when there is none."""
        ...

    def head(self, key: str) -> Head | None:
        """An object's headers; None when there is none."""
        ...

    def list(self, prefix: str, *, after: str = "", until: str = "") -> Iterator[Listed]:
        """Objects by key from after ``after`` up to and including ``until`` ("" : to the end)."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """The names right below a prefix that have objects below them."""
        ...

    def copy(self, source: str, target: str, headers: Headers | None, *, etag: str = "") -> str:
        """Copies within the bucket and gives the ETag.

        Args:
            source: key.
            target: key.
            headers: replace the source's; None: they are kept.
            etag: only if the source has it.

        Raises:
            ChangedError: the source is gone or has another ETag.
        """
        ...

    def delete(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """Deletes; a key that is not there counts as deleted. Gives those that were not."""
        ...


@dataclass
class _Object:
    data: bytes
    etag: str
    headers: Headers
    modified: datetime


class MemoryStore:
    """A bucket in memory, for tests and for trying out."""

    def __init__(self) -> None:
        self.objects: dict[str, _Object] = {}
        self.writes: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The store's clock."""
        return datetime.now(UTC)

    def put(
        self, key: str, data: object, headers: Headers = (), *, create: bool = False, if_match: str = ""
    ) -> str:
        """See ``ObjectStore``."""
        content = bytes(content_of(data))
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        with self._lock:
            present = self.objects.get(key)
            if create and present is not None:
                raise ExistsError(f"{key} exists")
            if if_match and (present is None or present.etag != if_match):
                raise ChangedError(f"{key} has changed")
            self.objects[key] = _Object(content, etag, headers, self.now())
            self.writes.append(("put", key))
        return etag

    def get(self, key: str, *, first: int = 0) -> Found | None:
        """See ``ObjectStore``."""
        found = self.objects.get(key)
        return None if found is None else Found(found.data[:first] if first else found.data, found.etag)

    def head(self, key: str) -> Head | None:
        """See ``ObjectStore``."""
        found = self.objects.get(key)
        if found is None:
            return None
        return Head(found.etag, len(found.data), found.headers, found.modified, self.now())

    def list(self, prefix: str, *, after: str = "", until: str = "") -> Iterator[Listed]:
        """See ``ObjectStore``."""
        with self._lock:
            rows = sorted(self.objects.items(), key=lambda item: item[0].encode())
        for key, found in rows:
            if key.startswith(prefix) and key.encode() > after.encode():
                if until and key.encode() > until.encode():
                    return
                yield Listed(key, found.etag, len(found.data), found.modified)

    def folders(self, prefix: str) -> list[str]:
        """See ``ObjectStore``."""
        rest = [key[len(prefix) :] for key in list(self.objects) if key.startswith(prefix)]
        return sorted({name.split("/", 1)[0] for name in rest if "/" in name})

    def copy(self, source: str, target: str, headers: Headers | None, *, etag: str = "") -> str:
        """See ``ObjectStore``."""
        with self._lock:
            found = self.objects.get(source)
            if found is None or (etag and found.etag != etag):
                raise ChangedError(f"{source} has changed")
            kept = found.headers if headers is None else headers
            self.objects[target] = _Object(found.data, found.etag, kept, self.now())
            self.writes.append(("copy", target))
        return found.etag

    def delete(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """See ``ObjectStore``."""
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)
                self.writes.append(("delete", key))
        return []


class ReadOnlyStore:
    """Another store, read; writes do nothing and answer as if they had been done: ``--dry-run``."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(
        self, key: str, data: object, headers: Headers = (), *, create: bool = False, if_match: str = ""
    ) -> str:
        """Answers as a put would; stores nothing."""
        return md5_of(data)

    def get(self, key: str, *, first: int = 0) -> Found | None:
        """See ``ObjectStore``."""
        return self._store.get(key, first=first)

    def head(self, key: str) -> Head | None:
        """See ``ObjectStore``."""
        return self._store.head(key)

    def list(self, prefix: str, *, after: str = "", until: str = "") -> Iterator[Listed]:
        """See ``ObjectStore``."""
        return self._store.list(prefix, after=after, until=until)

    def folders(self, prefix: str) -> list[str]:
        """See ``ObjectStore``."""
        return self._store.folders(prefix)

    def copy(self, source: str, target: str, headers: Headers | None, *, etag: str = "") -> str:
        """Answers as a copy would; stores nothing."""
        return etag

    def delete(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """Answers as if all were deleted."""
        return []


def header_map(headers: Headers) -> Mapping[str, str]:
    """Headers by name."""
    return dict(headers)
