"""A bucket and a KeyValueStore in a folder: what the deployer writes to and the edge reads from.

Objects lie under their keys in ``objects/``, readable by people; ``meta/`` holds what S3 keeps beside
an object: ETag and headers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ops.deploy.aws.http import AwsError
from ops.deploy.headers import Headers
from ops.deploy.store import ChangedError, DeleteFailure, ExistsError, Found, Head, Listed, StoreError

SMALL = 256 * 1024
"""Bytes up to which an object's content is kept in memory."""
KEPT = 2048
"""Objects whose facts are kept in memory."""


@dataclass(slots=True)
class Stored:
    """An object with what S3 keeps beside it; ``modified`` in seconds since 1970."""

    path: Path
    size: int
    etag: str
    headers: Headers
    modified: int
    stamp: tuple[int, int, int]
    data: bytes | None = None

    def read(self, first: int, length: int) -> bytes:
        """A part of its bytes."""
        if self.size <= SMALL:
            if self.data is None:
                self.data = self.path.read_bytes()
            return self.data if length == self.size else self.data[first : first + length]
        with self.open() as handle:
            handle.seek(first)
            return handle.read(length)

    def open(self) -> IO[bytes]:
        """Its bytes as a file."""
        return self.path.open("rb")


class FolderStore:
    """An ``ObjectStore`` (ops.deploy.store) whose objects are files.

    Args:
        folder: of the bucket; made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._objects = folder / "objects"
        self._meta = folder / "meta"
        self._objects.mkdir(parents=True, exist_ok=True)
        self._meta.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._known: dict[str, Stored] = {}

    def stored(self, key: str) -> Stored | None:
        """An object; None when there is none."""
        known = self._known.get(key)
        try:
            path = known.path if known else self._path(self._objects, key)
            info = os.stat(path)
        except (OSError, ValueError):
            self._known.pop(key, None)
            return None
        stamp = (info.st_mtime_ns, info.st_size, info.st_ino)
        if known and known.stamp == stamp:
            return known
        if not os.path.isfile(path):
            return None
        try:
            meta = json.loads(self._path(self._meta, key).with_name(path.name + ".json").read_bytes())
        except (OSError, ValueError):
            return None
        headers = tuple((name, value) for name, value in meta["headers"])
        found = Stored(path, info.st_size, meta["etag"], headers, int(info.st_mtime), stamp)
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[key] = found
        return found

    def put(
        self, key: str, data: object, headers: Headers = (), *, create: bool = False, if_match: str = ""
    ) -> str:
        """See ``ObjectStore``."""
        content = bytes(data)  # type: ignore[arg-type]
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        path = self._checked(self._objects, key)
        with self._lock:
            present = self.stored(key)
            if create and present is not None:
                raise ExistsError(f"{key} exists")
            if if_match and (present is None or present.etag != if_match):
                raise ChangedError(f"{key} has changed")
            meta = json.dumps({"etag": etag, "headers": [list(pair) for pair in headers]}).encode()
            try:
                _write(self._meta_path(key), meta)
                _write(path, content)
            except OSError as problem:
                raise StoreError(f"{key}: {problem.strerror or problem}") from problem
            self._known.pop(key, None)
        return etag

    def get(self, key: str, *, first: int = 0) -> Found | None:
        """See ``ObjectStore``."""
        found = self.stored(key)
        return None if found is None else Found(found.read(0, first or found.size), found.etag)

    def head(self, key: str) -> Head | None:
        """See ``ObjectStore``."""
        found = self.stored(key)
        if found is None:
            return None
        modified = datetime.fromtimestamp(found.modified, UTC)
        return Head(found.etag, found.size, found.headers, modified, datetime.now(UTC))

    def list(self, prefix: str, *, after: str = "", until: str = "") -> Iterator[Listed]:
        """See ``ObjectStore``."""
        for key in sorted(self._keys(prefix), key=str.encode):
            if key.encode() <= after.encode():
                continue
            if until and key.encode() > until.encode():
                return
            found = self.stored(key)
            if found:
                yield Listed(key, found.etag, found.size, datetime.fromtimestamp(found.modified, UTC))

    def folders(self, prefix: str) -> list[str]:
        """See ``ObjectStore``."""
        rest = [key[len(prefix) :] for key in self._keys(prefix)]
        return sorted({name.split("/", 1)[0] for name in rest if "/" in name})

    def copy(self, source: str, target: str, headers: Headers | None, *, etag: str = "") -> str:
        """See ``ObjectStore``."""
        found = self.stored(source)
        if found is None or (etag and found.etag != etag):
            raise ChangedError(f"{source} has changed")
        return self.put(target, found.read(0, found.size), found.headers if headers is None else headers)

    def delete(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """See ``ObjectStore``."""
        failures = []
        with self._lock:
            for key in keys:
                path = self._path(self._objects, key)
                try:
                    path.unlink(missing_ok=True)
                    self._meta_path(key).unlink(missing_ok=True)
                except OSError as problem:
                    failures.append(DeleteFailure(key, str(problem.strerror or problem)))
                self._known.pop(key, None)
                for folder in (path.parent, self._meta_path(key).parent):
                    with contextlib.suppress(OSError):
                        os.removedirs(folder)
            self._objects.mkdir(parents=True, exist_ok=True)
            self._meta.mkdir(parents=True, exist_ok=True)
        return failures

    def _keys(self, prefix: str) -> Iterator[str]:
        start = self._objects
        folder = prefix.rpartition("/")[0]
        with contextlib.suppress(ValueError):
            start = self._path(self._objects, folder) if folder else start
        for base, _, names in os.walk(start):
            inside = os.path.relpath(base, self._objects).replace(os.sep, "/")
            for name in names:
                key = name if inside == "." else f"{inside}/{name}"
                if key.startswith(prefix):
                    yield key

    def _meta_path(self, key: str) -> Path:
        path = self._path(self._meta, key)
        return path.with_name(path.name + ".json")

    def _checked(self, base: Path, key: str) -> Path:
        try:
            return self._path(base, key)
        except ValueError as problem:
            raise StoreError(f"the local bucket cannot hold the key {key!r}: {problem}") from problem

    @staticmethod
    def _path(base: Path, key: str) -> Path:
        parts = key.split("/")
        if not key or any(part in ("", ".", "..") for part in parts) or "\x00" in key:
            raise ValueError("it is no path within a folder")
        return base.joinpath(*parts)


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a request may read the file meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".put-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


class FileKeyValueStore:
    """A CloudFront KeyValueStore in a file, with the three calls the deployer's pointer makes.

    Args:
        path: of the file.
        planned: keys the program owns (the preview token); they always have the planned value.
    """

    def __init__(self, path: Path, planned: Mapping[str, str]) -> None:
        self._path = path
        self._planned = dict(planned)
        self._lock = threading.Lock()
        self._version, self._values = self._load()

    def _load(self) -> tuple[int, dict[str, str]]:
        try:
            document = json.loads(self._path.read_bytes())
            return int(document["version"]), dict(document["values"])
        except (OSError, ValueError, KeyError):
            return 0, {}

    @property
    def values(self) -> dict[str, str]:
        """All keys, as a function sees them."""
        return {**self._values, **self._planned}

    def describe(self) -> str:
        """The store's version."""
        return str(self._version)

    def get(self, key: str) -> str:
        """The value of a key; "" when there is none."""
        return self.values.get(key, "")

    def update(self, etag: str, puts: Mapping[str, str], deletes: Sequence[str] = ()) -> str:
        """UpdateKeys, all or nothing; gives the new version.

        Raises:
            AwsError: the store has another version by now.
        """
        with self._lock:
            if etag != str(self._version):
                raise AwsError(
                    "cloudfront-keyvaluestore:UpdateKeys", 409, "ConflictException", "another version"
                )
            values = {**self._values, **puts}
            for key in deletes:
                values.pop(key, None)
            version = self._version + 1
            _write(self._path, json.dumps({"version": version, "values": values}).encode())
            self._version, self._values = version, values
            return str(version)
