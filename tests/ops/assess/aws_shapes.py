"""Pieces of accounts in the shapes AWS answers with."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ops.assess.needed import ALL_ACTIONS
from tests.ops.assess.fake_aws import Answer, Params

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCOUNT = "123456789012"
DOMAIN = "yourdomain.com"
ID = "E1PLAINSITE"
ARN = f"arn:aws:cloudfront::{ACCOUNT}:distribution/{ID}"
HOST = "d111111abcdef8.cloudfront.net"
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/11111111-2222-3333-4444-555555555555"
OAC = "E2OACEXAMPLE"
ACL = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/site/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
NAMES = (DOMAIN, f"www.{DOMAIN}", f"api.{DOMAIN}")
MODELS = ("global.anthropic.claude-haiku-5-5", "global.anthropic.claude-sonnet-5-5")
NS = ("ns-1.awsdns-01.com", "ns-2.awsdns-02.net", "ns-3.awsdns-03.org", "ns-4.awsdns-04.co.uk")
ALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "DELETE"]


def many(items: Iterable[Any] = ()) -> dict[str, Any]:
    """CloudFront's list with its count."""
    listed = list(items)
    return {"Quantity": len(listed), "Items": listed} if listed else {"Quantity": 0}


def behavior(target: str, *, methods: Iterable[str] = ("HEAD", "GET"), **more: Any) -> dict[str, Any]:
    """A cache behavior as GetDistribution gives it."""
    return {
        "TargetOriginId": target,
        "TrustedSigners": {"Enabled": False, "Quantity": 0},
        "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {**many(methods), "CachedMethods": many(("HEAD", "GET"))},
        "SmoothStreaming": False,
        "Compress": True,
        "LambdaFunctionAssociations": many(),
        "FunctionAssociations": many(),
        "FieldLevelEncryptionId": "",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        **more,
    }


def path_behaviors(count: int, target: str = "api") -> list[dict[str, Any]]:
    """Behaviors for /p0/*, /p1/* …"""
    return [{"PathPattern": f"/p{number}/*", **behavior(target)} for number in range(count)]


def s3_origin(
    bucket: str = DOMAIN, *, oac: str = "", oai: str = "", id_: str = "", region: str = ""
) -> dict[str, Any]:
    """A bucket as an origin."""
    host = f"{bucket}.s3.{region}.amazonaws.com" if region else f"{bucket}.s3.amazonaws.com"
    return {
        "Id": id_ or f"S3-{bucket}",
        "DomainName": host,
        "OriginPath": "",
        "CustomHeaders": many(),
        "S3OriginConfig": {"OriginAccessIdentity": oai},
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": oac,
    }


def custom_origin(host: str, *, id_: str = "", policy: str = "https-only", **more: Any) -> dict[str, Any]:
    """Any host as an origin."""
    return {
        "Id": id_ or host,
        "DomainName": host,
        "OriginPath": "",
        "CustomHeaders": many(),
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": policy,
            "OriginSslProtocols": many(["TLSv1.2"]),
            "OriginReadTimeout": 30,
            "OriginKeepaliveTimeout": 5,
        },
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
        **more,
    }


def distribution_config(**more: Any) -> dict[str, Any]:
    """DistributionConfig of a plain site: a bucket nobody guards, one behavior, one name."""
    return {
        "CallerReference": "cli-1700000000-123456",
        "Aliases": many([DOMAIN]),
        "DefaultRootObject": "index.html",
        "Origins": many([s3_origin()]),
        "OriginGroups": many(),
        "DefaultCacheBehavior": behavior(f"S3-{DOMAIN}"),
        "CacheBehaviors": many(),
        "CustomErrorResponses": many(),
        "Comment": "",
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All",
        "Enabled": True,
        "ViewerCertificate": {
            "CloudFrontDefaultCertificate": False,
            "ACMCertificateArn": CERTIFICATE,
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2018",
            "Certificate": CERTIFICATE,
            "CertificateSource": "acm",
        },
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "ContinuousDeploymentPolicyId": "",
        "Staging": False,
        **more,
    }


def healthy_config() -> dict[str, Any]:
    """DistributionConfig in which no check finds anything."""
    api = {
        "PathPattern": "/api/*",
        **behavior(
            "api",
            methods=ALL_METHODS,
            Compress=False,
            CachePolicyId="4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            OriginRequestPolicyId="b689b0a8-53d0-40ab-baf2-68738e2966ac",
        ),
    }
    function = {
        "FunctionARN": f"arn:aws:cloudfront::{ACCOUNT}:function/site-edge",
        "EventType": "viewer-request",
    }
    return distribution_config(
        Aliases=many(NAMES),
        Origins=many(
            [
                s3_origin(oac=OAC, id_="site"),
                custom_origin("abc123.execute-api.us-east-1.amazonaws.com", id_="api"),
            ]
        ),
        DefaultCacheBehavior=behavior(
            "site",
            FunctionAssociations=many([function]),
            ResponseHeadersPolicyId="67f7725c-6f97-4210-82d7-5512b31e9d03",
        ),
        CacheBehaviors=many([api]),
        CustomErrorResponses=many(
            [
                {
                    "ErrorCode": 403,
                    "ResponsePagePath": "/404.html",
                    "ResponseCode": "404",
                    "ErrorCachingMinTTL": 10,
                }
            ]
        ),
        ViewerCertificate={
            "CloudFrontDefaultCertificate": False,
            "ACMCertificateArn": CERTIFICATE,
            "SSLSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
            "Certificate": CERTIFICATE,
            "CertificateSource": "acm",
        },
        WebACLId=ACL,
        HttpVersion="http2and3",
    )


def distribution(config: Mapping[str, Any], *, id_: str = ID, status: str = "Deployed") -> dict[str, Any]:
    """GetDistribution's answer."""
    return {
        "Distribution": {
            "Id": id_,
            "ARN": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{id_}",
            "Status": status,
            "LastModifiedTime": datetime(2024, 5, 1, tzinfo=UTC),
            "InProgressInvalidationBatches": 0,
            "DomainName": HOST,
            "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
            "DistributionConfig": dict(config),
        },
        "ETag": "E3ETAG",
    }


def summary(config: Mapping[str, Any], *, id_: str = ID) -> dict[str, Any]:
    """The entry of ListDistributions for a configuration."""
    left_out = ("CallerReference", "DefaultRootObject", "Logging", "ContinuousDeploymentPolicyId")
    return {
        "Id": id_,
        "ARN": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{id_}",
        "Status": "Deployed",
        "LastModifiedTime": datetime(2024, 5, 1, tzinfo=UTC),
        "DomainName": HOST,
        **{key: value for key, value in config.items() if key not in left_out},
    }


def distribution_list(entries: Iterable[Mapping[str, Any]], *, size: int = 100) -> Answer:
    """ListDistributions in pages of a hundred, as AWS gives them."""
    listed = list(entries)

    def answer(params: Params) -> dict[str, Any]:
        start = int(params.get("Marker") or 0)
        more = start + size < len(listed)
        page = listed[start : start + size]
        return {
            "DistributionList": {
                "Marker": str(start),
                "MaxItems": size,
                "IsTruncated": more,
                "Quantity": len(page),
                **({"Items": page} if page else {}),
                **({"NextMarker": str(start + size)} if more else {}),
            }
        }

    return answer


def oac_policy() -> str:
    """The bucket policy the stack's own bucket has."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "CloudFront",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudfront.amazonaws.com"},
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{DOMAIN}/*",
                    "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
                },
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [f"arn:aws:s3:::{DOMAIN}", f"arn:aws:s3:::{DOMAIN}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        }
    )


def public_policy() -> str:
    """The policy every tutorial for S3 websites ends with."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "PublicReadGetObject",
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{DOMAIN}/*",
                }
            ],
        }
    )


def record(name: str, kind: str, *values: str, alias: str = "") -> dict[str, Any]:
    """A record set of Route 53."""
    if alias:
        target = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": f"{alias}.", "EvaluateTargetHealth": False}
        return {"Name": f"{name}.", "Type": kind, "AliasTarget": target}
    return {"Name": f"{name}.", "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": v} for v in values]}


def certificate(names: Iterable[str] = NAMES, **more: Any) -> dict[str, Any]:
    """DescribeCertificate's answer."""
    listed = list(names)
    return {
        "Certificate": {
            "CertificateArn": CERTIFICATE,
            "DomainName": listed[0],
            "SubjectAlternativeNames": listed,
            "DomainValidationOptions": [
                {
                    "DomainName": name,
                    "ValidationDomain": name,
                    "ValidationStatus": "SUCCESS",
                    "ValidationMethod": "DNS",
                    "ResourceRecord": {
                        "Name": f"_a{number}.{name.removeprefix('*.')}.",
                        "Type": "CNAME",
                        "Value": f"_b{number}.acm-validations.aws.",
                    },
                }
                for number, name in enumerate(listed)
            ],
            "Status": "ISSUED",
            "Type": "AMAZON_ISSUED",
            "NotAfter": datetime(2027, 6, 1, tzinfo=UTC),
            "InUseBy": [ARN],
            "RenewalEligibility": "ELIGIBLE",
            **more,
        }
    }


def certificate_summary(names: Iterable[str] = NAMES, arn: str = CERTIFICATE) -> dict[str, Any]:
    """An entry of ListCertificates."""
    listed = list(names)
    return {
        "CertificateArn": arn,
        "DomainName": listed[0],
        "SubjectAlternativeNameSummaries": listed,
        "HasAdditionalSubjectAlternativeNames": False,
        "Status": "ISSUED",
        "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": "RSA-2048".replace("-", "_"),
        "InUse": True,
    }


def simulated_all(params: Params) -> dict[str, Any]:
    """SimulatePrincipalPolicy for one who may do everything."""
    return {
        "EvaluationResults": [
            {"EvalActionName": action, "EvalResourceName": "*", "EvalDecision": "allowed"}
            for action in params["ActionNames"]
        ],
        "IsTruncated": False,
    }


def simulated(denied: Iterable[str]) -> dict[str, str]:
    """The ``simulation`` fact with some actions denied."""
    refused = set(denied)
    return {action: "implicitDeny" if action in refused else "allowed" for action in ALL_ACTIONS}


def web_acl() -> dict[str, Any]:
    """A web ACL that lets prompts through and limits the rate."""
    visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    return copy.deepcopy(
        {
            "Name": "site",
            "Id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "ARN": ACL,
            "DefaultAction": {"Allow": {}},
            "VisibilityConfig": visibility,
            "Rules": [
                {
                    "Name": "rate",
                    "Priority": 0,
                    "Statement": {"RateBasedStatement": {"Limit": 1000, "AggregateKeyType": "IP"}},
                    "Action": {"Block": {}},
                    "VisibilityConfig": visibility,
                },
                {
                    "Name": "common",
                    "Priority": 1,
                    "Statement": {
                        "ManagedRuleGroupStatement": {
                            "VendorName": "AWS",
                            "Name": "AWSManagedRulesCommonRuleSet",
                        }
                    },
                    "OverrideAction": {"Count": {}},
                    "VisibilityConfig": visibility,
                },
            ],
        }
    )
