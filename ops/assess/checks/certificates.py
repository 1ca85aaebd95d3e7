"""Certificates: which names they cover, where they are, whether they will renew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.model import Found, Snapshot, check
from ops.assess.views import config, covers, unescape, wanted_names

_ACM = "https://docs.aws.amazon.com/acm/latest/userguide"
_CNAMES = (
    "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html"
)
EXPIRY_DAYS = (14, 45)
"""ACM renews 60 days before the end and warns at 45: below that something is wrong, below 14 it is urgent.
https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html"""


def _names(summary: Mapping[str, Any]) -> list[str]:
    return summary.get("SubjectAlternativeNameSummaries") or [summary.get("DomainName", "")]


def _covering(certificates: list[Mapping[str, Any]], names: tuple[str, ...]) -> list[Mapping[str, Any]]:
    return [
        one
        for one in certificates or []
        if one.get("Status") == "ISSUED" and all(any(covers(n, p) for p in _names(one)) for n in names)
    ]


def _request(names: tuple[str, ...]) -> str:
    first, *others = names
    more = f" --subject-alternative-names {' '.join(others)}" if others else ""
    return (
        f"aws acm request-certificate --domain-name {first}{more} --validation-method DNS --region us-east-1"
    )


@check(
    "acm-missing",
    "medium",
    "No certificate in us-east-1 covers the names",
    why="CloudFront takes certificates from us-east-1 only, and serves no name its certificate lacks.",
    source=_CNAMES,
    needs=("certificates", "certificate", "home_certificates"),
)
def missing(s: Snapshot) -> Iterator[Found]:
    names = wanted_names(s.request)
    if not names or s["certificate"] or _covering(s["certificates"], names):
        return
    if _covering(s["home_certificates"], names):
        return  # acm-region says it better
    yield Found(
        resource=s.request.domain,
        evidence=f"none of {len(s['certificates'] or [])} certificates covers {', '.join(names)}",
        mend="The stack requests one and validates it by DNS; or request it yourself.",
        command=_request(names),
    )


@check(
    "acm-region",
    "medium",
    "The certificate is in the wrong Region",
    why="CloudFront takes certificates from us-east-1 only.",
    source=_CNAMES,
    needs=("certificates", "certificate", "home_certificates"),
)
def wrong_region(s: Snapshot) -> Iterator[Found]:
    names = wanted_names(s.request)
    if not names or s["certificate"] or _covering(s["certificates"], names):
        return
    for one in _covering(s["home_certificates"], names):
        yield Found(
            resource=one["CertificateArn"],
            evidence=f"it covers {', '.join(names)} in {s.request.region}",
            mend="Request the same names in us-east-1; the validation records are the same.",
            command=_request(names),
        )


@check(
    "acm-names",
    "medium",
    "The distribution's certificate lacks a name",
    why="An alias can be added only if the certificate covers it.",
    source=_CNAMES,
    needs=("certificate", "certificates"),
)
def names(s: Snapshot) -> Iterator[Found]:
    certificate = s["certificate"]
    if not certificate:
        return
    wanted = wanted_names(s.request)
    covered = certificate.get("SubjectAlternativeNames") or [certificate["DomainName"]]
    lacking = [name for name in wanted if not any(covers(name, pattern) for pattern in covered)]
    if not lacking:
        return
    better = _covering(s["certificates"], wanted)
    yield Found(
        resource=certificate["CertificateArn"],
        evidence=f"{', '.join(lacking)} not among {', '.join(covered)}",
        mend=f"Use {better[0]['CertificateArn']}, which covers all of them."
        if better
        else "Request one for all names; it takes the old one's place without an interruption.",
        command="" if better else _request(wanted),
        setting=f"orchestrator:certificateArn {better[0]['CertificateArn']}" if better else "",
    )


@check(
    "acm-expiry",
    "medium",
    "The certificate ends soon",
    why="ACM renews 60 days before the end; one that is nearer than 45 days was not renewed.",
    source=f"{_ACM}/managed-renewal.html",
    needs=("certificate",),
)
def expiry(s: Snapshot) -> Iterator[Found]:
    certificate = s["certificate"]
    if not certificate or "NotAfter" not in certificate:
        return
    urgent, soon = EXPIRY_DAYS
    days = (certificate["NotAfter"] - s.at).days
    if days < soon:
        imported = certificate.get("Type") == "IMPORTED"
        status = certificate.get("RenewalSummary", {}).get("RenewalStatus", "none")
        yield Found(
            resource=certificate["CertificateArn"],
            evidence=f"ends {certificate['NotAfter']:%Y-%m-%d}, in {days} days; renewal: {status}",
            mend="Import the next one."
            if imported
            else "Put the validation records back, then ACM renews it.",
            severity="high" if days < urgent else None,
        )


@check(
    "acm-status",
    "high",
    "The certificate is not issued",
    why="CloudFront refuses it for new aliases, and browsers refuse what has expired.",
    source=f"{_ACM}/certificate-validation.html",
    needs=("certificate",),
)
def status(s: Snapshot) -> Iterator[Found]:
    certificate = s["certificate"]
    if certificate and certificate["Status"] != "ISSUED":
        yield Found(
            resource=certificate["CertificateArn"],
            evidence=f"status {certificate['Status']}",
            mend="Add the validation records it asks for, or request another.",
            command="aws acm describe-certificate --region us-east-1 --certificate-arn "
            f"{certificate['CertificateArn']}",
        )


@check(
    "acm-validation-record",
    "high",
    "A validation record is gone",
    why="ACM looks for it at every renewal; without it the certificate ends and the site with it.",
    source=f"{_ACM}/dns-renewal-validation.html",
    needs=("certificate", "zone_records", "zones"),
)
def validation_record(s: Snapshot) -> Iterator[Found]:
    certificate = s["certificate"]
    if not certificate or not s["zones"] or certificate.get("Type") == "IMPORTED":
        return
    zone = s["zones"][0]["Name"]
    present = {(unescape(r["Name"]), r["Type"]) for r in s["zone_records"] or []}
    for option in certificate.get("DomainValidationOptions", []):
        record = option.get("ResourceRecord")
        if not record or not unescape(record["Name"]).endswith(f".{zone}"):
            continue  # validated by email, or in a zone that is not this one
        if not f".{unescape(record['Name'])}".endswith(f".{s.request.domain}."):
            continue  # of another domain in the same zone: its records were not read
        if (unescape(record["Name"]), record["Type"]) not in present:
            yield Found(
                resource=certificate["CertificateArn"],
                evidence=f"{record['Type']} {record['Name']} for {option['DomainName']} is not in zone "
                f"{zone}",
                mend=f"Add it with the value {record['Value'].rstrip('.')}.",
            )


@check(
    "acm-imported",
    "medium",
    "The certificate was imported",
    why="ACM does not renew what it did not issue.",
    source=f"{_ACM}/import-certificate.html",
    needs=("certificate",),
)
def imported(s: Snapshot) -> Iterator[Found]:
    certificate = s["certificate"]
    if certificate and certificate.get("Type") == "IMPORTED":
        yield Found(
            resource=certificate["CertificateArn"],
            evidence="type IMPORTED",
            mend="Let ACM issue one for the same names.",
            command=_request(wanted_names(s.request) or (certificate["DomainName"],)),
        )


@check(
    "acm-email",
    "low",
    "The certificate is validated by email",
    why="Renewal then waits for somebody to click a link.",
    source=f"{_ACM}/email-validation.html",
    needs=("certificate",),
)
def email(s: Snapshot) -> Iterator[Found]:
    certificate = s["certificate"]
    by_mail = [
        option["DomainName"]
        for option in (certificate or {}).get("DomainValidationOptions", [])
        if option.get("ValidationMethod") == "EMAIL"
    ]
    if by_mail:
        yield Found(
            resource=certificate["CertificateArn"],
            evidence=f"by email: {', '.join(by_mail)}",
            mend="Request it again with DNS validation.",
            command=_request(wanted_names(s.request) or (certificate["DomainName"],)),
        )


@check(
    "acm-iam-certificate",
    "medium",
    "The distribution's certificate is in IAM",
    why="It is renewed by hand, shows in no console, and flat-rate plans refuse it.",
    source=_CNAMES,
    needs=("distribution",),
)
def iam_certificate(s: Snapshot) -> Iterator[Found]:
    viewer = (config(s) or {}).get("ViewerCertificate") or {}
    if viewer.get("IAMCertificateId"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"IAMCertificateId {viewer['IAMCertificateId']}",
            mend="Let ACM issue one for the same names.",
            command=_request(wanted_names(s.request)) if wanted_names(s.request) else "",
        )
