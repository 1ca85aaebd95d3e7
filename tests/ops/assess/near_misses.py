"""What is nearly what a check looks for, and not wrong."""

from __future__ import annotations

from datetime import timedelta

from tests.ops.assess.aws_shapes import (
    ACCOUNT,
    DOMAIN,
    ID,
    NAMES,
    NOW,
    distribution_config,
    many,
    record,
    s3_origin,
    summary,
)
from tests.ops.assess.edits import (
    Case,
    blocking_common_rules,
    both,
    certificate,
    config,
    default_behavior,
    instead,
    path,
    put,
    statement,
    viewer,
    web_acl_rules,
    without,
)

NEAR_MISSES: dict[str, tuple[Case, ...]] = {
    "cloudfront-error-pages": (
        Case(
            config(CustomErrorResponses=many([{"ErrorCode": 500, "ErrorCachingMinTTL": 0}])),
            "",
        ),
    ),
    "cloudfront-api-behavior": (
        Case(both(put("distribution_tags", {}), config(CacheBehaviors=many([path("/apidocs/*")]))), ""),
        Case(both(put("distribution_tags", {}), config(CacheBehaviors=many([path("*.png")]))), ""),
    ),
    "cloudfront-quota": (Case(config(CacheBehaviors=many([path(f"/p{n}/*") for n in range(73)])), ""),),
    "cloudfront-tls-floor": (
        Case(viewer(MinimumProtocolVersion="TLSv1.2_2025"), ""),
        Case(viewer(MinimumProtocolVersion="TLSv1", CloudFrontDefaultCertificate=True), ""),
    ),
    "cloudfront-dedicated-ip": (Case(viewer(SSLSupportMethod="vip", CloudFrontDefaultCertificate=True), ""),),
    "cloudfront-root-object": (Case(config(DefaultRootObject=""), ""),),
    "cloudfront-logging": (
        Case(
            both(
                put("log_sources", []),
                config(
                    Logging={
                        "Enabled": True,
                        "IncludeCookies": False,
                        "Bucket": "l.s3.amazonaws.com",
                        "Prefix": "",
                    }
                ),
            ),
            "",
        ),
    ),
    "cloudfront-headers": (
        Case(
            default_behavior(
                ResponseHeadersPolicyId="",
                FunctionAssociations=many(
                    [
                        {
                            "FunctionARN": f"arn:aws:cloudfront::{ACCOUNT}:function/h",
                            "EventType": "viewer-response",
                        }
                    ]
                ),
            ),
            "",
        ),
    ),
    "cloudfront-managed": (Case(lambda f: f["distribution_tags"].clear(), ""),),
    "cloudfront-plan": (
        Case(
            put(
                "pricing_plans",
                [
                    {
                        "arn": "a",
                        "planFamily": "CLOUDFRONT",
                        "planTier": "FREE",
                        "status": "ACTIVE",
                        "resourceArns": [f"arn:aws:cloudfront::{ACCOUNT}:distribution/E9OTHER"],
                        "createdAt": NOW,
                        "updatedAt": NOW,
                        "eTag": "e",
                    }
                ],
            ),
            "",
        ),
    ),
    "cloudfront-aliases": (Case(config(Aliases=many([DOMAIN, f"*.{DOMAIN}"])), ""),),
    "cloudfront-alias-conflict": (
        Case(
            both(
                config(Aliases=many([DOMAIN])),
                lambda f: f["distributions"].append(
                    summary(distribution_config(Aliases=many([f"*.{DOMAIN}"])), id_="E2WILD")
                ),
            ),
            "",
        ),
    ),
    "cloudfront-web-acl-prompts": (
        Case(
            both(
                web_acl_rules(blocking_common_rules),
                lambda f: f["web_acl"]["Rules"][1]["Statement"]["ManagedRuleGroupStatement"].update(
                    ScopeDownStatement={
                        "NotStatement": {
                            "Statement": {
                                "ByteMatchStatement": {
                                    "SearchString": b"/api/",
                                    "FieldToMatch": {"UriPath": {}},
                                    "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
                                    "PositionalConstraint": "STARTS_WITH",
                                }
                            }
                        }
                    }
                ),
            ),
            "",
        ),
    ),
    "s3-policy-any-distribution": (
        Case(statement(Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}), ""),
        Case(
            statement(
                Condition={"ArnLike": {"aws:sourcearn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/{ID}"}}
            ),
            "",
        ),
    ),
    "s3-lifecycle": (
        Case(
            both(
                put("bucket_versioning", {}),
                lambda f: f["bucket_lifecycle"][0].pop("NoncurrentVersionExpiration"),
            ),
            "",
        ),
    ),
    "s3-policy-tls": (
        Case(
            lambda f: f.update(bucket_policy=f["bucket_policy"].replace('"false"', "false")),
            "",
        ),
    ),
    "acm-names": (Case(certificate(SubjectAlternativeNames=[DOMAIN, f"*.{DOMAIN}"]), ""),),
    "acm-expiry": (Case(certificate(NotAfter=NOW + timedelta(days=46)), ""),),
    "acm-validation-record": (Case(certificate(DomainValidationOptions=[]), ""),),
    "dns-caa": (
        Case(without(DOMAIN, "CAA"), ""),
        Case(instead(DOMAIN, "CAA", record(DOMAIN, "CAA", '0 iodef "mailto:a@example.com"')), ""),
    ),
    "dns-delegation": (Case(lambda f: f.update(delegation=[s.upper() + "." for s in f["delegation"]]), ""),),
    "dns-api-taken": (Case(without(NAMES[2], "A", "AAAA", "HTTPS"), ""),),
    "dns-www": (Case(without(NAMES[1], "A", "AAAA", "HTTPS"), "", request={"www_redirect": False}),),
    "bedrock-profile": (
        Case(put("inference_profiles", []), "", request={"models": ("amazon.nova-lite-v1:0",)}),
    ),
    "cloudfront-origin-unguarded": (
        Case(config(Origins=many([s3_origin(oai="origin-access-identity/cloudfront/E3", id_="site")])), ""),
    ),
    "secrets-rotation": (Case(put("secrets", []), ""),),
    "monitoring-anomalies": (Case(put("anomaly_monitors", None), ""),),
    "compute-imds": (
        Case(put("instances", [{"InstanceId": "i-1", "MetadataOptions": {"HttpEndpoint": "disabled"}}]), ""),
    ),
}
