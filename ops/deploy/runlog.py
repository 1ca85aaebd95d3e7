"""A JSON-lines log of every run: what was decided and done, without secrets."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from ops.errors import UsageError


class RunLog:
    """One file a run, ``<command>-<UTC time>-<process>.jsonl``; each line has ``time`` and ``event``.

    A line is written at once, so that what was done can be read after ``kill -9`` too. Many files' steps
    are one line each; the caller passes names and figures, never headers of requests or environment.
    """

    def __init__(self, folder: Path, command: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self.path = folder / f"{command}-{stamp}-{os.getpid()}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = self.path.open("x", encoding="utf-8", errors="backslashreplace", buffering=1)
        except OSError as failure:
            raise UsageError(f"--log-dir {str(folder)!r} cannot be written: {failure.strerror}") from failure
        self._lock = threading.Lock()

    def write(self, event: str, **fields: Any) -> None:
        """Appends one line."""
        line = json.dumps(
            {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields},
            ensure_ascii=True,
            default=str,
        )
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")

    def close(self) -> None:
        """Ends the file."""
        with self._lock:
            self._file.close()
