"""What every command prints with: rich on a terminal, plain lines when piped.

Results go to stdout, everything about the run itself (progress, notes, warnings,
errors) to stderr, so that ``ops preview | less`` and ``ops cost --json | jq`` work.
Colour is off when the stream is no terminal, with ``NO_COLOR`` (no-color.org) and
with ``TERM=dumb``; rich follows these by itself. It is imported on first use:
``--help`` needs none of it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_INTERVAL_S = 15.0
"""How often a piped run says that it is still at the same step: enough for a CI log not to look dead."""


def stdout() -> Console:
    """A console on the present ``sys.stdout``, for results."""
    return _console(sys.stdout)


def stderr() -> Console:
    """A console on the present ``sys.stderr``, for what concerns the run."""
    return _console(sys.stderr)


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    # Piped output is read by grep and by people's logs: it is never wrapped or cropped.
    return Console(
        file=stream,
        highlight=False,
        soft_wrap=not stream.isatty(),
        emoji=False,
        markup=True,
        legacy_windows=False,
    )


def say(message: str, *, style: str = "") -> None:
    """One line (or block) about the run on stderr; ``message`` is taken literally, not as markup."""
    stderr().print(message, style=style or None, markup=False)


def note(message: str) -> None:
    """A remark that asks for nothing."""
    say(f"note: {message}", style="cyan")


def warn(message: str) -> None:
    """Something to look at; the run goes on."""
    say(f"warning: {message}", style="yellow")


def error(message: str) -> None:
    """Why the run ends; printed without a traceback."""
    say(f"error: {message}", style="bold red")


class Progress(Protocol):
    """What ``progress`` yields."""

    def update(self, message: str) -> None:
        """Says what is being done now."""
        ...


class _PlainProgress:
    """Lines when the step changes, at most one every ``PLAIN_INTERVAL_S`` for the same step."""

    def __init__(self, message: str) -> None:
        self._step = ""
        self._last = 0.0
        self.update(message)

    def update(self, message: str) -> None:
        # A step's text may end in figures that move ("… 12 of 80"); the part before "…" names the step.
        step = message.split("…")[0]
        now = time.monotonic()
        if step != self._step or now - self._last >= PLAIN_INTERVAL_S:
            self._step, self._last = step, now
            print(message, file=sys.stderr, flush=True)


class _LiveProgress:
    def __init__(self, status: Any) -> None:
        self._status = status

    def update(self, message: str) -> None:
        from rich.markup import escape

        self._status.update(escape(message))


@contextmanager
def progress(message: str) -> Iterator[Progress]:
    """A progress line on stderr while the block runs: a spinner on a terminal, plain lines when piped.

    Args:
        message: the first text, such as ``Planning dev …``; what stands before ``…`` names the step.
    """
    if not sys.stderr.isatty():
        yield _PlainProgress(message)
        return
    from rich.markup import escape

    with stderr().status(escape(message), spinner="dots") as status:
        yield _LiveProgress(status)


def confirm(question: str) -> bool:
    """Asks on the terminal; False unless the answer is ``y`` or ``yes``.

    Call it only when ``interactive()``; without a terminal a missing ``--yes`` is a UsageError.
    """
    return stderr().input(f"{question} \\[y/N] ").strip().lower() in {"y", "yes"}


def interactive() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
