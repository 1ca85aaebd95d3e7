"""What ``ops adopt`` wrote about a site that runs already: the file, read and checked.

The file ``adopted/<stack>.json`` is reviewed and committed. It holds what was live: the
DistributionConfig as CloudFront gives it, the bucket's policy as text, tags, and the
records that exist. Values of custom origin headers can be passwords and are not in it; they
are in the stack's encrypted configuration under ``adopted:headers``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

from components.static_site.adopted.inputs import planned_inputs
from components.static_site.adopted.upgrade import UPGRADES, requirements

VERSION = 1
WITHHELD = "[in adopted:headers]"
"""Stands in the file where the value of an origin header was."""


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """A distribution and a bucket that are taken over.

    Attributes:
        distribution_id: such as ``E123…``.
        config: the live DistributionConfig, header values withheld.
        distribution_tags, bucket_tags: live tags, which stay.
        bucket: name of the bucket; "": the distribution has none of this account.
        bucket_region: where it is.
        policy: the bucket's policy as S3 gave it; "": it has none.
        aliases: names to be added to the distribution.
        records: (host, type) that exist and are left alone.
        upgrades: changes that were asked for.
        headers: ``<origin id>/<header name>`` to value; Pulumi secrets.
    """

    distribution_id: str
    config: Mapping[str, Any]
    distribution_tags: Mapping[str, str] = field(default_factory=dict)
    bucket: str = ""
    bucket_region: str = ""
    bucket_tags: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    aliases: tuple[str, ...] = ()
    records: frozenset[tuple[str, str]] = frozenset()
    upgrades: frozenset[str] = frozenset()
    headers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)

    @property
    def served(self) -> frozenset[str]:
        """The names the distribution answers for afterwards."""
        return frozenset((self.config.get("Aliases") or {}).get("Items") or ()) | frozenset(self.aliases)

    @property
    def header_names(self) -> tuple[str, ...]:
        """``<origin id>/<header name>`` of every value that must be in the configuration."""
        return header_names(self.config)

    def header(self, origin: str, name: str) -> pulumi.Input[str]:
        """The value of a custom origin header."""
        return self.headers[f"{origin}/{name}"]


def header_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """``<origin id>/<header name>`` of every custom origin header."""
    return tuple(
        f"{origin['Id']}/{header['HeaderName']}"
        for origin in config["Origins"]["Items"]
        for header in (origin.get("CustomHeaders") or {}).get("Items") or ()
    )


def file_of(root: Path, stack: str) -> Path:
    """``adopted/<stack>.json``."""
    return root / "adopted" / f"{stack}.json"


def load(path: Path, headers: Mapping[str, pulumi.Input[str]]) -> Adopted:
    """Reads and checks the file.

    Args:
        path: of the file.
        headers: ``<origin id>/<header name>`` to value.

    Raises:
        ValueError: the file cannot be used; everything that is wrong is in the message.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as failure:
        raise ValueError(f"{path.name} cannot be read: {failure}") from None
    if not isinstance(data, dict) or data.get("version") != VERSION:
        found = data.get("version") if isinstance(data, dict) else None
        raise ValueError(f"{path.name}: version {found!r} must be {VERSION}; write it again with `ops adopt`")
    try:
        adopted = _from_data(data, headers)
    except (KeyError, TypeError, AttributeError) as failure:
        raise ValueError(
            f"{path.name} is not what `ops adopt` writes ({failure!r}); write it again"
        ) from None
    wrong = problems(adopted)
    if wrong:
        raise ValueError(f"{path.name}: " + "; ".join(wrong))
    return adopted


def _from_data(data: Mapping[str, Any], headers: Mapping[str, pulumi.Input[str]]) -> Adopted:
    distribution, bucket = data["distribution"], data["bucket"] or {}
    return Adopted(
        distribution_id=distribution["id"],
        config=distribution["config"],
        distribution_tags=distribution["tags"],
        bucket=bucket.get("name", ""),
        bucket_region=bucket.get("region", ""),
        bucket_tags=bucket.get("tags", {}),
        policy=bucket.get("policy") or "",
        aliases=tuple(data["aliases"]),
        records=frozenset((name, kind) for name, kind in data["records"]),
        upgrades=frozenset(data["upgrades"]),
        headers=headers,
    )


def problems(adopted: Adopted) -> list[str]:
    """Everything that forbids to adopt it, one sentence each."""
    found = [
        f"upgrade {name!r} does not exist; there are: {', '.join(UPGRADES)}"
        for name in sorted(adopted.upgrades - set(UPGRADES))
    ]
    found += [
        f"the value of origin header {name!r} is not in the configuration; put all of them there: "
        "pulumi config set --secret adopted:headers '{\"" + name + '": "…"}\''
        for name in adopted.header_names
        if name not in adopted.headers
    ]
    planned = planned_inputs(adopted.config, lambda origin, name: "")
    found += [
        f"{sentence}: it would be lost, so the distribution cannot be adopted" for sentence in planned.lost
    ]
    found += requirements(planned.inputs, adopted.upgrades, adopted.bucket)
    return found
