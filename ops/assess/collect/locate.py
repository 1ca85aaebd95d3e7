"""Finds distribution, bucket and domain from whichever of them is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.assess.model import Request, Unread
from ops.assess.reader import Read, Reader
from ops.assess.views import bucket_of_origin, items, list_of


@dataclass(frozen=True, kw_only=True)
class Located:
    """What is assessed.

    Attributes:
        request: with domain, bucket and distribution filled in as far as they were found.
        facts: ``distributions``, ``distribution``, ``bucket``.
        candidates: ids to choose from when several distributions fit and none was named.
    """

    request: Request
    facts: Mapping[str, Any]
    candidates: tuple[str, ...] = ()

    @property
    def distribution(self) -> Any:
        """GetDistribution's answer, None or Unread."""
        return self.facts["distribution"]

    @property
    def bucket(self) -> Any:
        """The bucket's entry, None or Unread."""
        return self.facts["bucket"]


def locate(reader: Reader, request: Request) -> Located:
    """Reads the list of distributions and picks; then reads the distribution and its bucket."""
    first = {
        "distributions": Read(
            service="cloudfront", operation="ListDistributions", result="DistributionList.Items", pages=True
        )
    }
    if request.distribution_id:
        first["distribution"] = _get_distribution(request.distribution_id)
    answers = reader.ask_all(first)
    listed = answers["distributions"]
    candidates: tuple[str, ...] = ()
    if "distribution" not in answers:
        answers["distribution"] = listed if isinstance(listed, Unread) else None
        if not isinstance(listed, Unread):
            chosen, candidates = pick(listed, request)
            if chosen:
                answers["distribution"] = reader.ask(_get_distribution(chosen))
    distribution = answers["distribution"]
    if isinstance(distribution, Mapping):
        request = _fill(request, distribution)
    name = request.bucket or request.domain
    answers["bucket"] = _bucket(reader, name) if name else None
    if isinstance(answers["bucket"], Mapping):
        request = dataclasses.replace(request, bucket=answers["bucket"]["Name"])
    return Located(request=request, facts=answers, candidates=candidates)


def pick(listed: Sequence[Mapping[str, Any]], request: Request) -> tuple[str, tuple[str, ...]]:
    """The id of the distribution that is meant, or "" and the ids to choose from.

    In this order: the domain as an alias, its ``www``, a wildcard over it, the bucket (or one
    called like the domain) as the default origin, as any origin; with nothing named, the only one.
    """
    domain, bucket = request.domain, request.bucket or request.domain
    if not domain and not bucket:
        return (listed[0]["Id"], ()) if len(listed) == 1 else ("", tuple(one["Id"] for one in listed))
    tests = (
        lambda one: domain in list_of(one, "Aliases"),
        lambda one: f"www.{domain}" in list_of(one, "Aliases"),
        lambda one: f"*.{domain}" in list_of(one, "Aliases"),
        lambda one: bucket and bucket_of_origin(_default_origin(one)) == bucket,
        lambda one: bucket and bucket in {bucket_of_origin(o["DomainName"]) for o in list_of(one, "Origins")},
    )
    for test in tests:
        fitting = [one["Id"] for one in listed if test(one)]
        if len(fitting) == 1:
            return fitting[0], ()
        if fitting:
            return "", tuple(fitting)
    return "", ()


def _default_origin(distribution: Mapping[str, Any]) -> str:
    target = distribution["DefaultCacheBehavior"]["TargetOriginId"]
    return next((o["DomainName"] for o in list_of(distribution, "Origins") if o["Id"] == target), "")


def _get_distribution(distribution_id: str) -> Read:
    return Read(
        service="cloudfront",
        operation="GetDistribution",
        params={"Id": distribution_id},
        absent=("NoSuchDistribution",),
        result="Distribution",
    )


def _fill(request: Request, distribution: Mapping[str, Any]) -> Request:
    config = distribution["DistributionConfig"]
    domain = request.domain
    if not domain:
        names = sorted(
            (alias.removeprefix("*.").removeprefix("www.") for alias in items(config.get("Aliases"))),
            key=lambda name: (name.count("."), name),
        )
        domain = names[0] if names else ""
    bucket = request.bucket or bucket_of_origin(_default_origin(config))
    if not bucket:
        bucket = next(
            (name for o in items(config.get("Origins")) if (name := bucket_of_origin(o["DomainName"]))), ""
        )
    return dataclasses.replace(request, domain=domain, bucket=bucket, distribution_id=distribution["Id"])


def _bucket(reader: Reader, name: str) -> Any:
    listed = reader.ask(
        Read(service="s3", operation="ListBuckets", params={"Prefix": name}, result="Buckets", pages=True)
    )
    if isinstance(listed, Unread):
        return listed
    return next((one for one in listed if one["Name"] == name), None)
