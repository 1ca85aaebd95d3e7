"""The errors of the command line: what a user sees of them is their message and their exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

INTERRUPTED = 130
"""128 + SIGINT, what shells report for a program ended by Ctrl-C."""


class OpsError(Exception):
    """Something was begun and failed, or something was found (exit code 1).

    Args:
        message: what happened and what to do, complete: it is printed as it stands, without a traceback.
        exit_code: overrides the class's exit code.
    """

    exit_code = 1

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def message(self) -> str:
        """The message as it is printed."""
        return str(self)


class UsageError(OpsError):
    """What was asked cannot be run as given: options, configuration, a missing ``--yes`` (exit code 2)."""

    exit_code = 2


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` for the nearest of ``known``, or "" when nothing is near."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), names, n=1, cutoff=0.6)
    return f" (did you mean '{names[close[0]]}'?)" if close else ""
