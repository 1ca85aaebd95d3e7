"""Plain inputs as the typed classes of ``pulumi_aws``: a name that is wrong fails here, not at AWS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEFAULT = "DistributionDefaultCacheBehavior"
_ORDERED = "DistributionOrderedCacheBehavior"

_BEHAVIOR = {
    "grpc_config": "GrpcConfig",
    "function_associations": "FunctionAssociation",
    "lambda_function_associations": "LambdaFunctionAssociation",
    "forwarded_values": "ForwardedValues",
    "cookies": "ForwardedValuesCookies",
}

_CLASSES = {
    "origins": "DistributionOrigin",
    "custom_headers": "DistributionOriginCustomHeader",
    "s3_origin_config": "DistributionOriginS3OriginConfig",
    "custom_origin_config": "DistributionOriginCustomOriginConfig",
    "origin_mtls_config": "DistributionOriginCustomOriginConfigOriginMtlsConfig",
    "vpc_origin_config": "DistributionOriginVpcOriginConfig",
    "origin_shield": "DistributionOriginOriginShield",
    "origin_groups": "DistributionOriginGroup",
    "failover_criteria": "DistributionOriginGroupFailoverCriteria",
    "members": "DistributionOriginGroupMember",
    "default_cache_behavior": _DEFAULT,
    "ordered_cache_behaviors": _ORDERED,
    "custom_error_responses": "DistributionCustomErrorResponse",
    "logging_config": "DistributionLoggingConfig",
    "viewer_certificate": "DistributionViewerCertificate",
    "restrictions": "DistributionRestrictions",
    "geo_restriction": "DistributionRestrictionsGeoRestriction",
    "viewer_mtls_config": "DistributionViewerMtlsConfig",
    "trust_store_config": "DistributionViewerMtlsConfigTrustStoreConfig",
    "cache_tag_config": "DistributionCacheTagConfig",
    "connection_function_association": "DistributionConnectionFunctionAssociation",
}


def typed(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a distribution with every nested mapping as its class.

    Raises:
        TypeError: an input the class does not have.
        KeyError: a nested mapping nobody knows the class of.
    """
    return {key: _convert(key, value, "") for key, value in inputs.items()}


def _convert(key: str, value: Any, owner: str) -> Any:
    if isinstance(value, list):
        return [_convert(key, one, owner) for one in value]
    if not isinstance(value, Mapping):
        return value
    name = f"{owner}{_BEHAVIOR[key]}" if key in _BEHAVIOR else _CLASSES[key]
    inside = name if name in (_DEFAULT, _ORDERED) else owner
    from pulumi_aws import cloudfront

    made = getattr(cloudfront, f"{name}Args")
    return made(**{inner: _convert(inner, one, inside) for inner, one in value.items()})
