"""The file ``adopted/<stack>.json``, made from a snapshot; read by components.static_site.adoption."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import Any

from components.static_site.adoption import VERSION, WITHHELD, header_names
from ops.assess.model import Snapshot
from ops.assess.views import covers, items, records, wanted_names

KINDS = ("A", "AAAA", "HTTPS", "CNAME")
"""Records the stack would make, or that stand in their way."""


def document(snapshot: Snapshot, upgrades: Iterable[str], aliases: Iterable[str]) -> dict[str, Any]:
    """The file's content: live settings without secrets and without what only AWS knows.

    Args:
        snapshot: with a distribution and a bucket.
        upgrades: changes that are asked for.
        aliases: names to add to the distribution.
    """
    distribution, bucket = snapshot["distribution"], snapshot["bucket"]
    return {
        "version": VERSION,
        "stack": snapshot.request.stack,
        "account": snapshot["caller"]["Account"],
        "read": snapshot.at.isoformat(timespec="seconds"),
        "distribution": {
            "id": distribution["Id"],
            "host": distribution["DomainName"],
            "tags": dict(sorted((snapshot["distribution_tags"] or {}).items())),
            "config": withheld(distribution["DistributionConfig"]),
        },
        "bucket": {
            "name": bucket["Name"],
            "region": bucket.get("BucketRegion") or snapshot.request.region,
            "tags": dict(sorted((snapshot["bucket_tags"] or {}).items())),
            "policy": snapshot["bucket_policy"],
        },
        "aliases": sorted(aliases),
        "records": existing_records(snapshot),
        "upgrades": sorted(upgrades),
    }


def withheld(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the values of origin headers taken out, and without its creation reference."""
    kept = copy.deepcopy(dict(config))
    kept.pop("CallerReference", None)
    for origin in items(kept["Origins"]):
        for header in items(origin.get("CustomHeaders")):
            header["HeaderValue"] = WITHHELD
    return kept


def header_values(config: Mapping[str, Any]) -> dict[str, str]:
    """``<origin id>/<header name>`` to the value, for the encrypted configuration."""
    values = [
        header["HeaderValue"]
        for origin in items(config["Origins"])
        for header in items(origin.get("CustomHeaders"))
    ]
    return dict(zip(header_names(config), values, strict=True))


def existing_records(snapshot: Snapshot) -> list[list[str]]:
    """[host, type] of the records that are there and are left alone."""
    return [
        [name, kind]
        for name in wanted_names(snapshot.request)
        for kind in KINDS
        if records(snapshot, name, kind)
    ]


def names_to_add(snapshot: Snapshot) -> tuple[list[str], list[str]]:
    """(names the distribution gets, sentences about those it cannot get)."""
    config = snapshot["distribution"]["DistributionConfig"]
    present = items(config.get("Aliases"))
    certificate = snapshot["certificate"] or {}
    covered = certificate.get("SubjectAlternativeNames") or []
    added, left_out = [], []
    for name in wanted_names(snapshot.request):
        if name in present or any(covers(name, alias) for alias in present):
            continue
        if any(covers(name, pattern) for pattern in covered):
            added.append(name)
        else:
            names = ", ".join(covered) or "CloudFront's own"
            left_out.append(f"{name}: the certificate does not cover it ({names})")
    return added, left_out


def text_of(content: Mapping[str, Any]) -> str:
    """The file's text: stable, so that a review shows what changed."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
