"""A bounded pool of threads over a list of items, that stops at the first failure.

``concurrent.futures`` would do, but its import (with logging) costs a twentieth of a short run, and
it takes every item into its queue at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Task(Generic[Result]):
    """One call in a thread of its own; ``result()`` waits for it and gives what it gave or raised."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._value: Result | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as failure:
            self._failure = failure

    def wait(self, seconds: float | None = None) -> None:
        """Waits, for so long at most, and raises nothing."""
        self._thread.join(seconds)

    def result(self) -> Result:
        """Waits; raises what the call raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._value  # type: ignore[return-value]


def all_done(*tasks: Task[Any]) -> None:
    """Waits for all of them, then raises what the first one that failed has raised."""
    for task in tasks:
        task.wait()
    for task in tasks:
        task.result()


GROWTH_LOOK_S = 0.01
"""How often it is looked whether more may be at work: well below what any bucket takes for an answer."""


class Growth:
    """How many calls may run at once: fixed, or doubling up to a limit while all goes well.

    As many calls as are at work must have come back before there are twice as many: each size has been
    tried by then. What one run over a list has grown to, the next one starts with.

    Args:
        start: threads to begin with.
        limit: most threads; None: ``start``.
        well: asked before each doubling.
    """

    def __init__(self, start: int, limit: int | None = None, well: Callable[[], bool] = lambda: True) -> None:
        self.start = max(1, start)
        self.limit = max(self.start, limit or self.start)
        self.well = well


def for_each(
    items: Iterable[Item],
    call: Callable[[Item], None],
    *,
    threads: int | Growth,
    stop: threading.Event | None = None,
    tick: Callable[[], None] | None = None,
    tick_s: float = 0.05,
) -> None:
    """Calls ``call`` for every item, at most ``threads`` at once, and waits.

    The first failure ends the run: no further item is begun, those under way are waited for, the
    failure is raised. Ctrl-C in the caller does the same.

    Args:
        items: consumed lazily.
        call: runs in several threads at once.
        threads: how many; a ``Growth`` begins with its start and adds threads while all goes well.
        stop: set from outside to end early without an error.
        tick: called in the caller's thread about every ``tick_s`` seconds.
        tick_s: seconds.
    """
    growth = threads if isinstance(threads, Growth) else Growth(threads)
    source = iter(items)
    # Not the caller's event itself: a failure here must not look like its signal.
    halt = threading.Event()
    signals = (halt,) if stop is None else (halt, stop)
    lock = threading.Lock()
    failures: list[BaseException] = []
    workers: list[threading.Thread] = []
    finished = threading.Event()
    running = 0
    begun = 0

    def items_in_turn() -> Iterator[Item]:
        nonlocal begun
        while not any(signal.is_set() for signal in signals):
            with lock:
                try:
                    item = next(source)
                except StopIteration:
                    return
                begun += 1
            yield item

    def work() -> None:
        nonlocal running
        try:
            for item in items_in_turn():
                call(item)
        except BaseException as failure:
            failures.append(failure)
            halt.set()
        finally:
            with lock:
                running -= 1
                if running == 0:
                    finished.set()

    def add(count: int) -> None:
        nonlocal running
        for _ in range(count):
            worker = threading.Thread(target=work, daemon=True)
            with lock:
                if halt.is_set() or (finished.is_set() and workers):
                    return
                running += 1
            workers.append(worker)
            worker.start()

    try:
        add(min(growth.start, max(1, len(items))) if isinstance(items, Sized) else growth.start)
        tried = len(workers)
        told = time.monotonic()
        growing = growth.start <= len(workers) < growth.limit
        while not finished.wait(min(tick_s, GROWTH_LOOK_S) if growing else tick_s):
            back = begun - running
            if growing and back >= tried and growth.well():
                add(min(len(workers), growth.limit - len(workers)))
                tried = back + len(workers)
                growing = len(workers) < growth.limit
            if tick and time.monotonic() - told >= tick_s:
                told = time.monotonic()
                tick()
    except BaseException:
        halt.set()
        for worker in workers:
            worker.join()
        raise
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    growth.start = max(growth.start, len(workers))
