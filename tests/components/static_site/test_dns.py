"""Hosted zone, certificate and records."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.hosted_zone import find_zone_id
from components.static_site.dns import records_to_add
from tests.components.static_site.build import CERTIFICATE, DOMAIN, TAGS, deployed

CERT = "aws:acm/certificate:Certificate"
ISSUED = "aws:acm/certificateValidation:CertificateValidation"
RECORD = "aws:route53/record:Record"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
LOOKUP = "aws:route53/getZone:getZone"
HOSTS = ("example.com", "www.example.com", "api.example.com")


def zones(*known: str, asked: list[str] | None = None):
    def look_up(name: str) -> str:
        if asked is not None:
            asked.append(name)
        if name not in known:
            raise Exception(f"invoking aws:route53/getZone: no matching Route 53 Hosted Zone found ({name})")
        return f"Z-{name}"

    return look_up


@pytest.mark.parametrize(
    ("domain", "known", "zone"),
    [
        ("example.com", ("example.com",), "Z-example.com"),
        ("shop.example.co.uk", ("example.co.uk",), "Z-example.co.uk"),
        ("shop.example.co.uk", ("example.co.uk", "shop.example.co.uk"), "Z-shop.example.co.uk"),
        ("a.b.c.example.com", ("c.example.com", "example.com"), "Z-c.example.com"),
    ],
)
def test_the_longest_zone_is_taken(domain: str, known: tuple[str, ...], zone: str) -> None:
    assert find_zone_id(domain, zones(*known)) == zone


def test_without_a_zone_all_that_was_tried_is_named() -> None:
    asked: list[str] = []
    with pytest.raises(ValueError, match="hosted_zone_id") as caught:
        find_zone_id("shop.example.co.uk", zones("uk", "other.com", asked=asked))
    assert asked == ["shop.example.co.uk", "example.co.uk", "co.uk"]
    assert "shop.example.co.uk or example.co.uk or co.uk" in str(caught.value)
    assert "dns_provider to 'external'" in str(caught.value)


def test_an_error_of_another_kind_is_not_taken_for_a_missing_zone() -> None:
    def look_up(name: str) -> str:
        raise Exception("ExpiredToken: the security token has expired")

    with pytest.raises(Exception, match="ExpiredToken"):
        find_zone_id("example.com", look_up)


def test_the_certificate_covers_every_name_and_is_used_once_issued() -> None:
    d = deployed(domain=DOMAIN)
    certificate = d.one(CERT)
    assert certificate.inputs == {
        "region": "us-east-1",
        "domainName": "example.com",
        "subjectAlternativeNames": ["www.example.com", "api.example.com"],
        "validationMethod": "DNS",
        "tags": TAGS,
    }
    issued = d.one(ISSUED)
    assert issued.inputs["region"] == "us-east-1"
    assert issued.inputs["certificateArn"] == certificate.outputs["arn"]
    distribution = d.one(DISTRIBUTION)
    # The distribution waits for the validation, not only for the certificate.
    assert issued.urn in distribution.depends_on
    assert distribution.inputs["viewerCertificate"] == {
        "acmCertificateArn": certificate.outputs["arn"],
        "sslSupportMethod": "sni-only",
        "minimumProtocolVersion": "TLSv1.2_2025",
    }
    assert d.value("telemetry.certificate_arn") == certificate.outputs["arn"]


def test_each_name_has_its_own_validation_record() -> None:
    d = deployed(domain=DOMAIN)
    options = {o["domainName"]: o for o in d.one(CERT).outputs["domainValidationOptions"]}
    assert set(options) == set(HOSTS)
    records = {r.name: r for r in d.all(RECORD) if r.name.startswith("site-validation-")}
    assert set(records) == {f"site-validation-{host}" for host in HOSTS}
    zone = d.by_name("site-example.com-a").inputs["zoneId"]
    for host in HOSTS:
        option = options[host]
        assert records[f"site-validation-{host}"].inputs == {
            "zoneId": zone,
            "name": option["resourceRecordName"],
            "type": option["resourceRecordType"],
            "records": [option["resourceRecordValue"]],
            "ttl": 300,
            "allowOverwrite": True,
        }
    assert len({r.inputs["name"] for r in records.values()}) == 3
    assert len(d.one(ISSUED).inputs["validationRecordFqdns"]) == 3


def test_every_name_has_a_aaaa_and_https_alias() -> None:
    d = deployed(domain=DOMAIN, hosted_zone_id="Z0000000000EXAMPLE")
    assert LOOKUP not in d.lookups
    distribution = d.one(DISTRIBUTION)
    made = {r.name: r for r in d.all(RECORD) if "validation" not in r.name}
    assert set(made) == {f"site-{host}-{kind}" for host in HOSTS for kind in ("a", "aaaa", "https")}
    for host in HOSTS:
        for kind in ("A", "AAAA", "HTTPS"):
            assert made[f"site-{host}-{kind.lower()}"].inputs == {
                "zoneId": "Z0000000000EXAMPLE",
                "name": host,
                "type": kind,
                "aliases": [
                    {
                        "name": distribution.outputs["domainName"],
                        "zoneId": "Z2FDTNDATAQYW2",
                        "evaluateTargetHealth": False,
                    }
                ],
            }
    assert tuple(distribution.inputs["aliases"]) == HOSTS


def test_the_zone_is_looked_up_once() -> None:
    d = deployed(domain=DOMAIN)
    assert d.lookups == [LOOKUP]


def test_an_existing_certificate_is_taken_as_it_is() -> None:
    d = deployed(domain=DOMAIN, certificate_arn=CERTIFICATE)
    d.none(CERT)
    d.none(ISSUED)
    assert [r.name for r in d.all(RECORD) if "validation" in r.name] == []
    assert len(d.all(RECORD)) == 9
    assert d.one(DISTRIBUTION).inputs["viewerCertificate"]["acmCertificateArn"] == CERTIFICATE


def test_with_an_external_provider_the_records_are_told_and_not_made() -> None:
    d = deployed(domain=DOMAIN, dns_provider="external", certificate_arn=CERTIFICATE)
    d.none(RECORD)
    d.none(CERT)
    assert d.lookups == []
    target = d.one(DISTRIBUTION).outputs["domainName"]
    assert d.value("dns_records_to_add") == [
        {"name": "example.com", "type": "ALIAS", "value": target},
        {"name": "www.example.com", "type": "CNAME", "value": target},
        {"name": "api.example.com", "type": "CNAME", "value": target},
    ]
    assert tuple(d.one(DISTRIBUTION).inputs["aliases"]) == HOSTS


def test_records_to_add_of_no_name_are_none() -> None:
    assert records_to_add((), "d.cloudfront.net") == []
    assert deployed(domain=DOMAIN).value("dns_records_to_add") == []
    assert deployed(dns_provider="external").value("dns_records_to_add") == []


def test_without_a_domain_there_is_no_name_and_cloudfronts_certificate() -> None:
    d = deployed()
    d.none(RECORD)
    d.none(CERT)
    d.none(ISSUED)
    assert d.lookups == []
    inputs = d.one(DISTRIBUTION).inputs
    assert "aliases" not in inputs
    assert inputs["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
    assert d.value("telemetry.certificate_arn") is None
    assert re.fullmatch(r"https://[a-z0-9]+\.cloudfront\.net", d.value("url"))


@pytest.mark.parametrize(
    ("overrides", "hosts"),
    [
        ({"www_redirect": False}, ("example.com", "api.example.com")),
        ({"api_subdomain": ""}, ("example.com", "www.example.com")),
        ({"api_subdomain": "agents"}, ("example.com", "www.example.com", "agents.example.com")),
        ({"routes": ()}, ("example.com", "www.example.com")),
    ],
)
def test_each_name_can_be_left_out(overrides: dict[str, Any], hosts: tuple[str, ...]) -> None:
    d = deployed(domain=DOMAIN, **overrides)
    assert tuple(d.one(DISTRIBUTION).inputs["aliases"]) == hosts
    assert d.one(CERT).inputs["subjectAlternativeNames"] == list(hosts[1:])
    assert len(d.all(RECORD)) == 4 * len(hosts)
    code = d.by_name("site-edge").inputs["code"]
    assert f"const WWW_HOST = '{'www.example.com' if 'www.example.com' in hosts else ''}';" in code
    api = next((h for h in hosts if h.startswith(("api.", "agents."))), "")
    assert f"const API_HOST = '{api}';" in code
