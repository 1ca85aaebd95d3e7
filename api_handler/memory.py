"""The store in the memory of one process: for a laptop, and for tests."""

from __future__ import annotations

import marshal
import time
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from api_handler.store import Item

MAX_BYTES = 32 * 1024 * 1024
OVERHEAD = 400
"""Bytes an item costs beside its data: keys, expiry, places in dictionaries and lists."""


class MemoryStore:
    """Items in dictionaries, bounded: beyond ``max_bytes`` the partitions untouched for longest go.

    Args:
        max_bytes: size of all items together.
        now: clock in epoch seconds.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, now: Callable[[], float] = time.time) -> None:
        self._max_bytes = max_bytes
        self._now = now
        self._bytes = 0
        self._partitions: OrderedDict[str, _Partition] = OrderedDict()
        self._sweep_at = 0.0

    async def get(self, partition: str, sort: str) -> Item | None:
        return self._live(partition, sort)

    async def put(
        self,
        partition: str,
        sort: str,
        item: Item,
        *,
        ttl_s: float,
        absent: bool = False,
    ) -> bool:
        found = self._live(partition, sort)
        if absent and found is not None:
            return False
        self._write(partition, sort, item, self._now() + ttl_s)
        return True

    async def update(
        self, partition: str, sort: str, fields: Mapping[str, Any], *, where: tuple[str, tuple[str, ...]]
    ) -> Item | None:
        found = self._live(partition, sort)
        if found is None or found.get(where[0]) not in where[1]:
            return None
        changed = {**found, **fields}
        self._write(partition, sort, changed, self._partitions[partition].expiry[sort])
        return changed

    async def add(
        self,
        partition: str,
        sort: str,
        amounts: Mapping[str, int],
        *,
        ttl_s: float,
        below: tuple[str, int] | None = None,
    ) -> Item | None:
        found = self._live(partition, sort)
        item = found or {}
        if below is not None and item.get(below[0], 0) >= below[1]:
            return None
        for field, amount in amounts.items():
            item[field] = item.get(field, 0) + amount
        expires = self._partitions[partition].expiry[sort] if found is not None else self._now() + ttl_s
        self._write(partition, sort, item, expires)
        return item

    async def query(
        self,
        partition: str,
        *,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
        where: tuple[str, str] | None = None,
    ) -> list[tuple[str, Item]]:
        holder = self._partitions.get(partition)
        if holder is None:
            return []
        names = holder.names
        if newest_first:
            wanted = reversed(names[: bisect_left(names, after)] if after is not None else names)
        else:
            wanted = iter(names[bisect_right(names, after) :] if after is not None else names)
        found: list[tuple[str, Item]] = []
        for name in list(wanted):
            item = self._live(partition, name)
            if item is not None and (where is None or item.get(where[0]) == where[1]):
                found.append((name, item))
                if len(found) == limit:
                    break
        return found

    async def check(self) -> None:
        """Memory is always there."""

    def _live(self, partition: str, sort: str) -> Item | None:
        holder = self._partitions.get(partition)
        if holder is None or sort not in holder.items:
            return None
        if holder.expiry[sort] <= self._now():
            self._remove(partition, sort)
            return None
        # Packed: a tenth of the memory of the objects, and every reader gets a copy of its own.
        return marshal.loads(holder.items[sort])  # noqa: S302  # what _write has packed

    def _write(self, partition: str, sort: str, item: Item, expires: float) -> None:
        holder = self._partitions.setdefault(partition, _Partition())
        self._partitions.move_to_end(partition)
        packed = marshal.dumps(item)
        size = len(packed) + len(sort) + OVERHEAD
        if sort not in holder.items:
            insort(holder.names, sort)
        self._bytes += size - holder.sizes.get(sort, 0)
        holder.items[sort], holder.expiry[sort], holder.sizes[sort] = packed, expires, size
        now = self._now()
        if now >= self._sweep_at:
            self._sweep_at = now + 60.0
            self._sweep(now)
        while self._bytes > self._max_bytes and len(self._partitions) > 1:
            _, oldest = self._partitions.popitem(last=False)
            self._bytes -= sum(oldest.sizes.values())

    def _remove(self, partition: str, sort: str) -> None:
        holder = self._partitions[partition]
        del holder.items[sort], holder.expiry[sort]
        self._bytes -= holder.sizes.pop(sort)
        del holder.names[bisect_left(holder.names, sort)]
        if not holder.items:
            del self._partitions[partition]

    def _sweep(self, now: float) -> None:
        for partition, holder in list(self._partitions.items()):
            for sort in [name for name, expires in holder.expiry.items() if expires <= now]:
                self._remove(partition, sort)


class _Partition:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.items: dict[str, bytes] = {}
        self.expiry: dict[str, float] = {}
        self.sizes: dict[str, int] = {}
