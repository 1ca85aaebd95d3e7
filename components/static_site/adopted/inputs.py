"""From a live DistributionConfig to the inputs of ``pulumi_aws`` that mean the same, and nothing else.

Pure: plain data in, plain data out, names in snake_case. The shapes are botocore's
(GetDistribution, https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html);
what the provider makes of its inputs was read in hashicorp/terraform-provider-aws
internal/service/cloudfront/distribution_configuration_structure.go. An input that is left
out is the same as the empty value there, so empty values are left out here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.static_site.adopted.members import Members

Headers = Callable[[str, str], Any]
"""(origin id, header name) to the header's value, which is not in the configuration's file."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a live configuration becomes.

    Attributes:
        inputs: of ``cloudfront.Distribution``, nested values as plain mappings.
        lost: settings the provider has no input for, a sentence each; not empty: do not adopt.
    """

    inputs: dict[str, Any]
    lost: tuple[str, ...]


def planned_inputs(config: Mapping[str, Any], headers: Headers) -> Planned:
    """Every setting of a live distribution as an input.

    Args:
        config: DistributionConfig.
        headers: gives the values of custom origin headers; those in ``config`` are not looked at.
    """
    lost: list[str] = []
    top = Members("", "", config, lost)
    # The provider keeps the live reference by itself (computed in its schema).
    top.drop("CallerReference")
    inputs = {
        "enabled": bool(top.take("Enabled")),
        "aliases": top.items("Aliases"),
        "default_root_object": top.take("DefaultRootObject"),
        "comment": top.take("Comment"),
        "price_class": top.take("PriceClass"),
        "http_version": _lower(top.take("HttpVersion")),
        "is_ipv6_enabled": bool(top.take("IsIPV6Enabled")),
        "web_acl_id": top.take("WebACLId"),
        "continuous_deployment_policy_id": top.take("ContinuousDeploymentPolicyId"),
        # Said although it is the default, for the reason told in distribution.py.
        "staging": bool(top.take("Staging")),
        "anycast_ip_list_id": top.take("AnycastIpListId"),
        "origins": [_origin(one, headers) for one in top.each("Origins", "Id")],
        "origin_groups": [_group(one) for one in top.each("OriginGroups", "Id")] or None,
        "default_cache_behavior": _default_behavior(top),
        "ordered_cache_behaviors": [_ordered(one) for one in top.each("CacheBehaviors", "PathPattern")]
        or None,
        "custom_error_responses": [_error(one) for one in top.each("CustomErrorResponses", "ErrorCode")]
        or None,
        "logging_config": _logging(top),
        "viewer_certificate": _certificate(top),
        "restrictions": _restrictions(top),
        "viewer_mtls_config": _mtls(top),
        "cache_tag_config": _single(top, "CacheTagConfig", HeaderName="header_name"),
        "connection_function_association": _single(top, "ConnectionFunctionAssociation", Id="id"),
    }
    top.done()
    return Planned(inputs=_present(inputs), lost=tuple(lost))


def _origin(origin: Members, headers: Headers) -> dict[str, Any]:
    id_ = origin.take("Id")
    access_control = origin.take("OriginAccessControlId")
    custom_headers = []
    for header in origin.each("CustomHeaders", "HeaderName"):
        name = header.take("HeaderName")
        header.drop("HeaderValue")
        header.done()
        custom_headers.append({"name": name, "value": headers(id_, name)})
    planned = {
        "origin_id": id_,
        "domain_name": origin.take("DomainName"),
        "origin_path": origin.take("OriginPath"),
        "origin_access_control_id": access_control,
        "connection_attempts": origin.take("ConnectionAttempts"),
        "connection_timeout": origin.take("ConnectionTimeout"),
        "response_completion_timeout": origin.take("ResponseCompletionTimeout"),
        "custom_headers": custom_headers or None,
        "s3_origin_config": _s3_origin(origin),
        "custom_origin_config": _custom_origin(origin),
        "vpc_origin_config": _vpc_origin(origin),
        "origin_shield": _shield(origin),
    }
    origin.done()
    return _present(planned)


def _s3_origin(origin: Members) -> dict[str, Any] | None:
    """An empty one is what the provider writes by itself; beside an access control it is a lasting diff."""
    found = origin.inner("S3OriginConfig")
    if found is None:
        return None
    identity = found.take("OriginAccessIdentity")
    found.done()
    return {"origin_access_identity": identity} if identity else None


def _custom_origin(origin: Members) -> dict[str, Any] | None:
    found = origin.inner("CustomOriginConfig")
    if found is None:
        return None
    mtls = found.inner("OriginMtlsConfig")
    planned = {
        "http_port": found.take("HTTPPort"),
        "https_port": found.take("HTTPSPort"),
        "origin_protocol_policy": found.take("OriginProtocolPolicy"),
        "origin_ssl_protocols": found.items("OriginSslProtocols") or [],
        "origin_read_timeout": found.take("OriginReadTimeout"),
        "origin_keepalive_timeout": found.take("OriginKeepaliveTimeout"),
        "ip_address_type": found.take("IpAddressType"),
        "origin_mtls_config": mtls and {"client_certificate_arn": mtls.take("ClientCertificateArn")},
    }
    if mtls:
        mtls.done()
    found.done()
    return _present(planned)


def _vpc_origin(origin: Members) -> dict[str, Any] | None:
    found = origin.inner("VpcOriginConfig")
    if found is None:
        return None
    planned = {
        "vpc_origin_id": found.take("VpcOriginId"),
        "owner_account_id": found.take("OwnerAccountId"),
        "origin_read_timeout": found.take("OriginReadTimeout"),
        "origin_keepalive_timeout": found.take("OriginKeepaliveTimeout"),
    }
    found.done()
    return _present(planned)


def _shield(origin: Members) -> dict[str, Any] | None:
    found = origin.inner("OriginShield")
    if found is None:
        return None
    enabled, region = bool(found.take("Enabled")), found.take("OriginShieldRegion")
    found.done()
    if not enabled and region is None:
        return None
    return _present({"enabled": enabled, "origin_shield_region": region})


def _group(group: Members) -> dict[str, Any]:
    criteria = group.inner("FailoverCriteria")
    codes = criteria.items("StatusCodes") if criteria else None
    planned = {
        "origin_id": group.take("Id"),
        "failover_criteria": {"status_codes": codes or []},
        # The first member is the primary.
        "members": [{"origin_id": one["OriginId"]} for one in group.items("Members") or ()],
    }
    if criteria:
        criteria.done()
    group.done()
    return planned


def _default_behavior(top: Members) -> dict[str, Any]:
    behavior = top.inner("DefaultCacheBehavior")
    assert behavior is not None, "a distribution always has a default behavior"
    planned = _behavior(behavior)
    behavior.done()
    return planned


def _ordered(behavior: Members) -> dict[str, Any]:
    planned = {"path_pattern": behavior.take("PathPattern"), **_behavior(behavior)}
    behavior.done()
    return planned


def _behavior(behavior: Members) -> dict[str, Any]:
    methods = behavior.inner("AllowedMethods")
    allowed, cached = ["GET", "HEAD"], ["GET", "HEAD"]
    if methods is not None:
        cached = methods.items("CachedMethods") or cached
        allowed = methods.take("Items") or allowed
        methods.drop("Quantity")
        methods.done()
    policy = behavior.take("CachePolicyId")
    grpc = behavior.inner("GrpcConfig")
    speaks_grpc = bool(grpc and grpc.take("Enabled"))
    planned = {
        "target_origin_id": behavior.take("TargetOriginId"),
        "viewer_protocol_policy": behavior.take("ViewerProtocolPolicy"),
        "allowed_methods": allowed,
        "cached_methods": cached,
        "compress": bool(behavior.take("Compress")),
        "cache_policy_id": policy,
        "origin_request_policy_id": behavior.take("OriginRequestPolicyId"),
        "response_headers_policy_id": behavior.take("ResponseHeadersPolicyId"),
        "field_level_encryption_id": behavior.take("FieldLevelEncryptionId"),
        "realtime_log_config_arn": behavior.take("RealtimeLogConfigArn"),
        "smooth_streaming": behavior.take("SmoothStreaming") or None,
        "trusted_signers": behavior.items("TrustedSigners"),
        "trusted_key_groups": behavior.items("TrustedKeyGroups"),
        "grpc_config": {"enabled": True} if speaks_grpc else None,
        "function_associations": _associations(behavior, "FunctionAssociations", "FunctionARN"),
        "lambda_function_associations": _associations(
            behavior, "LambdaFunctionAssociations", "LambdaFunctionARN"
        ),
        "forwarded_values": _forwarded(behavior),
    }
    if policy is None:
        # Zero is a setting here: "never keep it".
        planned |= {
            "min_ttl": behavior.take("MinTTL") or 0,
            "default_ttl": behavior.take("DefaultTTL") or 0,
            "max_ttl": behavior.take("MaxTTL") or 0,
        }
    return _present(planned)


def _associations(behavior: Members, member: str, arn: str) -> list[dict[str, Any]] | None:
    key = "function_arn" if arn == "FunctionARN" else "lambda_arn"
    planned = []
    for one in behavior.items(member) or ():
        association = {"event_type": one["EventType"], key: one[arn]}
        if one.get("IncludeBody"):
            association["include_body"] = True
        planned.append(association)
    return planned or None


def _forwarded(behavior: Members) -> dict[str, Any] | None:
    found = behavior.inner("ForwardedValues")
    if found is None:
        return None
    cookies = found.inner("Cookies")
    assert cookies is not None, "ForwardedValues always has Cookies"
    planned = {
        "query_string": bool(found.take("QueryString")),
        "query_string_cache_keys": found.items("QueryStringCacheKeys"),
        "headers": found.items("Headers"),
        "cookies": _present(
            {"forward": cookies.take("Forward"), "whitelisted_names": cookies.items("WhitelistedNames")}
        ),
    }
    cookies.done()
    found.done()
    return _present(planned)


def _error(response: Members) -> dict[str, Any]:
    code = response.take("ResponseCode")
    planned = {
        "error_code": response.take("ErrorCode"),
        "response_page_path": response.take("ResponsePagePath"),
        "response_code": None if code is None else int(code),
        "error_caching_min_ttl": response.take("ErrorCachingMinTTL"),
    }
    response.done()
    return _present(planned)


def _logging(top: Members) -> dict[str, Any] | None:
    found = top.inner("Logging")
    if found is None:
        return None
    enabled = bool(found.take("Enabled"))
    planned = _present({"include_cookies": bool(found.take("IncludeCookies"))})
    if enabled:
        planned |= _present({"bucket": found.take("Bucket"), "prefix": found.take("Prefix")})
    found.done()
    # Without a bucket the input still says whether the new logs have cookies.
    return planned if enabled or planned["include_cookies"] else None


def _certificate(top: Members) -> dict[str, Any]:
    found = top.inner("ViewerCertificate")
    if found is None:
        return {"cloudfront_default_certificate": True}
    # The same once more, under the names of an older API.
    found.drop("Certificate", "CertificateSource")
    if found.take("CloudFrontDefaultCertificate"):
        # CloudFront's own certificate has a floor and a way of its own; AWS reports them, nobody sets them.
        found.drop("SSLSupportMethod", "MinimumProtocolVersion")
        found.done()
        return {"cloudfront_default_certificate": True}
    planned = {
        "acm_certificate_arn": found.take("ACMCertificateArn"),
        "iam_certificate_id": found.take("IAMCertificateId"),
        "ssl_support_method": found.take("SSLSupportMethod"),
        "minimum_protocol_version": found.take("MinimumProtocolVersion"),
    }
    found.done()
    return _present(planned)


def _restrictions(top: Members) -> dict[str, Any]:
    found = top.inner("Restrictions")
    geo = found.inner("GeoRestriction") if found else None
    planned = {
        "restriction_type": (geo.take("RestrictionType") if geo else None) or "none",
        "locations": geo.take("Items") if geo else None,
    }
    if geo and found:
        geo.drop("Quantity")
        geo.done()
        found.done()
    return {"geo_restriction": _present(planned)}


def _mtls(top: Members) -> dict[str, Any] | None:
    found = top.inner("ViewerMtlsConfig")
    if found is None:
        return None
    store = found.inner("TrustStoreConfig")
    planned: dict[str, Any] = {"mode": found.take("Mode")}
    if store:
        planned["trust_store_config"] = _present(
            {
                "trust_store_id": store.take("TrustStoreId"),
                "advertise_trust_store_ca_names": store.take("AdvertiseTrustStoreCaNames"),
                "ignore_certificate_expiry": store.take("IgnoreCertificateExpiry"),
            }
        )
        store.done()
    found.done()
    return _present(planned) or None


def _single(top: Members, member: str, **names: str) -> dict[str, Any] | None:
    found = top.inner(member)
    if found is None:
        return None
    planned = _present({key: found.take(name) for name, key in names.items()})
    found.done()
    return planned or None


def _lower(value: str | None) -> str | None:
    return value.lower() if value else None


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
