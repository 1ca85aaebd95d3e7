"""The texts of the options, read: spans of time, ends, limits."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.errors import UsageError
from ops.keys.entries import moment, stamp

LONGEST = timedelta(days=3650)
"""Beyond ten years a span is a typing error."""

_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
_ALLOWED = "a whole number and s, m, h, d or w, such as 30m, 36h or 7d"


def span(option: str, text: str) -> timedelta:
    """``7d`` and the like; ``0`` is none.

    Raises:
        UsageError: it is no span, or longer than ten years.
    """
    if text == "0":
        return timedelta()
    found = _SPAN.fullmatch(text)
    if not found:
        raise UsageError(f"{option} {text!r} is no span of time; allowed: {_ALLOWED}, or 0")
    value = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if value > LONGEST:
        raise UsageError(f"{option} {text!r} is longer than ten years ({LONGEST.days}d)")
    return value


def end(text: str, now: datetime) -> str | None:
    """``30d``, an RFC 3339 time, or ``never`` (None).

    Raises:
        UsageError: it is none of these, or not in the future.
    """
    if text == "never":
        return None
    if _TIME.fullmatch(text):
        try:
            when = moment(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise UsageError(f"--expires {text!r} is no time of the calendar") from None
    elif _SPAN.fullmatch(text):
        when = now + span("--expires", text)
    else:
        raise UsageError(
            f"--expires {text!r} is no end; allowed: {_ALLOWED}, a time such as 2027-01-31T00:00:00Z, "
            "or never"
        )
    if when <= now:
        raise UsageError(f"--expires {text!r} is not in the future (it is {stamp(now)})")
    return stamp(when)


def fields(args: argparse.Namespace, now: datetime) -> dict[str, Any]:
    """The limits and the end that were named, by their names in the secret; None: to be taken away.

    Raises:
        UsageError: one of them is wrong.
    """
    named: dict[str, Any] = {}
    if args.rpm is not None:
        named["rpm"] = None if args.rpm == "none" and args.action == "rotate" else _rpm(args.rpm)
    if args.daily_usd is not None:
        off = args.daily_usd == "none" and args.action == "rotate"
        named["daily_usd"] = None if off else _usd(args.daily_usd)
    if args.expires is not None:
        named["expires_at"] = end(args.expires, now)
    return named


def _rpm(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text) or not 1 <= int(text) <= 1_000_000:
        raise UsageError(f"--rpm {text!r}: allowed is a whole number from 1 to 1000000")
    return int(text)


def _usd(text: str) -> float | int:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or float(text) <= 0:
        raise UsageError(f"--daily-usd {text!r}: allowed is a number above 0, such as 5 or 0.25")
    value = float(text)
    return int(value) if value.is_integer() else value
