"""The distribution, the functions on it, and the delivery of its access logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pulumi

from components.component import Component, protection
from components.interfaces import Route
from components.static_site import behaviors, edge
from components.static_site.args import StaticSiteArgs, physical_name
from components.static_site.bucket import ContentBucket, LogBucket
from components.static_site.headers import make_api_headers, make_site_headers

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

LOG_REGION = "us-east-1"
"""Where everything about CloudFront's logs stands:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html"""

MINIMUM_TLS = "TLSv1.2_2025"
"""TLS 1.2 and 1.3 with forward secrecy and authenticated ciphers only:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html"""

PRICE_CLASS = "PriceClass_100"
"""North America, Europe and Israel. Viewers elsewhere are served too, from there, at these prices:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PriceClass.html"""

DELIVERY_NAME_LIMIT = 60
"""Characters of a delivery source or destination:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html"""


def make_distribution(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    *,
    bucket: ContentBucket,
    store: cloudfront.KeyValueStore,
    certificate_arn: pulumi.Input[str] | None,
    web_acl_arn: pulumi.Input[str] | None,
) -> cloudfront.Distribution:
    """One distribution for the site and for every route."""
    from pulumi_aws import cloudfront

    keep = protection(args.protect_data)
    access = make_access_control(component, name, keep)
    site_function = make_edge_function(component, name, args, store)
    site_headers = make_site_headers(component, name)
    address_function = (
        make_viewer_address_function(component, name, args, args.routes, store) if args.routes else None
    )
    api_headers = make_api_headers(component, name) if args.routes else None
    return cloudfront.Distribution(
        f"{name}-distribution",
        comment=f"Site and API, stack {args.stack}"[:128],
        enabled=True,
        # Said although it is the default: where an origin is not known yet, the provider takes the unsaid for
        # a change in a preview, and that one replaces (https://github.com/pulumi/pulumi-aws/issues/5229).
        staging=False,
        is_ipv6_enabled=True,
        http_version="http2and3",
        price_class=PRICE_CLASS,
        default_root_object="index.html",
        aliases=list(args.hosts) or None,
        origins=[
            behaviors.site_origin(bucket.regional_domain_name, access.id),
            *behaviors.route_origins(args.routes),
        ],
        default_cache_behavior=behaviors.site_behavior(site_function.arn, site_headers.id),
        ordered_cache_behaviors=behaviors.route_behaviors(
            args.routes,
            address_function.arn if address_function else None,
            api_headers.id if api_headers else None,
        ),
        custom_error_responses=behaviors.error_pages(with_routes=bool(args.routes)),
        viewer_certificate=_viewer_certificate(certificate_arn),
        restrictions=cloudfront.DistributionRestrictionsArgs(
            geo_restriction=cloudfront.DistributionRestrictionsGeoRestrictionArgs(restriction_type="none")
        ),
        web_acl_id=web_acl_arn,
        tags=args.tags,
        opts=component.child("distribution", **keep),
    )


def make_access_control(
    component: Component, name: str, keep: Mapping[str, bool]
) -> cloudfront.OriginAccessControl:
    """How CloudFront proves itself to the bucket. ``keep``: options of what must not go."""
    from pulumi_aws import cloudfront

    return cloudfront.OriginAccessControl(
        f"{name}-access",
        description="The distribution signs its requests to the bucket",
        origin_access_control_origin_type="s3",
        signing_behavior="always",
        signing_protocol="sigv4",
        opts=component.child("access", **keep),
    )


def make_edge_function(
    component: Component, name: str, args: StaticSiteArgs, store: cloudfront.KeyValueStore
) -> cloudfront.Function:
    """The viewer-request function of the site, with the stack's names filled in."""
    from pulumi_aws import cloudfront

    return cloudfront.Function(
        f"{name}-edge",
        comment="Releases, directory index, redirects of the site",
        runtime=edge.RUNTIME,
        code=edge.edge_function_code(
            apex_host=args.domain, www_host=args.www_host, api_host=args.api_host, site_mode=args.site_mode
        ),
        publish=True,
        key_value_store_associations=[store.arn],
        tags=args.tags,
        opts=component.child("edge_function"),
    )


def make_viewer_address_function(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    routes: Sequence[Route],
    store: cloudfront.KeyValueStore | None,
) -> cloudfront.Function:
    """The viewer-request function of the routes: who is calling, as CloudFront saw it.

    While a route has a second origin it also leads those there who show the preview token of ``store``.
    """
    from pulumi_aws import cloudfront

    standby = next((route.standby_id for route in routes if route.standby is not None), None)
    return cloudfront.Function(
        f"{name}-viewer-address",
        comment="Tells the API the address of its viewer",
        runtime=edge.RUNTIME,
        code=edge.standby_code(standby) if standby and store else edge.viewer_address_code(),
        publish=True,
        key_value_store_associations=[store.arn] if standby and store else None,
        tags=args.tags,
        opts=component.child("viewer_address_function"),
    )


def make_access_log(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    distribution: cloudfront.Distribution,
    logs: LogBucket,
) -> None:
    """Standard logging v2: source, destination and the delivery between them.

    AWS wants the names, unique in the account. No suffix path: AWS prepends a folder to it on creation
    and not on updates (hashicorp/terraform-provider-aws#46328); the files go under
    ``AWSLogs/<account>/CloudFront/``.
    """
    from pulumi_aws import cloudwatch

    label = physical_name(name, args.stack, args.region, limit=DELIVERY_NAME_LIMIT)
    source = cloudwatch.LogDeliverySource(
        f"{name}-access-log-source",
        region=LOG_REGION,
        name=label,
        log_type="ACCESS_LOGS",
        resource_arn=distribution.arn,
        tags=args.tags,
        opts=component.child("access_log_source"),
    )
    destination = cloudwatch.LogDeliveryDestination(
        f"{name}-access-log-destination",
        region=LOG_REGION,
        name=label,
        output_format="json",
        delivery_destination_configuration=cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
            destination_resource_arn=logs.arn
        ),
        tags=args.tags,
        # Without our policy AWS would write one of its own into the bucket.
        opts=component.child("access_log_destination", depends_on=[logs.policy]),
    )
    cloudwatch.LogDelivery(
        f"{name}-access-log",
        region=LOG_REGION,
        delivery_source_name=source.name,
        delivery_destination_arn=destination.arn,
        tags=args.tags,
        opts=component.child("access_log"),
    )


def _viewer_certificate(
    certificate_arn: pulumi.Input[str] | None,
) -> cloudfront.DistributionViewerCertificateArgs:
    """CloudFront's own certificate has a floor of its own (TLSv1): without a domain none can be set."""
    from pulumi_aws import cloudfront

    if certificate_arn is None:
        return cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
    return cloudfront.DistributionViewerCertificateArgs(
        acm_certificate_arn=certificate_arn,
        ssl_support_method="sni-only",
        minimum_protocol_version=MINIMUM_TLS,
    )
