"""The names of the distribution: hosted zone, certificate, records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi

from components.component import Component
from components.hosted_zone import find_zone_id
from components.static_site.args import StaticSiteArgs

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

CERTIFICATE_REGION = "us-east-1"
"""The only Region CloudFront takes certificates from."""

ALIAS_TYPES = ("A", "AAAA", "HTTPS")
"""HTTPS lets browsers begin with HTTP/3; Route 53 takes it as an alias of a distribution:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-alias.html"""

VALIDATION_TTL_S = 300


def zone_id(component: Component, args: StaticSiteArgs) -> str:
    """The zone of the records: the one given, else looked up, in a preview too."""
    if args.hosted_zone_id:
        return args.hosted_zone_id
    from pulumi_aws import route53

    options = pulumi.InvokeOptions(parent=component)
    return find_zone_id(
        args.domain, lambda name: route53.get_zone(name=name, private_zone=False, opts=options).zone_id
    )


def make_certificate(component: Component, name: str, args: StaticSiteArgs, zone: str) -> pulumi.Output[str]:
    """A certificate for every name, and the records that prove them; the ARN comes once it is issued."""
    from pulumi_aws import acm, route53

    certificate = acm.Certificate(
        f"{name}-certificate",
        region=CERTIFICATE_REGION,
        domain_name=args.domain,
        subject_alternative_names=list(args.hosts[1:]),
        validation_method="DNS",
        tags=args.tags,
        opts=component.child("certificate"),
    )
    fqdns = []
    for host in args.hosts:
        option = certificate.domain_validation_options.apply(
            lambda options, host=host: _option(options or (), host)
        )
        record = route53.Record(
            f"{name}-validation-{host}",
            zone_id=zone,
            name=option["name"],
            type=option["type"],
            records=[option["value"]],
            ttl=VALIDATION_TTL_S,
            # The same record proves the same name to every certificate of this account.
            allow_overwrite=True,
            opts=component.child("validation_record"),
        )
        fqdns.append(record.fqdn)
    issued = acm.CertificateValidation(
        f"{name}-certificate-issued",
        region=CERTIFICATE_REGION,
        certificate_arn=certificate.arn,
        validation_record_fqdns=fqdns,
        opts=component.child("certificate_issued"),
    )
    return issued.certificate_arn


def _option(options: Sequence[Any], host: str) -> Mapping[str, str]:
    """The validation record of one name. By name, never by place: ACM's list has no order."""
    for option in options:
        if option.domain_name == host:
            return {
                "name": option.resource_record_name,
                "type": option.resource_record_type,
                "value": option.resource_record_value,
            }
    raise LookupError(
        f"ACM gave no validation record for {host}; it gave some for {[o.domain_name for o in options]}"
    )


def make_records(
    component: Component, name: str, args: StaticSiteArgs, zone: str, distribution: cloudfront.Distribution
) -> None:
    """A, AAAA and HTTPS alias records of every name, but for those that an adopted site has already."""
    from pulumi_aws import route53

    for host in args.hosts:
        for kind in ALIAS_TYPES:
            if not args.makes_record(host, kind):
                continue
            route53.Record(
                f"{name}-{host}-{kind.lower()}",
                zone_id=zone,
                name=host,
                type=kind,
                aliases=[
                    route53.RecordAliasArgs(
                        name=distribution.domain_name,
                        zone_id=distribution.hosted_zone_id,
                        evaluate_target_health=False,
                    )
                ],
                opts=component.child("alias_record"),
            )


def records_to_add(hosts: Sequence[str], target: pulumi.Input[str]) -> list[dict[str, Any]]:
    """The records another DNS provider needs. An apex cannot be a CNAME: it is ALIAS, ANAME or flattened."""
    return [
        {"name": host, "type": "CNAME" if place else "ALIAS", "value": target}
        for place, host in enumerate(hosts)
    ]
