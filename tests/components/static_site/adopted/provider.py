"""What the AWS provider sends for its inputs: the way back from planned inputs to a DistributionConfig.

Written after hashicorp/terraform-provider-aws (expandDistributionConfig and what it calls),
not after the code under test, so that the two can disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Inputs = Mapping[str, Any]


def expand(inputs: Inputs) -> dict[str, Any]:
    """The DistributionConfig of an UpdateDistribution for inputs in snake_case."""
    return {
        "Aliases": _many(inputs.get("aliases", [])),
        "DefaultRootObject": inputs.get("default_root_object", ""),
        "Origins": _many([_origin(one) for one in inputs["origins"]]),
        "OriginGroups": _many([_group(one) for one in inputs.get("origin_groups", [])]),
        "DefaultCacheBehavior": _behavior(inputs["default_cache_behavior"]),
        "CacheBehaviors": _many(
            [
                {"PathPattern": one["path_pattern"], **_behavior(one)}
                for one in inputs.get("ordered_cache_behaviors", [])
            ]
        ),
        "CustomErrorResponses": _many([_error(one) for one in inputs.get("custom_error_responses", [])]),
        "Comment": inputs.get("comment", ""),
        "Logging": _logging(inputs.get("logging_config")),
        "PriceClass": inputs.get("price_class", "PriceClass_All"),
        "Enabled": inputs["enabled"],
        "ViewerCertificate": _certificate(inputs["viewer_certificate"]),
        "Restrictions": {"GeoRestriction": _geo(inputs["restrictions"]["geo_restriction"])},
        "WebACLId": inputs.get("web_acl_id", ""),
        "HttpVersion": inputs.get("http_version", "http2"),
        "IsIPV6Enabled": inputs.get("is_ipv6_enabled", False),
        "ContinuousDeploymentPolicyId": inputs.get("continuous_deployment_policy_id", ""),
        "Staging": inputs.get("staging", False),
        "AnycastIpListId": inputs.get("anycast_ip_list_id", ""),
        "ViewerMtlsConfig": _mtls(inputs.get("viewer_mtls_config")),
        "CacheTagConfig": _renamed(inputs.get("cache_tag_config"), header_name="HeaderName"),
        "ConnectionFunctionAssociation": _renamed(inputs.get("connection_function_association"), id="Id"),
    }


def _origin(one: Inputs) -> dict[str, Any]:
    made: dict[str, Any] = {
        "Id": one["origin_id"],
        "DomainName": one["domain_name"],
        "OriginPath": one.get("origin_path", ""),
        "OriginAccessControlId": one.get("origin_access_control_id", ""),
        "ConnectionAttempts": one.get("connection_attempts", 3),
        "ConnectionTimeout": one.get("connection_timeout", 10),
        "ResponseCompletionTimeout": one.get("response_completion_timeout", 0),
        "CustomHeaders": _many(
            [{"HeaderName": h["name"], "HeaderValue": h["value"]} for h in one.get("custom_headers", [])]
        ),
    }
    if "custom_origin_config" in one:
        c = one["custom_origin_config"]
        made["CustomOriginConfig"] = {
            "HTTPPort": c["http_port"],
            "HTTPSPort": c["https_port"],
            "OriginProtocolPolicy": c["origin_protocol_policy"],
            "OriginSslProtocols": _many(c["origin_ssl_protocols"]),
            "OriginReadTimeout": c.get("origin_read_timeout", 30),
            "OriginKeepaliveTimeout": c.get("origin_keepalive_timeout", 5),
            "IpAddressType": c.get("ip_address_type", ""),
            "OriginMtlsConfig": _renamed(
                c.get("origin_mtls_config"), client_certificate_arn="ClientCertificateArn"
            ),
        }
    if "vpc_origin_config" in one:
        v = one["vpc_origin_config"]
        made["VpcOriginConfig"] = {
            "VpcOriginId": v["vpc_origin_id"],
            "OwnerAccountId": v.get("owner_account_id", ""),
            "OriginReadTimeout": v.get("origin_read_timeout", 30),
            "OriginKeepaliveTimeout": v.get("origin_keepalive_timeout", 5),
        }
    if "s3_origin_config" in one:
        made["S3OriginConfig"] = {"OriginAccessIdentity": one["s3_origin_config"]["origin_access_identity"]}
    if not {"custom_origin_config", "vpc_origin_config", "s3_origin_config"} & set(one):
        # "if both custom and s3 origin are missing, add an empty s3 origin"
        made["S3OriginConfig"] = {"OriginAccessIdentity": ""}
    if "origin_shield" in one:
        made["OriginShield"] = {
            "Enabled": one["origin_shield"]["enabled"],
            "OriginShieldRegion": one["origin_shield"].get("origin_shield_region", ""),
        }
    return made


def _group(one: Inputs) -> dict[str, Any]:
    return {
        "Id": one["origin_id"],
        "FailoverCriteria": {"StatusCodes": _many(one["failover_criteria"]["status_codes"])},
        "Members": _many([{"OriginId": member["origin_id"]} for member in one["members"]]),
    }


def _behavior(one: Inputs) -> dict[str, Any]:
    made: dict[str, Any] = {
        "TargetOriginId": one["target_origin_id"],
        "ViewerProtocolPolicy": one["viewer_protocol_policy"],
        "AllowedMethods": {
            **_many(one["allowed_methods"]),
            "CachedMethods": _many(one["cached_methods"]),
        },
        "Compress": one.get("compress", False),
        "CachePolicyId": one.get("cache_policy_id", ""),
        "OriginRequestPolicyId": one.get("origin_request_policy_id", ""),
        "ResponseHeadersPolicyId": one.get("response_headers_policy_id", ""),
        "FieldLevelEncryptionId": one.get("field_level_encryption_id", ""),
        "RealtimeLogConfigArn": one.get("realtime_log_config_arn", ""),
        "SmoothStreaming": one.get("smooth_streaming", False),
        "TrustedSigners": _trusted(one.get("trusted_signers", [])),
        "TrustedKeyGroups": _trusted(one.get("trusted_key_groups", [])),
        "GrpcConfig": {"Enabled": one.get("grpc_config", {}).get("enabled", False)},
        "FunctionAssociations": _many(
            [
                {"EventType": a["event_type"], "FunctionARN": a["function_arn"]}
                for a in one.get("function_associations", [])
            ]
        ),
        "LambdaFunctionAssociations": _many(
            [
                {
                    "EventType": a["event_type"],
                    "LambdaFunctionARN": a["lambda_arn"],
                    "IncludeBody": a.get("include_body", False),
                }
                for a in one.get("lambda_function_associations", [])
            ]
        ),
    }
    if "forwarded_values" in one:
        f = one["forwarded_values"]
        made["ForwardedValues"] = {
            "QueryString": f["query_string"],
            "QueryStringCacheKeys": _many(f.get("query_string_cache_keys", [])),
            "Headers": _many(f.get("headers", [])),
            "Cookies": {
                "Forward": f["cookies"]["forward"],
                "WhitelistedNames": _many(f["cookies"].get("whitelisted_names", [])),
            },
        }
    if not one.get("cache_policy_id"):
        made |= {
            "MinTTL": one.get("min_ttl", 0),
            "DefaultTTL": one.get("default_ttl", 0),
            "MaxTTL": one.get("max_ttl", 0),
        }
    return made


def _error(one: Inputs) -> dict[str, Any]:
    code = one.get("response_code", 0)
    return {
        "ErrorCode": one["error_code"],
        "ResponsePagePath": one.get("response_page_path", ""),
        "ResponseCode": str(code) if code else "",
        "ErrorCachingMinTTL": one.get("error_caching_min_ttl", 0),
    }


def _logging(one: Inputs | None) -> dict[str, Any]:
    found = one or {}
    return {
        "Enabled": bool(found.get("bucket")),
        "IncludeCookies": found.get("include_cookies", False),
        "Bucket": found.get("bucket", ""),
        "Prefix": found.get("prefix", ""),
    }


def _certificate(one: Inputs) -> dict[str, Any]:
    if one.get("cloudfront_default_certificate"):
        return {"CloudFrontDefaultCertificate": True}
    return {
        "ACMCertificateArn": one.get("acm_certificate_arn", ""),
        "IAMCertificateId": one.get("iam_certificate_id", ""),
        "SSLSupportMethod": one.get("ssl_support_method", ""),
        "MinimumProtocolVersion": one.get("minimum_protocol_version", "TLSv1"),
    }


def _geo(one: Inputs) -> dict[str, Any]:
    return {"RestrictionType": one["restriction_type"], **_many(one.get("locations", []))}


def _mtls(one: Inputs | None) -> dict[str, Any]:
    if not one:
        return {}
    return {
        "Mode": one.get("mode", ""),
        "TrustStoreConfig": _renamed(
            one.get("trust_store_config"),
            trust_store_id="TrustStoreId",
            advertise_trust_store_ca_names="AdvertiseTrustStoreCaNames",
            ignore_certificate_expiry="IgnoreCertificateExpiry",
        ),
    }


def _renamed(one: Inputs | None, **names: str) -> dict[str, Any]:
    return {names[key]: value for key, value in (one or {}).items()}


def _trusted(listed: list[str]) -> dict[str, Any]:
    return {"Enabled": bool(listed), **_many(listed)}


def _many(listed: list[Any]) -> dict[str, Any]:
    return {"Quantity": len(listed), "Items": listed}


# -- what is the same ------------------------------------------------------------------------------

_SETS = {
    "Aliases", "AllowedMethods", "CachedMethods", "CustomErrorResponses", "CustomHeaders",
    "FunctionAssociations", "GeoRestriction", "Headers", "LambdaFunctionAssociations", "OriginGroups",
    "OriginSslProtocols", "Origins", "QueryStringCacheKeys", "StatusCodes", "TrustedKeyGroups",
    "TrustedSigners", "WhitelistedNames",
}  # fmt: skip
"""Lists whose order means nothing; that of CacheBehaviors and of a group's Members does."""

_DEFAULTS: Mapping[str, Any] = {
    # What AWS does when the member is left out.
    "ConnectionAttempts": 3,
    "ConnectionTimeout": 10,
    "HttpVersion": "http2",
    "OriginKeepaliveTimeout": 5,
    "OriginReadTimeout": 30,
    "PriceClass": "PriceClass_All",
    "RestrictionType": "none",
    "OriginHttpVersion": "http1.1",
    "SelectionCriteria": "default",
    "ConnectionMode": "direct",
    "IpAddressType": "",
}
_IGNORED = {"CallerReference", "Certificate", "CertificateSource", "Quantity"}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def meaning(value: Any, member: str = "") -> Any:
    """A configuration without what says nothing: counts, defaults written out, orders of sets."""
    if isinstance(value, Mapping):
        if value.get("CloudFrontDefaultCertificate"):
            return {"CloudFrontDefaultCertificate": True}
        kept = {}
        for key, inner in value.items():
            if key in _IGNORED:
                continue
            found = meaning(inner, member if key == "Items" else key)
            if key == "HttpVersion":
                found = found.lower()
            if found in (None, "", False, [], {}) or _DEFAULTS.get(key, object()) == found:
                continue
            if found == 0 and key not in ("MinTTL", "DefaultTTL", "MaxTTL", "ErrorCachingMinTTL"):
                continue
            kept[key] = found
        if member == "AllowedMethods" and set(kept.get("Items", ())) == {"GET", "HEAD"}:
            kept.pop("Items")  # AWS' own default
            if set(kept.get("CachedMethods", {}).get("Items", ())) <= {"GET", "HEAD"}:
                kept.pop("CachedMethods", None)
        if "ForwardedValues" in value:
            kept |= {k: value.get(k, 0) for k in ("MinTTL", "DefaultTTL", "MaxTTL")}
        elif "TargetOriginId" in value:
            for key in ("MinTTL", "DefaultTTL", "MaxTTL"):
                if kept.get(key) == 0:
                    kept.pop(key)
        if kept.get("ErrorCachingMinTTL") == 0:
            kept.pop("ErrorCachingMinTTL")
        return kept
    if isinstance(value, list):
        found = [meaning(one) for one in value]
        return sorted(found, key=_canonical) if member in _SETS else found
    return value
