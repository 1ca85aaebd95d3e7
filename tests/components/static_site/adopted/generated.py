"""Distribution configurations made up from botocore's own model, valid as far as CloudFront's rules go."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from typing import Any

import botocore.session

NEVER = {"CallerReference"}
"""Not a setting: given at creation."""

_WHOLE = {
    "ConnectionAttempts": (1, 3),
    "ConnectionTimeout": (1, 10),
    "ErrorCachingMinTTL": (0, 600),
    "HTTPPort": (80, 80),
    "HTTPSPort": (443, 443),
    "OriginKeepaliveTimeout": (1, 60),
    "OriginReadTimeout": (1, 120),
    "ResponseCompletionTimeout": (1, 600),
    "MinTTL": (0, 60),
    "DefaultTTL": (60, 86400),
    "MaxTTL": (86400, 31536000),
}
_LISTS = {
    "Method": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
    "StatusCodes": [403, 404, 500, 502, 503, 504],
    "Locations": ["DE", "FR", "US", "GB"],
}


@functools.cache
def model() -> Any:
    """botocore's shape of DistributionConfig."""
    service = botocore.session.get_session().get_service_model("cloudfront")
    return service.shape_for("DistributionConfig")


def member_paths(shape: Any | None = None, path: str = "") -> set[str]:
    """Every member of the model, ``Origins.CustomOriginConfig.HTTPPort``: lists are no step of their own."""
    found: set[str] = set()
    for name, inner in (shape or model()).members.items():
        if name in ("Quantity", "Items") or (not path and name in NEVER):
            if name == "Items" and inner.member.type_name == "structure":
                found |= member_paths(inner.member, path)
            continue
        here = f"{path}.{name}".lstrip(".")
        found.add(here)
        if inner.type_name == "structure":
            found |= member_paths(inner, here)
        elif inner.type_name == "list" and inner.member.type_name == "structure":
            found |= member_paths(inner.member, here)
    return found


def used_paths(value: Mapping[str, Any], path: str = "") -> set[str]:
    """The paths that a configuration has."""
    found: set[str] = set()
    for name, inner in value.items():
        if name == "Quantity":
            continue
        here = path if name == "Items" else f"{path}.{name}".lstrip(".")
        found.add(here)
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, Mapping):
                found |= used_paths(one, here)
    return found


class Maker:
    """Makes one configuration.

    Args:
        seed: the same seed makes the same configuration.
        left_out: members that are never made, such as those the provider cannot carry.
    """

    def __init__(self, seed: int, left_out: frozenset[str] = frozenset()) -> None:
        self._random = random.Random(seed)
        self._left_out = left_out
        self._number = 0

    def make(self) -> dict[str, Any]:
        """A configuration whose references hold."""
        made = self._structure(model(), "")
        origins = [self._origin(f"origin-{n}") for n in range(self._random.randint(1, 4))]
        made["Origins"] = many(origins)
        ids = [one["Id"] for one in origins]
        if len(ids) >= 2 and self._random.random() < 0.4:
            group = self._structure(model().members["OriginGroups"].members["Items"].member, "OriginGroups")
            group["Id"] = "group"
            group["Members"] = many([{"OriginId": one} for one in self._random.sample(ids, 2)])
            made["OriginGroups"] = many([group])
            ids.append("group")
        else:
            made["OriginGroups"] = many([])
        made["DefaultCacheBehavior"] = self._behavior(made["DefaultCacheBehavior"], ids)
        behaviors = made.get("CacheBehaviors", {}).get("Items", [])
        for number, one in enumerate(behaviors):
            self._behavior(one, ids)["PathPattern"] = f"/p{number}/*"
        errors = self._random.sample([400, 403, 404, 500, 503], self._random.randint(0, 3))
        made["CustomErrorResponses"] = many([self._error(code) for code in errors])
        made["Aliases"] = many([f"h{n}.example.com" for n in range(self._random.randint(0, 3))])
        made["ViewerCertificate"] = self._certificate()
        made["Logging"] = self._logging()
        made["Restrictions"] = self._restrictions()
        return made

    def _structure(self, shape: Any, path: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, inner in shape.members.items():
            here = f"{path}.{name}".lstrip(".")
            if here in self._left_out or name == "Quantity":
                continue
            if name not in shape.required_members and self._random.random() < 0.45:
                continue
            if name == "Items":
                made[name] = self._list(inner, path)
                continue
            made[name] = self._value(inner, here, name)
        if "Items" in shape.members:
            listed = made.get("Items", [])
            made["Quantity"] = len(listed)
            if "Enabled" in shape.members:
                made["Enabled"] = bool(listed)
            if not listed:
                made.pop("Items", None)
        return made

    def _list(self, shape: Any, path: str) -> list[Any]:
        member = shape.member
        if member.type_name == "structure":
            return [self._structure(member, path) for _ in range(self._random.randint(0, 3))]
        choices: list[Any] = _LISTS.get(member.name) or list(getattr(member, "enum", None) or ())
        if member.type_name == "integer":
            choices = _LISTS["StatusCodes"]
        if choices:
            return self._random.sample(choices, self._random.randint(1, len(choices)))
        return [self._word() for _ in range(self._random.randint(0, 3))]

    def _value(self, shape: Any, path: str, name: str) -> Any:
        if shape.type_name == "structure":
            return self._structure(shape, path)
        if shape.type_name == "list":
            return self._list(shape, path)
        if shape.type_name == "boolean":
            return self._random.random() < 0.5
        if shape.type_name in ("integer", "long"):
            return self._random.randint(*_WHOLE.get(name, (1, 100)))
        if getattr(shape, "enum", None):
            return self._random.choice(shape.enum)
        return self._word()

    def _word(self) -> str:
        self._number += 1
        return f"v{self._number}"

    def _origin(self, id_: str) -> dict[str, Any]:
        shape = model().members["Origins"].members["Items"].member
        made = self._structure(shape, "Origins")
        made["Id"], made["DomainName"] = id_, f"{id_}.example.com"
        kind = self._random.choice(["S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig"])
        for other in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig"):
            made.pop(other, None)
        made[kind] = self._structure(shape.members[kind], f"Origins.{kind}")
        if kind != "S3OriginConfig":
            made.pop("OriginAccessControlId", None)
        elif made.get("OriginAccessControlId"):
            made[kind]["OriginAccessIdentity"] = ""
        if "OriginShield" in made and not made["OriginShield"].get("Enabled"):
            made["OriginShield"] = {"Enabled": False}
        return made

    def _behavior(self, made: dict[str, Any], ids: list[str]) -> dict[str, Any]:
        made["TargetOriginId"] = self._random.choice(ids)
        methods = self._random.choice([["GET", "HEAD"], ["GET", "HEAD", "OPTIONS"], list(_LISTS["Method"])])
        cached = self._random.choice([["GET", "HEAD"], ["GET", "HEAD", "OPTIONS"]])
        made["AllowedMethods"] = {**many(methods), "CachedMethods": many([m for m in cached if m in methods])}
        # A cache policy or legacy settings, never both, never neither.
        legacy = ("ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL")
        if self._random.random() < 0.5:
            made["CachePolicyId"] = self._word()
            for name in legacy:
                made.pop(name, None)
        else:
            made.pop("CachePolicyId", None)
            made.pop("OriginRequestPolicyId", None)
            shape = model().members["DefaultCacheBehavior"].members["ForwardedValues"]
            made["ForwardedValues"] = self._structure(shape, "DefaultCacheBehavior.ForwardedValues")
            for name in legacy[1:]:
                made[name] = self._random.randint(*_WHOLE[name])
        return made

    def _error(self, code: int) -> dict[str, Any]:
        made: dict[str, Any] = {"ErrorCode": code, "ErrorCachingMinTTL": self._random.randint(0, 600)}
        if self._random.random() < 0.6:
            made |= {
                "ResponsePagePath": "/error.html",
                "ResponseCode": str(self._random.choice([200, code])),
            }
        return made

    def _certificate(self) -> dict[str, Any]:
        way = self._random.choice(["default", "acm", "iam"])
        if way == "default":
            return {
                "CloudFrontDefaultCertificate": True,
                "SSLSupportMethod": "vip",
                "MinimumProtocolVersion": "TLSv1",
                "CertificateSource": "cloudfront",
            }
        member = "ACMCertificateArn" if way == "acm" else "IAMCertificateId"
        members = model().members["ViewerCertificate"].members
        value = self._word()
        return {
            member: value,
            "Certificate": value,
            "CertificateSource": way,
            "SSLSupportMethod": self._random.choice(members["SSLSupportMethod"].enum),
            "MinimumProtocolVersion": self._random.choice(members["MinimumProtocolVersion"].enum),
        }

    def _logging(self) -> dict[str, Any]:
        if self._random.random() < 0.5:
            return {
                "Enabled": False,
                "IncludeCookies": self._random.random() < 0.5,
                "Bucket": "",
                "Prefix": "",
            }
        return {
            "Enabled": True,
            "IncludeCookies": self._random.random() < 0.5,
            "Bucket": "logs.s3.amazonaws.com",
            "Prefix": self._random.choice(["", "cdn/"]),
        }

    def _restrictions(self) -> dict[str, Any]:
        kind = self._random.choice(["none", "blacklist", "whitelist"])
        listed = [] if kind == "none" else self._random.sample(_LISTS["Locations"], 2)
        return {"GeoRestriction": {"RestrictionType": kind, **many(listed)}}


def many(listed: list[Any]) -> dict[str, Any]:
    """CloudFront's list with its count."""
    return {"Quantity": len(listed), "Items": listed} if listed else {"Quantity": 0}


def header_values(config: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(origin, header) to value, as the configuration has them."""
    return {
        (origin["Id"], header["HeaderName"]): header["HeaderValue"]
        for origin in config["Origins"]["Items"]
        for header in origin.get("CustomHeaders", {}).get("Items", [])
    }
