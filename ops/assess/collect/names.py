"""Certificates, the hosted zone and its records, and whom the world asks for the domain."""

from __future__ import annotations

from typing import Any

from ops.assess.collect.locate import Located
from ops.assess.model import CDN_REGION, Unread
from ops.assess.nameservers import Lookup
from ops.assess.reader import Read, Reader
from ops.assess.views import suffixes

_KEY_TYPES = [
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
]
"""Without this filter ListCertificates leaves out every key but RSA 1024 and 2048:
https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html"""


def collect(reader: Reader, site: Located, nameservers: Lookup) -> dict[str, Any]:
    """Reads ACM and Route 53 side by side, then what depends on them."""
    request = site.request
    reads = {"certificates": _certificates(CDN_REGION)}
    if reader.region != CDN_REGION:
        reads["home_certificates"] = _certificates(reader.region)
    arn = _certificate_arn(site.distribution)
    if isinstance(arn, str) and arn:
        reads["certificate"] = Read(
            service="acm",
            operation="DescribeCertificate",
            params={"CertificateArn": arn},
            region=CDN_REGION,
            absent=("ResourceNotFoundException",),
            result="Certificate",
        )
    candidates = suffixes(request.domain) if request.domain else []
    reads.update({f"zone/{name}": _zones(name) for name in candidates})
    answers = reader.ask_all(reads)

    facts: dict[str, Any] = {
        "certificates": answers["certificates"],
        "home_certificates": answers.get("home_certificates"),
        "certificate": arn if isinstance(arn, Unread) else answers.get("certificate"),
        "zones": [],
        "zone_records": None,
        "delegation": None,
    }
    for name in candidates:
        listed = answers[f"zone/{name}"]
        if isinstance(listed, Unread):
            facts.update(dict.fromkeys(("zones", "zone_records", "delegation"), listed))
            return facts
        # ListHostedZonesByName begins at the name and goes on beyond it.
        fitting = [
            z for z in listed if z["Name"] == f"{name}." and not z.get("Config", {}).get("PrivateZone")
        ]
        if fitting:
            facts["zones"] = fitting
            break
    if candidates:
        facts["delegation"] = _delegation(nameservers, _zone_name(facts["zones"], candidates))
    if len(facts["zones"]) == 1:
        facts["zone_records"] = _records(
            reader, facts["zones"][0]["Id"], request.domain, facts["zones"][0]["Name"]
        )
    return facts


def _certificates(region: str) -> Read:
    return Read(
        service="acm",
        operation="ListCertificates",
        params={"Includes": {"keyTypes": _KEY_TYPES}},
        region=region,
        result="CertificateSummaryList",
        pages=True,
    )


def _zones(name: str) -> Read:
    return Read(
        service="route53",
        operation="ListHostedZonesByName",
        params={"DNSName": name, "MaxItems": "10"},
        result="HostedZones",
    )


def _certificate_arn(distribution: Any) -> Any:
    if isinstance(distribution, Unread):
        return distribution
    if distribution is None:
        return ""
    return (distribution["DistributionConfig"].get("ViewerCertificate") or {}).get("ACMCertificateArn", "")


def _zone_name(zones: list[Any], candidates: list[str]) -> str:
    # Without a zone of ours: the shortest candidate is where most domains are delegated.
    return zones[0]["Name"].rstrip(".") if zones else candidates[-1]


def _delegation(nameservers: Lookup, zone: str) -> Any:
    try:
        return list(nameservers(zone))
    except OSError as failure:
        return Unread(action="", reason="failed", detail=f"no DNS answer for {zone}: {failure}")


def _records(reader: Reader, zone_id: str, domain: str, zone: str) -> Any:
    """Records from the domain on: Route 53 sorts by labels from the right, so its names stand together.

    https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html
    """
    zone_id = zone_id.removeprefix("/hostedzone/")
    reads = {
        "records": Read(
            service="route53",
            operation="ListResourceRecordSets",
            params={"HostedZoneId": zone_id, "StartRecordName": domain},
            result="ResourceRecordSets",
            pages=True,
        )
    }
    if zone.rstrip(".") != domain:
        # The zone's own NS records stand before the domain then.
        reads["zone"] = Read(service="route53", operation="GetHostedZone", params={"Id": zone_id})
    answers = reader.ask_all(reads)
    found = answers["records"]
    if isinstance(found, Unread):
        return found
    if "zone" in answers:
        if isinstance(answers["zone"], Unread):
            return answers["zone"]
        servers = (answers["zone"].get("DelegationSet") or {}).get("NameServers", [])
        found = [
            *found,
            {"Name": zone, "Type": "NS", "TTL": 172800, "ResourceRecords": [{"Value": s} for s in servers]},
        ]
    return found
