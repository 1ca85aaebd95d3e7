"""Origins, cache behaviors and error pages of the distribution, from plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi

from components.interfaces import ApiOrigin, Route
from components.static_site.args import SITE_ORIGIN_ID

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

# AWS-managed policies: the same ids in every account, so no lookup is needed.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
READ_METHODS = ("GET", "HEAD")

NOT_FOUND_PAGE = "/404.html"
"""Fetched without the edge function, so it has one key for all releases:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/GeneratingCustomErrorResponses.html"""

NOT_FOUND_TTL_S = 10
"""Seconds a missing page is remembered: long enough to bear a storm, short enough for a deployment."""

CACHED_ERRORS = (404, 414, 500, 501, 502, 503, 504)
"""Statuses CloudFront keeps for ten seconds whatever the origin's Cache-Control says:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html#HTTPStatusCodes-cached-errors"""


def site_origin(
    domain_name: pulumi.Input[str], origin_access_control_id: pulumi.Input[str]
) -> cloudfront.DistributionOriginArgs:
    """The bucket. No ``s3_origin_config``: beside an OAC it comes back as a difference on every refresh."""
    from pulumi_aws import cloudfront

    return cloudfront.DistributionOriginArgs(
        origin_id=SITE_ORIGIN_ID,
        domain_name=domain_name,
        origin_access_control_id=origin_access_control_id,
    )


def route_origins(routes: Sequence[Route]) -> list[cloudfront.DistributionOriginArgs]:
    """One origin for every origin id, those that stand by too, in the order in which they are named first."""
    by_id: dict[str, ApiOrigin] = {}
    for route in routes:
        by_id.setdefault(route.origin_id, route.origin)
        if route.standby is not None:
            by_id.setdefault(route.standby_id, route.standby)
    return [_origin(origin_id, origin) for origin_id, origin in by_id.items()]


def _origin(origin_id: str, origin: ApiOrigin) -> cloudfront.DistributionOriginArgs:
    from pulumi_aws import cloudfront

    custom = vpc = None
    if origin.vpc_origin_id is None:
        custom = cloudfront.DistributionOriginCustomOriginConfigArgs(
            http_port=80,
            https_port=443,
            origin_protocol_policy=origin.protocol,
            origin_ssl_protocols=["TLSv1.2"],
            origin_read_timeout=origin.read_timeout_s,
        )
    else:
        vpc = cloudfront.DistributionOriginVpcOriginConfigArgs(
            vpc_origin_id=origin.vpc_origin_id,
            origin_read_timeout=origin.read_timeout_s,
        )
    return cloudfront.DistributionOriginArgs(
        origin_id=origin_id,
        domain_name=origin.domain_name,
        origin_path=origin.origin_path or None if isinstance(origin.origin_path, str) else origin.origin_path,
        custom_origin_config=custom,
        vpc_origin_config=vpc,
        custom_headers=[
            # The value is what proves that a request came through the distribution.
            cloudfront.DistributionOriginCustomHeaderArgs(name=name, value=pulumi.Output.secret(value))
            for name, value in sorted(origin.headers.items())
        ]
        or None,
    )


def site_behavior(
    function_arn: pulumi.Input[str], headers_policy_id: pulumi.Input[str]
) -> cloudfront.DistributionDefaultCacheBehaviorArgs:
    """The bucket's behavior: cached by path alone, compressed, releases chosen by the edge function."""
    from pulumi_aws import cloudfront

    return cloudfront.DistributionDefaultCacheBehaviorArgs(
        target_origin_id=SITE_ORIGIN_ID,
        viewer_protocol_policy="redirect-to-https",
        allowed_methods=list(READ_METHODS),
        cached_methods=list(READ_METHODS),
        compress=True,
        cache_policy_id=CACHING_OPTIMIZED,
        response_headers_policy_id=headers_policy_id,
        function_associations=[
            cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
                event_type="viewer-request", function_arn=function_arn
            )
        ],
    )


def route_behaviors(
    routes: Sequence[Route],
    function_arn: pulumi.Input[str] | None,
    headers_policy_id: pulumi.Input[str] | None,
) -> list[cloudfront.DistributionOrderedCacheBehaviorArgs]:
    """One behavior for each route, order kept: never cached, everything passed on but Host.

    Not compressed: CloudFront would hold a stream of events back to compress it.
    """
    from pulumi_aws import cloudfront

    functions = (
        None
        if function_arn is None
        else [
            cloudfront.DistributionOrderedCacheBehaviorFunctionAssociationArgs(
                event_type="viewer-request", function_arn=function_arn
            )
        ]
    )
    return [
        cloudfront.DistributionOrderedCacheBehaviorArgs(
            path_pattern=route.path_pattern,
            target_origin_id=route.origin_id,
            viewer_protocol_policy="redirect-to-https",
            allowed_methods=list(ALL_METHODS),
            cached_methods=list(READ_METHODS),
            compress=False,
            cache_policy_id=CACHING_DISABLED,
            # Host would make API Gateway answer 403.
            origin_request_policy_id=ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy_id=headers_policy_id,
            function_associations=functions,
        )
        for route in routes
    ]


def error_pages(*, with_routes: bool) -> list[cloudfront.DistributionCustomErrorResponseArgs]:
    """What the distribution makes of errors; these rules hold for every behavior at once.

    * 403 becomes the 404 page. S3 answers 403 for a missing key, since the bucket policy gives no
      ListBucket; the API and the firewall never answer 403 on the API's paths.
    * With other origins, no other error is remembered. Otherwise CloudFront keeps it for ten
      seconds, and, as the key of the cache holds no header there, shows one caller's error to all.
      Such a rule has no page: status and body stay the origin's.
    """
    from pulumi_aws import cloudfront

    page = cloudfront.DistributionCustomErrorResponseArgs(
        error_code=403,
        response_code=404,
        response_page_path=NOT_FOUND_PAGE,
        error_caching_min_ttl=NOT_FOUND_TTL_S,
    )
    forgotten = [
        cloudfront.DistributionCustomErrorResponseArgs(error_code=code, error_caching_min_ttl=0)
        for code in CACHED_ERRORS
    ]
    return [page, *forgotten] if with_routes else [page]


def literal_prefixes(routes: Sequence[Route]) -> list[str]:
    """The paths of the routes without the wildcard: ``/api/*`` gives ``/api/``."""
    return [route.path_pattern.removesuffix("*") for route in routes]
