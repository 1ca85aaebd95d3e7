"""Lists a bucket in several ranges at once: one list after the other takes a round trip a thousand keys."""

from __future__ import annotations

from collections.abc import Sequence

from ops.deploy.pool import for_each
from ops.deploy.rules import OWN_PREFIXES
from ops.deploy.store import Listed, ObjectStore


def present(store: ObjectStore, cuts: Sequence[str], *, threads: int = 16) -> dict[str, Listed]:
    """Everything in the bucket but the deployer's own objects, by key.

    Args:
        store: the bucket.
        cuts: where the ranges end (``tree.cuts``): what is there need not be what was expected.
        threads: lists at once.
    """
    found: dict[str, Listed] = {}

    def read(bounds: tuple[str, str]) -> None:
        after, until = bounds
        found.update((row.key, row) for row in store.list("", after=after, until=until) if not _own(row.key))

    for_each(ranges(cuts), read, threads=threads)
    return found


def ranges(cuts: Sequence[str]) -> list[tuple[str, str]]:
    """Ranges ``(after, until]`` that together are all keys outside ``_deploy/`` and ``_releases/``. Pure."""
    cuts = [path for path in cuts if not _own(path)]
    # What belongs to the deployer is jumped over: "~" comes after every id and name of its own.
    cuts += [edge for prefix in OWN_PREFIXES for edge in (f"{prefix}/", f"{prefix}/~")]
    cuts.sort(key=lambda path: path.encode())
    bounds = list(zip(["", *cuts], [*cuts, ""], strict=True))
    own = {(f"{prefix}/", f"{prefix}/~") for prefix in OWN_PREFIXES}
    return [pair for pair in bounds if pair not in own]


def _own(key: str) -> bool:
    return key.split("/", 1)[0] in OWN_PREFIXES and "/" in key
