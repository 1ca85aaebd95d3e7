"""StaticSite: a private bucket behind one distribution that other origins can join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.component import Component, Transform
from components.interfaces import Route, SiteTelemetry
from components.static_site import bucket as buckets
from components.static_site import dns
from components.static_site.adopted.site import adopt
from components.static_site.args import StaticSiteArgs, problems
from components.static_site.distribution import make_access_log, make_distribution
from components.static_site.firewall import make_web_acl
from components.static_site.releases import ReleaseStore, make_release_store

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

HEALTH_PATH = "/api/v1/health"
"""The one route of the API that wants no key."""


class StaticSite(Component):
    """The site: bucket, distribution, names, firewall, releases, logs.

    Args:
        name: logical name; every child's name starts with it.
        args: see ``StaticSiteArgs``.
        transforms: child of ``CHILDREN`` to replaced arguments; see ``components.component``.
        opts: options of the component.

    Attributes:
        bucket_name: the bucket the deployer writes to.
        distribution_id: such as ``E123…``.
        distribution_arn: for policies that pin it.
        distribution_domain: CloudFront's own host name.
        url: ``https://`` and the public host.
        key_value_store_arn: the store with the pointer to the live release.
        dns_records_to_add: name, type and value of what an external DNS provider needs; else empty.
        preview_token: secret that a preview request shows; in the store under ``preview-token``.
        telemetry: what Monitoring watches.

    Raises:
        ValueError: something in ``args`` is wrong, all of it in one message; or no hosted zone fits.
    """

    CHILDREN = (
        "bucket",
        "bucket_public_access",
        "bucket_ownership",
        "bucket_encryption",
        "bucket_versioning",
        "bucket_lifecycle",
        "bucket_logging",
        "bucket_policy",
        "logs",
        "logs_public_access",
        "logs_ownership",
        "logs_encryption",
        "logs_lifecycle",
        "logs_policy",
        "releases",
        "preview_token",
        "preview_token_key",
        "certificate",
        "validation_record",
        "certificate_issued",
        "firewall",
        "firewall_log",
        "firewall_logging",
        "access",
        "edge_function",
        "viewer_address_function",
        "site_headers",
        "api_headers",
        "distribution",
        "access_log_source",
        "access_log_destination",
        "access_log",
        "cache_policy",
        "alias_record",
    )

    bucket_name: pulumi.Output[str]
    distribution_id: pulumi.Output[str]
    distribution_arn: pulumi.Output[str]
    distribution_domain: pulumi.Output[str]
    url: pulumi.Output[str]
    key_value_store_arn: pulumi.Output[str]
    dns_records_to_add: list[dict[str, Any]]
    preview_token: pulumi.Output[str]
    telemetry: SiteTelemetry

    def __init__(
        self,
        name: str,
        args: StaticSiteArgs,
        *,
        transforms: Mapping[str, Transform] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        wrong = problems(args)
        if wrong:
            raise ValueError(f"StaticSite '{name}': " + "; ".join(wrong))
        super().__init__("StaticSite", name, transforms=transforms, opts=opts)

        managed_dns = bool(args.domain) and args.dns_provider == "route53"
        zone = dns.zone_id(self, args) if managed_dns else ""
        made = adopt(self, name, args, args.adopted) if args.adopted else self._make(name, args, zone)
        bucket, distribution = made.bucket, made.distribution
        if managed_dns:
            dns.make_records(self, name, args, zone, distribution)

        self.bucket_name = bucket.name
        self.distribution_id = distribution.id
        self.distribution_arn = distribution.arn
        self.distribution_domain = distribution.domain_name
        self.url = pulumi.Output.concat("https://", args.domain or distribution.domain_name)
        # An adopted site is deployed in place until it has the edge function.
        self.key_value_store_arn = made.releases.store.arn if made.releases else pulumi.Output.from_input("")
        self.dns_records_to_add = (
            dns.records_to_add(args.hosts, distribution.domain_name)
            if args.dns_provider == "external"
            else []
        )
        self.preview_token = made.releases.preview_token if made.releases else pulumi.Output.from_input("")
        self.telemetry = SiteTelemetry(
            distribution_id=distribution.id,
            web_acl_name=made.acl_metric,
            certificate_arn=made.certificate_arn,
            host=args.domain or distribution.domain_name,
            health_path=HEALTH_PATH if any(map(_reaches_health, args.routes)) else None,
        )
        self.register_outputs(
            {
                "bucket_name": self.bucket_name,
                "distribution_id": self.distribution_id,
                "distribution_arn": self.distribution_arn,
                "distribution_domain": self.distribution_domain,
                "url": self.url,
                "key_value_store_arn": self.key_value_store_arn,
                "dns_records_to_add": self.dns_records_to_add,
                "preview_token": self.preview_token,
            }
        )

    def _make(self, name: str, args: StaticSiteArgs, zone: str) -> _New:
        """Everything new."""
        bucket = buckets.make_content_bucket(self, name, args)
        logs = buckets.make_log_bucket(self, name, args, bucket)
        releases = make_release_store(self, name, args)
        certificate_arn: pulumi.Input[str] | None = args.certificate_arn or None
        if zone and certificate_arn is None:
            certificate_arn = dns.make_certificate(self, name, args, zone)
        acl, acl_metric = make_web_acl(self, name, args) if args.waf else (None, None)
        distribution = make_distribution(
            self,
            name,
            args,
            bucket=bucket,
            store=releases.store,
            certificate_arn=certificate_arn,
            web_acl_arn=acl.arn if acl else None,
        )
        buckets.make_content_policy(self, name, args, bucket, distribution.arn)
        make_access_log(self, name, args, distribution, logs)
        return _New(
            bucket=bucket,
            distribution=distribution,
            certificate_arn=certificate_arn,
            acl_metric=acl_metric,
            releases=releases,
        )


@dataclass(frozen=True, kw_only=True)
class _New:
    """A site that is made, with the same members as one that is adopted."""

    bucket: buckets.ContentBucket
    distribution: cloudfront.Distribution
    certificate_arn: pulumi.Input[str] | None
    acl_metric: pulumi.Input[str] | None
    releases: ReleaseStore


def _reaches_health(route: Route) -> bool:
    return HEALTH_PATH.startswith(route.path_pattern.removesuffix("*"))
