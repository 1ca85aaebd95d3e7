"""The store of everything that outlives a request: five operations on items.

An item lies under a partition and a sort key, is plain JSON data plus bytes,
and disappears after its time to live. Runs, sessions and counters are written
once on top of it and behave the same over memory and DynamoDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Item = dict[str, Any]


class StoreError(Exception):
    """The store cannot be reached or refuses; the message is a stable word."""


class Store(Protocol):
    """Items under ``(partition, sort)``."""

    async def get(self, partition: str, sort: str) -> Item | None:
        """The item as last written, or None."""
        ...

    async def put(
        self,
        partition: str,
        sort: str,
        item: Item,
        *,
        ttl_s: float,
        absent: bool = False,
    ) -> bool:
        """Write an item.

        Args:
            partition: partition key.
            sort: sort key.
            item: plain data.
            ttl_s: seconds it lives.
            absent: write only when there is no such item.

        Returns:
            Whether it was written.
        """
        ...

    async def update(
        self, partition: str, sort: str, fields: Mapping[str, Any], *, where: tuple[str, tuple[str, ...]]
    ) -> Item | None:
        """Set fields of an existing item whose field ``where[0]`` has one of the values ``where[1]``.

        Returns:
            The whole item as it is now, or None when the condition did not hold.
        """
        ...

    async def add(
        self,
        partition: str,
        sort: str,
        amounts: Mapping[str, int],
        *,
        ttl_s: float,
        below: tuple[str, int] | None = None,
    ) -> Item | None:
        """Add to counters of an item, which begins at zero.

        Args:
            partition: partition key.
            sort: sort key.
            amounts: what to add to which field.
            ttl_s: seconds the item lives from its first count on.
            below: ``(field, limit)``: count only while the field is below the limit.

        Returns:
            The item as it is now, or None when the limit was reached.
        """
        ...

    async def query(
        self,
        partition: str,
        *,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
        where: tuple[str, str] | None = None,
    ) -> list[tuple[str, Item]]:
        """Items of a partition in the order of their sort keys.

        Args:
            partition: partition key.
            after: begin behind this sort key, in the direction read.
            limit: items at most.
            newest_first: read backwards.
            where: ``(field, value)`` an item must have.

        Returns:
            Pairs of sort key and item.
        """
        ...

    async def check(self) -> None:
        """Raise StoreError when the store does not answer."""
        ...
