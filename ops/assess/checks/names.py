"""The hosted zone, whom the world asks, and the records of the site."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.model import Found, Snapshot, check
from ops.assess.views import records, suffixes, wanted_names

_R53 = "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide"
_ALIAS = f"{_R53}/routing-to-cloudfront-distribution.html"
AMAZON_CAS = frozenset({"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"})
"""https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html"""
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


@check(
    "dns-zone-missing",
    "medium",
    "The domain's zone is not in this account",
    why="The stack cannot make the records; they are printed instead, for whoever hosts the zone.",
    source=f"{_R53}/migrate-dns-domain-in-use.html",
    needs=("zones", "delegation"),
)
def zone_missing(s: Snapshot) -> Iterator[Found]:
    if s.request.domain and not s["zones"]:
        servers = s["delegation"] or []
        yield Found(
            resource=s.request.domain,
            evidence=f"name servers: {', '.join(servers)}" if servers else "no name servers answer for it",
            mend="Keep DNS where it is and add the exported records there, with a certificate of your own.",
            setting="orchestrator:dnsProvider external",
        )


@check(
    "dns-zone-twice",
    "high",
    "There are two public zones for the domain",
    why="Only one of them is asked; records in the other do nothing.",
    source=f"{_R53}/hosted-zones-working-with.html",
    needs=("zones",),
)
def zone_twice(s: Snapshot) -> Iterator[Found]:
    zones = s["zones"] or []
    if len(zones) > 1:
        ids = [zone["Id"].removeprefix("/hostedzone/") for zone in zones]
        yield Found(
            resource=zones[0]["Name"].rstrip("."),
            evidence=f"zones {', '.join(ids)}",
            mend="Find the one the domain is delegated to, and name it.",
            setting="orchestrator:hostedZoneId <id>",
        )


@check(
    "dns-delegation",
    "high",
    "The domain is not delegated to the zone",
    why="The world asks other name servers: neither validation nor alias records would be seen.",
    source=f"{_R53}/SOA-NSrecords.html",
    needs=("zones", "zone_records", "delegation"),
)
def delegation(s: Snapshot) -> Iterator[Found]:
    if len(s["zones"] or []) != 1:
        return
    zone = s["zones"][0]["Name"].rstrip(".")
    own = {
        value["Value"].rstrip(".").lower()
        for record in records(s, zone, "NS")
        for value in record.get("ResourceRecords", [])
    }
    seen = {server.rstrip(".").lower() for server in s["delegation"] or []}
    if own and not own & seen:
        yield Found(
            resource=zone,
            evidence=f"DNS says {', '.join(sorted(seen)) or 'nothing'}; the zone has "
            f"{', '.join(sorted(own))}",
            mend="Set the zone's four name servers at the registrar, or use the zone that is delegated.",
        )


@check(
    "dns-apex",
    "medium",
    "The apex does not lead to the distribution",
    why="Visitors of the bare domain get something else, or nothing.",
    source=_ALIAS,
    needs=("distribution", "zone_records"),
)
def apex(s: Snapshot) -> Iterator[Found]:
    if not s["distribution"] or s["zone_records"] is None:
        return
    found = records(s, s.request.domain, "A")
    if not found:
        yield _missing_record(s, s.request.domain, "A")
    for record in found:
        if not _leads_here(s, record):
            yield Found(
                resource=s.request.domain,
                evidence=f"A {_target(record)}",
                mend=f"Make it an alias of {s['distribution']['DomainName']} when you are ready to move.",
            )


@check(
    "dns-ipv6",
    "low",
    "The apex has no AAAA record",
    why="The distribution answers over IPv6 only to those whom DNS tells.",
    source=_ALIAS,
    needs=("distribution", "zone_records"),
)
def ipv6(s: Snapshot) -> Iterator[Found]:
    if _leads(s, "A") and not records(s, s.request.domain, "AAAA"):
        yield _missing_record(s, s.request.domain, "AAAA")


@check(
    "dns-https",
    "low",
    "The apex has no HTTPS record",
    why="With it browsers start with HTTP/3 at once instead of learning of it from a first answer.",
    source=f"{_R53}/ResourceRecordTypes.html#HTTPSFormat",
    needs=("distribution", "zone_records"),
)
def https(s: Snapshot) -> Iterator[Found]:
    if _leads(s, "A") and not records(s, s.request.domain, "HTTPS"):
        yield _missing_record(s, s.request.domain, "HTTPS")


@check(
    "dns-www",
    "low",
    "www has no record",
    why="Visitors who type it see an error.",
    source=_ALIAS,
    needs=("distribution", "zone_records"),
)
def www(s: Snapshot) -> Iterator[Found]:
    name = f"www.{s.request.domain}"
    if not s["distribution"] or s["zone_records"] is None or not s.request.www_redirect:
        return
    if not any(records(s, name, kind) for kind in ("A", "AAAA", "CNAME")):
        yield _missing_record(s, name, "A")


@check(
    "dns-api-taken",
    "medium",
    "The API's name has a record already",
    why="The stack's record would collide with it; something may be using the name.",
    source=f"{_R53}/resource-record-sets-values-shared.html",
    needs=("distribution", "zone_records"),
)
def api_taken(s: Snapshot) -> Iterator[Found]:
    name = f"{s.request.api_subdomain}.{s.request.domain}"
    if not s.request.domain or not s.request.api_subdomain or name not in wanted_names(s.request):
        return
    for record in records(s, name):
        if record["Type"] in ("A", "AAAA", "CNAME") and not (s["distribution"] and _leads_here(s, record)):
            yield Found(
                resource=name,
                evidence=f"{record['Type']} {_target(record)}",
                mend="Choose another label, or take the record over when what is behind it may go.",
                setting="orchestrator:apiSubdomain chat-api",
            )


@check(
    "dns-caa",
    "high",
    "CAA records keep Amazon from issuing certificates",
    why="ACM then fails with CAA_ERROR, at renewal too.",
    source="https://docs.aws.amazon.com/acm/latest/userguide/setup-caa.html",
    needs=("zone_records",),
)
def caa(s: Snapshot) -> Iterator[Found]:
    if s["zone_records"] is None:
        return
    # The nearest name with CAA records decides (RFC 8659, section 3).
    for name in suffixes(s.request.domain):
        found = [v["Value"] for r in records(s, name, "CAA") for v in r.get("ResourceRecords", [])]
        if not found:
            continue
        issuers = {
            value.split(None, 2)[2].strip('"').split(";")[0].strip() for value in found if _issues(value)
        }
        if issuers and not issuers & AMAZON_CAS:
            yield Found(
                resource=name,
                evidence=f"CAA allows {', '.join(sorted(issuers)) or 'nobody'}",
                mend='Add 0 issue "amazon.com".',
            )
        return


def _issues(value: str) -> bool:
    parts = value.split(None, 2)
    return len(parts) == 3 and parts[1].lower() in ("issue", "issuewild")


@check(
    "dns-cname",
    "low",
    "A name leads to CloudFront by CNAME",
    why="An alias record answers in one step, costs nothing, and works at the apex.",
    source=f"{_R53}/resource-record-sets-choosing-alias-non-alias.html",
    needs=("distribution", "zone_records"),
)
def cname(s: Snapshot) -> Iterator[Found]:
    if not s["distribution"]:
        return
    for name in wanted_names(s.request):
        for record in records(s, name, "CNAME"):
            if _leads_here(s, record):
                yield Found(
                    resource=name,
                    evidence=f"CNAME {_target(record)}",
                    mend="Change it to an alias record; both answer the same while it is done.",
                )


def _target(record: Mapping[str, Any]) -> str:
    if "AliasTarget" in record:
        return f"alias of {record['AliasTarget']['DNSName'].rstrip('.')}"
    return ", ".join(value["Value"] for value in record.get("ResourceRecords", []))


def _leads_here(s: Snapshot, record: Mapping[str, Any]) -> bool:
    host = s["distribution"]["DomainName"].lower()
    return host in {part.rstrip(".") for part in _target(record).lower().replace(",", " ").split()}


def _leads(s: Snapshot, kind: str) -> bool:
    if not s["distribution"] or s["zone_records"] is None:
        return False
    return any(_leads_here(s, record) for record in records(s, s.request.domain, kind))


def _missing_record(s: Snapshot, name: str, kind: str) -> Found:
    return Found(
        resource=name,
        evidence=f"no {kind} record",
        mend=f"Add an alias record of type {kind} to {s['distribution']['DomainName']} "
        f"(zone {CLOUDFRONT_ZONE}); the stack does it.",
    )
