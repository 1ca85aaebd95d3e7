"""Sites as they run out there: one DistributionConfig and one bucket policy each."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.ops.assess.aws_shapes import (
    ACCOUNT,
    ACL,
    ALL_METHODS,
    DOMAIN,
    ID,
    behavior,
    custom_origin,
    distribution_config,
    many,
    oac_policy,
    public_policy,
    s3_origin,
)

WEBSITE = f"{DOMAIN}.s3-website-us-east-1.amazonaws.com"
OAI = "origin-access-identity/cloudfront/E3OAIEXAMPLE"
DEFAULT = f"S3-{DOMAIN}"

Setup = dict[str, Any]


def _function(event: str = "viewer-request", name: str = "index") -> dict[str, Any]:
    return {"FunctionARN": f"arn:aws:cloudfront::{ACCOUNT}:function/{name}", "EventType": event}


def _edge_lambda(event: str, body: bool = False) -> dict[str, Any]:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:edge:7"
    return {"LambdaFunctionARN": arn, "EventType": event, "IncludeBody": body}


def _legacy(**more: Any) -> dict[str, Any]:
    found = behavior(
        DEFAULT,
        ForwardedValues={
            "QueryString": False,
            "Cookies": {"Forward": "none"},
            "Headers": many(),
            "QueryStringCacheKeys": many(),
        },
        MinTTL=0,
        DefaultTTL=86400,
        MaxTTL=31536000,
    )
    del found["CachePolicyId"]
    return {**found, **more}


def _oai_policy() -> str:
    return json.dumps(
        {
            "Version": "2008-10-17",
            "Id": "PolicyForCloudFrontPrivateContent",
            "Statement": [
                {
                    "Sid": "1",
                    "Effect": "Allow",
                    "Principal": {
                        "AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E3OAIEXAMPLE"
                    },
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{DOMAIN}/*",
                }
            ],
        }
    )


def _path(pattern: str, target: str = DEFAULT, **more: Any) -> dict[str, Any]:
    return {"PathPattern": pattern, **behavior(target, **more)}


def _s3(**more: Any) -> dict[str, Any]:
    return {**s3_origin(), **more}


def _website(**more: Any) -> dict[str, Any]:
    return custom_origin(WEBSITE, id_=DEFAULT, policy="http-only", **more)


def _page(code: int, answer: str, page: str) -> dict[str, Any]:
    return {
        "ErrorCode": code,
        "ResponsePagePath": page,
        "ResponseCode": answer,
        "ErrorCachingMinTTL": 300,
    }


def _config(**more: Any) -> Callable[[], Setup]:
    policy = more.pop("policy", None)
    return lambda: {"config": distribution_config(**more), "policy": policy or ""}


SETUPS: dict[str, Callable[[], Setup]] = {
    "public bucket, as in the tutorials": _config(policy=public_policy()),
    "website endpoint": _config(Origins=many([_website()]), policy=public_policy()),
    "website endpoint of a new Region": _config(
        Origins=many([custom_origin(f"{DOMAIN}.s3-website.eu-central-1.amazonaws.com", id_=DEFAULT)]),
        policy=public_policy(),
    ),
    "website endpoint kept by a referer": _config(
        Origins=many([_website(CustomHeaders=many([{"HeaderName": "Referer", "HeaderValue": "hunter2"}]))]),
        policy=public_policy(),
    ),
    "origin access identity": _config(Origins=many([s3_origin(oai=OAI)]), policy=_oai_policy()),
    "origin access control": _config(Origins=many([s3_origin(oac="E2OAC")]), policy=oac_policy()),
    "origin access control, regional host": _config(
        Origins=many([s3_origin(oac="E2OAC", region="us-east-1", id_=DEFAULT)]), policy=oac_policy()
    ),
    "no policy at all": _config(),
    "single statement without a list": _config(
        policy=json.dumps({"Version": "2012-10-17", "Statement": json.loads(public_policy())["Statement"][0]})
    ),
    "two buckets and an origin group": _config(
        Origins=many([s3_origin(oai=OAI), s3_origin(f"{DOMAIN}-failover", oai=OAI, id_="failover")]),
        OriginGroups=many(
            [
                {
                    "Id": "both",
                    "FailoverCriteria": {"StatusCodes": many([500, 502, 503, 504])},
                    "Members": many([{"OriginId": DEFAULT}, {"OriginId": "failover"}]),
                }
            ]
        ),
        DefaultCacheBehavior=behavior("both"),
        policy=_oai_policy(),
    ),
    "Lambda@Edge on all four events": _config(
        DefaultCacheBehavior=behavior(
            DEFAULT,
            LambdaFunctionAssociations=many(
                [
                    _edge_lambda("viewer-request", body=True),
                    _edge_lambda("origin-request", body=True),
                    _edge_lambda("origin-response"),
                    _edge_lambda("viewer-response"),
                ]
            ),
        )
    ),
    "functions on request and response": _config(
        DefaultCacheBehavior=behavior(
            DEFAULT, FunctionAssociations=many([_function(), _function("viewer-response", "headers")])
        )
    ),
    "legacy cache settings": _config(DefaultCacheBehavior=_legacy()),
    "legacy settings with everything in the key": _config(
        DefaultCacheBehavior=_legacy(
            ForwardedValues={
                "QueryString": True,
                "Cookies": {"Forward": "whitelist", "WhitelistedNames": many(["session", "lang"])},
                "Headers": many(["Origin", "Accept-Language"]),
                "QueryStringCacheKeys": many(["page", "sort"]),
            },
            MinTTL=0,
            DefaultTTL=0,
            MaxTTL=0,
        )
    ),
    "all headers forwarded": _config(
        DefaultCacheBehavior=_legacy(
            ForwardedValues={
                "QueryString": True,
                "Cookies": {"Forward": "all"},
                "Headers": many(["*"]),
                "QueryStringCacheKeys": many(),
            }
        )
    ),
    "single-page error pages": _config(
        CustomErrorResponses=many([_page(403, "200", "/index.html"), _page(404, "200", "/index.html")]),
        policy=public_policy(),
    ),
    "an error page and a rule without one": _config(
        CustomErrorResponses=many(
            [_page(404, "404", "/404.html"), {"ErrorCode": 500, "ErrorCachingMinTTL": 0}]
        )
    ),
    "field-level encryption": _config(
        CacheBehaviors=many([_path("/forms/*", methods=ALL_METHODS, FieldLevelEncryptionId="C3FLE")])
    ),
    "signed URLs by key groups": _config(
        CacheBehaviors=many(
            [
                _path(
                    "/members/*",
                    TrustedKeyGroups={"Enabled": True, **many(["kg-1", "kg-2"])},
                )
            ]
        )
    ),
    "signed URLs by trusted signers": _config(
        CacheBehaviors=many([_path("/old/*", TrustedSigners={"Enabled": True, **many(["self", ACCOUNT])})])
    ),
    "continuous deployment": _config(ContinuousDeploymentPolicyId="ccdd-1", HttpVersion="http2"),
    "legacy access logs with cookies": _config(
        Logging={
            "Enabled": True,
            "IncludeCookies": True,
            "Bucket": "logs-example.s3.amazonaws.com",
            "Prefix": "cdn/",
        }
    ),
    "new access logs with cookies": _config(
        Logging={"Enabled": False, "IncludeCookies": True, "Bucket": "", "Prefix": ""}
    ),
    "allowed countries": _config(
        Restrictions={"GeoRestriction": {"RestrictionType": "whitelist", **many(["DE", "AT", "CH"])}}
    ),
    "origin shield": _config(
        Origins=many([_s3(OriginShield={"Enabled": True, "OriginShieldRegion": "us-east-1"})])
    ),
    "VPC origin beside the bucket": _config(
        Origins=many(
            [
                s3_origin(oac="E2OAC"),
                {
                    "Id": "app",
                    "DomainName": "internal-app.us-east-1.elb.amazonaws.com",
                    "OriginPath": "",
                    "CustomHeaders": many(),
                    "VpcOriginConfig": {
                        "VpcOriginId": "vo_1234",
                        "OwnerAccountId": "210987654321",
                        "OriginReadTimeout": 60,
                        "OriginKeepaliveTimeout": 30,
                    },
                    "ConnectionAttempts": 2,
                    "ConnectionTimeout": 5,
                    "ResponseCompletionTimeout": 120,
                    "OriginShield": {"Enabled": False},
                    "OriginAccessControlId": "",
                },
            ]
        ),
        CacheBehaviors=many([_path("/app/*", "app", methods=ALL_METHODS)]),
        policy=oac_policy(),
    ),
    "gRPC": _config(
        Origins=many([s3_origin(), custom_origin("grpc.example.com", id_="grpc")]),
        CacheBehaviors=many(
            [_path("/helloworld.Greeter/*", "grpc", methods=ALL_METHODS, GrpcConfig={"Enabled": True})]
        ),
    ),
    "wildcard alias": _config(Aliases=many([DOMAIN, f"*.{DOMAIN}"])),
    "no domain, CloudFront's certificate": _config(
        Aliases=many(),
        ViewerCertificate={
            "CloudFrontDefaultCertificate": True,
            "SSLSupportMethod": "vip",
            "MinimumProtocolVersion": "TLSv1",
            "CertificateSource": "cloudfront",
        },
    ),
    "certificate in IAM, dedicated addresses": _config(
        ViewerCertificate={
            "IAMCertificateId": "ASCAEXAMPLE",
            "SSLSupportMethod": "vip",
            "MinimumProtocolVersion": "TLSv1",
            "Certificate": "ASCAEXAMPLE",
            "CertificateSource": "iam",
        }
    ),
    "firewall of one's own": _config(WebACLId=ACL),
    "several origins, many ordered behaviors": _config(
        Origins=many(
            [
                s3_origin(oai=OAI),
                custom_origin("shop.example.com", id_="shop"),
                custom_origin("legacy.example.com", id_="legacy", policy="match-viewer"),
            ]
        ),
        CacheBehaviors=many(
            [
                _path("/shop/cart/*", "shop", methods=ALL_METHODS),
                _path("/shop/*", "shop"),
                _path("*.php", "legacy", methods=ALL_METHODS),
                _path(
                    "/images/*.jpg",
                    RealtimeLogConfigArn=f"arn:aws:cloudfront::{ACCOUNT}:realtime-log-config/r",
                ),
            ]
        ),
        policy=_oai_policy(),
    ),
    "an origin that is called like ours": _config(
        Origins=many([s3_origin(), custom_origin("api-docs.example.com", id_="api")]),
        CacheBehaviors=many([_path("/docs/*", "api")]),
    ),
    "secret headers of two origins": _config(
        Origins=many(
            [
                _s3(CustomHeaders=many([{"HeaderName": "X-A", "HeaderValue": "one"}])),
                custom_origin(
                    "b.example.com",
                    CustomHeaders=many(
                        [
                            {"HeaderName": "X-A", "HeaderValue": "two"},
                            {"HeaderName": "X-B", "HeaderValue": "three"},
                        ]
                    ),
                ),
            ]
        )
    ),
    "client certificates": _config(
        ViewerMtlsConfig={
            "Mode": "optional",
            "TrustStoreConfig": {
                "TrustStoreId": "ts_1",
                "AdvertiseTrustStoreCaNames": True,
                "IgnoreCertificateExpiry": False,
            },
        }
    ),
    "plain HTTP allowed, IPv4, HTTP/1.1, disabled compression": _config(
        HttpVersion="http1.1",
        IsIPV6Enabled=False,
        DefaultCacheBehavior=behavior(DEFAULT, ViewerProtocolPolicy="allow-all", Compress=False),
        policy=public_policy(),
    ),
    "smooth streaming": _config(
        CacheBehaviors=many([_path("/video/*.ism/*", SmoothStreaming=True)]), PriceClass="PriceClass_200"
    ),
    "cache tags and static addresses": _config(
        CacheTagConfig={"HeaderName": "x-cache-tag"}, AnycastIpListId="aip_1"
    ),
}
"""Name to a function that makes it: tests may change what they get."""


def adopted_file(name: str, **changes: Any) -> dict[str, Any]:
    """What ``adopted/<stack>.json`` holds of a setup, before anything was asked for.

    Args:
        name: of the setup.
        changes: members in place of those.
    """
    return {
        "version": 1,
        "distribution": {"id": ID, "config": SETUPS[name]()["config"], "tags": {}},
        "bucket": {"name": DOMAIN, "region": "us-east-1", "tags": {}, "policy": ""},
        "aliases": [],
        "records": [],
        "upgrades": [],
        **changes,
    }


def numbered() -> list[tuple[str, Setup]]:
    """(bucket, setup) of each, with buckets of their own, so that all can run in one account."""
    found = []
    for number, make in enumerate(SETUPS.values()):
        bucket = f"site{number}.example.com"
        found.append((bucket, json.loads(json.dumps(make()).replace(DOMAIN, bucket))))
    return found
