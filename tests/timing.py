"""Waiting and measuring on a machine that may stand still for a second.

A test waits for an event, not for a time. The deadline of such a wait says only that something never
happened; where a time is the bar itself, ``quickest`` tries a few times.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

PATIENCE_S = 30.0
"""What was waited for so long will not come; says nothing about speed."""


def until(condition: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    """Wait until the condition gives something true, and give that.

    Raises:
        AssertionError: it did not within ``seconds``.
    """
    ends = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < ends, f"it did not happen within {seconds} s"
        time.sleep(0.005)
    return value


def quickest(bar_s: float, attempt: Callable[[], float], tries: int = 3) -> float:
    """The least seconds an attempt took; the first one under the bar is the last one made.

    A moment without a processor spoils one attempt; a product that is too slow is so in all of them.
    Everything but the time is asserted in the attempt itself, so that no attempt may be wrong.
    """
    least = float("inf")
    for number in range(tries):
        if number:
            # The moment may last longer than a short attempt.
            time.sleep(1)
        least = min(least, attempt())
        if least < bar_s:
            break
    return least


def held(event: threading.Event, seconds: float = PATIENCE_S) -> Iterator[tuple[str, float]]:
    """Steps of a model's script that say nothing until the test has set the event.

    Raises:
        AssertionError: in the model, which cuts the connection: nobody set it within ``seconds``.
    """
    ends = time.monotonic() + seconds
    while not event.is_set():
        assert time.monotonic() < ends, "the test did not let the model go on"
        yield "sleep", 0.01
