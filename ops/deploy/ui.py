"""What a run says: results on stdout, the run itself on stderr; rich only where there is a terminal."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ops.deploy.runlog import RunLog


class Ui:
    """Prints and logs.

    Args:
        log: gets every message too.
    """

    def __init__(self, log: RunLog | None = None) -> None:
        self._log = log

    def say(self, message: str) -> None:
        """About the run."""
        self._print(message, "say", "")

    def note(self, message: str) -> None:
        """Worth knowing."""
        self._print(f"note: {message}", "note", "cyan")

    def warn(self, message: str) -> None:
        """To look at; the run goes on."""
        self._print(f"warning: {message}", "warning", "yellow")

    def result(self, message: str) -> None:
        """On stdout."""
        print(message, flush=True)
        if self._log:
            self._log.write("result", message=message)

    def _print(self, message: str, event: str, style: str) -> None:
        if self._log:
            self._log.write(event, message=message)
        if sys.stderr.isatty():
            from ops import console

            console.say(message, style=style)
        else:
            print(message, file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, what: str, files: int, size: int) -> Iterator[Meter]:
        """A line with files, bytes and rates while the block runs; on a terminal only."""
        meter = Meter(what, files, size)
        if not sys.stderr.isatty():
            yield meter
            return
        from ops import console

        with console.progress(meter.text()) as line:
            meter.show = line.update
            yield meter


class Meter:
    """Counts files and bytes; called from many threads, shown from one."""

    def __init__(self, what: str, files: int, size: int) -> None:
        self._what = what
        self._files = files
        self._size = size
        self._began = time.monotonic()
        self.done = 0
        self.sent = 0
        self.show: Any = None

    def add(self, size: int) -> None:
        """One more file."""
        self.done += 1
        self.sent += size

    def tick(self) -> None:
        """Shows how far it is."""
        if self.show:
            self.show(self.text())

    def text(self) -> str:
        """``Uploading … 12 of 80 files, 3.1 of 9.0 MB, 40 files/s, 1.2 MB/s``."""
        spent = max(time.monotonic() - self._began, 0.001)
        return (
            f"{self._what} … {self.done} of {self._files} files, {megabytes(self.sent)} of "
            f"{megabytes(self._size)}, "
            f"{self.done / spent:.0f} files/s, {megabytes(int(self.sent / spent))}/s"
        )


def megabytes(size: int) -> str:
    """``0.4 MB``; bytes and kilobytes where that says more."""
    if size < 1000:
        return f"{size} bytes"
    if size < 100_000:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB"


@contextmanager
def uninterrupted(ui: Ui, why: str) -> Iterator[None]:
    """Puts Ctrl-C and SIGTERM off until the block is done; a second one ends it at once."""
    pending: list[int] = []

    def later(number: int, frame: FrameType | None) -> None:
        if pending:
            raise KeyboardInterrupt
        pending.append(number)
        ui.say(f"{why}; press Ctrl-C again to stop at once")

    try:
        before = {number: signal.signal(number, later) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: nobody interrupts here
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if pending:
        raise KeyboardInterrupt


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Lets SIGTERM (a cancelled CI job) end the block as Ctrl-C does: with what is whole left whole."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
