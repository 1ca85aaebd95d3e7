"""A JSON-lines log of every run: what was decided and done, without secrets."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from ops.errors import UsageError

_ENCODER = json.JSONEncoder(ensure_ascii=True, default=str)


class RunLog:
    """One file a run, ``<command>-<UTC time>-<process>.jsonl``; each line has ``time`` and ``event``.

    A line is written out at once, so that what was done can be read after ``kill -9`` too. Many files' steps
    are one line each, written together. The caller passes names and figures, never headers of requests or
    environment.
    """

    def __init__(self, folder: Path, command: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f"{command}-{stamp}-{os.getpid()}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = self.path.open("x", encoding="utf-8", errors="backslashreplace")
        except OSError as failure:
            raise UsageError(f"--log-dir {str(folder)!r} cannot be written: {failure.strerror}") from failure
        self._lock = threading.Lock()

    def write(self, event: str, **fields: Any) -> None:
        """Appends one line."""
        self.write_all(event, [fields])

    def write_all(self, event: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Appends a line for each of many steps that were decided at once."""
        stamp = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
        with self._lock:
            if not self._file.closed:
                self._file.writelines(_ENCODER.encode({**stamp, **fields}) + "\n" for fields in rows)
                self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        with self._lock:
            self._file.close()
