"""Reads CloudFront's shapes member by member, and knows what nobody has read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

INERT: Mapping[str, tuple[Any, ...]] = {
    "Origins.S3OriginConfig.OriginReadTimeout": (30,),
    "Origins.CustomOriginConfig.OriginHttpVersion": ("http1.1",),
    "Origins.VpcOriginConfig.OriginHttpVersion": ("http1.1",),
    "OriginGroups.SelectionCriteria": ("default",),
    "ConnectionMode": ("direct",),
}
"""Members the AWS provider cannot carry, and the values that are the same as leaving them out:
https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html"""


class Members:
    """One structure of a DistributionConfig; what is never taken is a setting that would be lost.

    Args:
        path: dotted place, without indices: ``Origins.CustomOriginConfig``.
        label: what a person calls it, ``origin 'site'``.
        data: the structure.
        lost: gets a sentence for every member that is left over.
    """

    def __init__(self, path: str, label: str, data: Mapping[str, Any] | None, lost: list[str]) -> None:
        self._path, self._label = path, label
        self._left = dict(data or {})
        self._lost = lost

    def take(self, member: str) -> Any:
        """A plain value; None when it is absent, empty or "" (AWS writes all three for "none")."""
        value = self._left.pop(member, None)
        return None if value == "" else value

    def items(self, member: str) -> list[Any] | None:
        """The list inside ``{Quantity, Items}``; None when there is nothing in it."""
        value = self._left.pop(member, None) or {}
        listed = list(value.get("Items") or [])
        rest = {key: inner for key, inner in value.items() if key not in ("Quantity", "Items", "Enabled")}
        if rest:
            self._left[member] = rest
        return listed or None

    def inner(self, member: str) -> Members | None:
        """A structure within this one; None when it is absent. Its leftovers count here."""
        value = self._left.pop(member, None)
        if value is None:
            return None
        return Members(self._join(member), self._label, value, self._lost)

    def each(self, member: str, name: str) -> Iterator[Members]:
        """The structures of a list, each labelled by its member ``name``."""
        for one in self.items(member) or ():
            label = f"{_SINGULAR[member]} {one.get(name)!r}"
            yield Members(self._join(member), label, one, self._lost)

    def drop(self, *members: str) -> None:
        """Members that say nothing of their own."""
        for member in members:
            self._left.pop(member, None)

    def done(self) -> None:
        """Reports every member nobody took, unless its value is the same as leaving it out."""
        for member, value in self._left.items():
            path = self._join(member)
            if _says_nothing(value) or value in INERT.get(path, ()):
                continue
            where = f"{self._label}: " if self._label else ""
            self._lost.append(f"{where}{path} is {value!r}, which the AWS provider cannot carry")

    def _join(self, member: str) -> str:
        return f"{self._path}.{member}" if self._path else member


_SINGULAR = {
    "Origins": "origin",
    "OriginGroups": "origin group",
    "CacheBehaviors": "behavior",
    "CustomErrorResponses": "error response",
    "CustomHeaders": "header",
}


def _says_nothing(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_says_nothing(inner) for inner in value.values())
    return value in (None, "", False, 0, [])
