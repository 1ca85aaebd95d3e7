"""The project's own ``__main__.py`` as an inline program of the Automation API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import runpy
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.engine import channels

OUTPUT_STRINGS_RAISE = "PULUMI_ERROR_OUTPUT_STRING"
"""Makes an f-string of an Output an error instead of a text that goes online (pulumi.Output.__str__)."""


_LOOP_END_S = 15.0
"""How long the program of a failed run may take to notice that its engine is gone."""
_LOOP_IDLE_S = 0.3
"""How long the SDK may take to close an event loop that has stopped."""


_LOOP_TURNS = 50
"""Turns of the loop in which cancelled tasks may end: each wakes those that waited for it."""


@dataclass(frozen=True)
class ProgramFailure:
    """Why the program ended early.

    Attributes:
        message: of the exception, complete.
        where: ``components/secrets.py:41`` of the innermost own frame, or "".
        configuration: it is the configuration that is wrong, not the program.
        trace: the traceback, for ``OPS_DEBUG``.
    """

    message: str
    where: str
    configuration: bool
    trace: str

    def __str__(self) -> str:
        place = f"\n  at {self.where}" if self.where and not self.configuration else ""
        return f"{self.message}{place}"


class InlineProgram:
    """Runs ``__main__.py`` of a project and keeps the exception it raised.

    Args:
        root: the project.

    Attributes:
        failure: set when the program raised.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.failure: ProgramFailure | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channels: list[Any] = []

    def __call__(self) -> None:
        self.failure = None
        self._loop = asyncio.get_running_loop()
        self._channels = channels.of_this_run()
        try:
            with surroundings(self._root):
                runpy.run_path(str(self._root / "__main__.py"), run_name="__main__")
        except BaseException as problem:
            self.failure = describe(problem, self._root)
            raise

    def release(self) -> None:
        """Closes what a run has left open; called when its engine is gone."""
        self._end_loop()
        self.disconnect()

    def disconnect(self) -> None:
        """Closes the connections to the engine."""
        channels.close(self._channels)
        self._channels = []

    def _end_loop(self) -> None:
        """Closes the event loop of a run whose engine stopped half-way.

        The SDK's language server then fails before it comes to that (``log.debug`` finds no engine in the
        ``finally`` of pulumi.automation._server), and its sockets would stay open.
        """
        loop, self._loop = self._loop, None
        if loop is None:
            return
        started = idle = time.monotonic()
        while (now := time.monotonic()) - started < _LOOP_END_S and now - idle < _LOOP_IDLE_S:
            if loop.is_closed():
                return
            idle = now if loop.is_running() else idle
            time.sleep(0.02)
        if loop.is_closed() or loop.is_running():
            return
        # The SDK's handler stops the loop at the first failed call; here every task is to come to its end.
        loop.set_exception_handler(lambda _loop, _context: None)
        for _ in range(_LOOP_TURNS):
            pending = asyncio.all_tasks(loop)
            for task in pending:
                task.cancel()
            loop.call_soon(loop.stop)
            loop.run_forever()
            if not pending:
                break
        loop.close()


@contextlib.contextmanager
def surroundings(root: Path) -> Iterator[None]:
    """What the official CLI gives a program: its folder first on the import path.

    Outputs used as text raise for as long as it runs.
    """
    before = os.environ.get(OUTPUT_STRINGS_RAISE)
    sys.path.insert(0, str(root))
    os.environ[OUTPUT_STRINGS_RAISE] = "true"
    try:
        yield
    finally:
        sys.path.remove(str(root))
        if before is None:
            os.environ.pop(OUTPUT_STRINGS_RAISE, None)
        else:
            os.environ[OUTPUT_STRINGS_RAISE] = before


def describe(problem: BaseException, root: Path) -> ProgramFailure:
    """An exception of the program in the words a user can act on."""
    names = {cls.__name__ for cls in type(problem).__mro__}
    configuration = bool(names & {"SettingsError", "UsageError", "ConfigTypeError", "ConfigMissingError"})
    plain = configuration or type(problem) is ValueError or bool(names & {"OpsError", "RunError"})
    message = str(problem) if plain else f"{type(problem).__name__}: {problem}"
    trace = "".join(traceback.format_exception(problem))
    if isinstance(problem, SyntaxError) and problem.filename:
        where = f"{_relative(problem.filename, root)}:{problem.lineno}"
        message = f"SyntaxError: {problem.msg}"
    else:
        where = _innermost(problem, root)
    return ProgramFailure(message, where, configuration, trace)


def _innermost(problem: BaseException, root: Path) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    own = [f for f in frames if _is_own(f.filename, root)]
    return f"{_relative(own[-1].filename, root)}:{own[-1].lineno}" if own else ""


def _is_own(filename: str, root: Path) -> bool:
    path = Path(filename)
    return path.is_relative_to(root) and not {".venv", "site-packages"} & set(path.parts)


def _relative(filename: str, root: Path) -> str:
    path = Path(filename)
    return str(path.relative_to(root)) if path.is_relative_to(root) else filename
