"""The planned distribution as the edge serves it, read from the resources of a stack.

Nothing here has defaults of its own: what the program does not plan, the edge does not do.
What the program plans and the edge cannot do becomes a warning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.errors import OpsError
from ops.local import policies, shortcomings
from ops.local.patterns import matches, normalized
from ops.local.policies import Forwarding, HeadersPolicy

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
FUNCTION = "aws:cloudfront/function:Function"
STORE_KEY = "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey"
STORE = "aws:cloudfront/keyValueStore:KeyValueStore"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
CACHE_POLICY = "aws:cloudfront/cachePolicy:CachePolicy"
REQUEST_POLICY = "aws:cloudfront/originRequestPolicy:OriginRequestPolicy"
HEADERS_POLICY = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
LOG_DELIVERY = "aws:cloudwatch/logDelivery:LogDelivery"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 (a type token)
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105

S3_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"})


@dataclass(frozen=True)
class Resource:
    """One resource of the stack as plain data."""

    type: str
    name: str
    id: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)

    def get(self, key: str) -> Any:
        """An output, else the input of this name."""
        value = self.outputs.get(key)
        return self.inputs.get(key) if value is None else value


@dataclass(frozen=True)
class EdgeFunction:
    """A CloudFront function that is associated with a behavior.

    Attributes:
        name: its name.
        code: its source.
        runtime: ``cloudfront-js-2.0``.
        store: ARN of its KeyValueStore, or "".
    """

    name: str
    code: str
    runtime: str
    store: str


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """A cache behavior; ``pattern`` is ``*`` for the default one."""

    pattern: str
    origin_id: str
    viewer_protocol: str
    methods: frozenset[str]
    compress: bool
    cache: Forwarding
    request: Forwarding | None
    headers: HeadersPolicy | None
    viewer_request: EdgeFunction | None = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """An origin; ``bucket`` is "" for what is no bucket. Custom header values are secret."""

    id: str
    domain: str
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    bucket: str = ""
    kind: str = "custom"
    signed: bool = False
    read_timeout_s: float = 30.0


@dataclass(frozen=True)
class ErrorRule:
    """A custom error response; without a page only the caching differs."""

    code: int
    page: str
    response_code: int


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything the edge follows."""

    distribution_id: str
    arn: str
    domain: str
    names: tuple[str, ...]
    behaviors: tuple[Behavior, ...]
    origins: Mapping[str, Origin]
    error_rules: Mapping[int, ErrorRule]
    default_root_object: str
    bucket_policies: Mapping[str, Mapping[str, Any]]
    store_keys: Mapping[str, Mapping[str, str]]
    api_keys: str
    warnings: tuple[str, ...]
    comment: str = ""

    def behavior_for(self, path: str) -> Behavior:
        """The first behavior whose pattern fits, in the order of the distribution."""
        path = normalized(path)
        return next(b for b in self.behaviors if matches(b.pattern, path))

    @property
    def site(self) -> Origin:
        """The bucket behind the default behavior.

        Raises:
            OpsError: the default behavior has another origin.
        """
        origin = self.origins[self.behaviors[-1].origin_id]
        if not origin.bucket:
            raise OpsError(
                f"the default behavior's origin {origin.domain} is no S3 bucket: there is no site to serve"
            )
        return origin

    @property
    def store(self) -> str:
        """ARN of the store that the site's function reads; "" without one."""
        function = self.behaviors[-1].viewer_request
        return function.store if function else ""


def read(resources: Iterable[Resource], config: Mapping[str, str] | None = None) -> Architecture:
    """The architecture of a stack that is up.

    Args:
        resources: of its state.
        config: its ``orchestrator:`` settings.

    Raises:
        OpsError: there is no distribution, or more than one.
    """
    by_type: dict[str, list[Resource]] = {}
    for resource in resources:
        by_type.setdefault(resource.type, []).append(resource)
    found = by_type.get(DISTRIBUTION, [])
    if len(found) != 1:
        raise OpsError(f"the stack has {len(found)} distributions; the local edge serves exactly one")
    reader = _Reader(by_type, found[0])
    return reader.architecture()


class _Reader:
    def __init__(self, by_type: Mapping[str, Sequence[Resource]], distribution: Resource) -> None:
        self._by_type = by_type
        self._resource = distribution
        self._inputs = distribution.inputs
        self.warnings: list[str] = []

    def _all(self, type_: str) -> Sequence[Resource]:
        return self._by_type.get(type_, [])

    def architecture(self) -> Architecture:
        inputs = self._inputs
        origins = {origin.id: origin for origin in map(self._origin, inputs.get("origins") or [])}
        behaviors = [
            self._behavior(b, str(b["pathPattern"])) for b in inputs.get("orderedCacheBehaviors") or []
        ]
        behaviors.append(self._behavior(inputs["defaultCacheBehavior"], "*"))
        domain = str(self._resource.get("domainName") or "")
        aliases = tuple(str(alias) for alias in inputs.get("aliases") or [])
        self._unsupported()
        return Architecture(
            distribution_id=self._resource.id,
            arn=str(self._resource.get("arn") or ""),
            domain=domain,
            names=(*aliases, domain),
            behaviors=tuple(behaviors),
            origins=origins,
            error_rules={
                rule.code: rule for rule in map(_error_rule, inputs.get("customErrorResponses") or [])
            },
            default_root_object=str(inputs.get("defaultRootObject") or ""),
            bucket_policies={
                str(r.get("bucket")): json.loads(str(r.get("policy"))) for r in self._all(BUCKET_POLICY)
            },
            store_keys=self._store_keys(),
            api_keys=self._api_keys(),
            warnings=tuple(dict.fromkeys(self.warnings)),
            comment=str(inputs.get("comment") or ""),
        )

    def _origin(self, planned: Mapping[str, Any]) -> Origin:
        domain = str(planned["domainName"])
        custom = planned.get("customOriginConfig")
        vpc = planned.get("vpcOriginConfig")
        timeouts = custom or vpc or {}
        bucket = "" if custom or vpc else domain.split(".s3.")[0].split(".s3-")[0]
        self.warnings += shortcomings.of(shortcomings.ORIGIN, planned, str(planned["originId"]))
        return Origin(
            id=str(planned["originId"]),
            domain=domain,
            path=str(planned.get("originPath") or ""),
            headers=tuple((str(h["name"]), str(h["value"])) for h in planned.get("customHeaders") or []),
            bucket=bucket,
            kind="s3" if bucket else "vpc" if vpc else "custom",
            signed=bool(planned.get("originAccessControlId")),
            read_timeout_s=float(timeouts.get("originReadTimeout") or 30),
        )

    def _behavior(self, planned: Mapping[str, Any], pattern: str) -> Behavior:
        functions: dict[str, EdgeFunction] = {}
        for association in planned.get("functionAssociations") or []:
            functions[str(association["eventType"])] = self._function(str(association["functionArn"]))
        self.warnings += shortcomings.of(shortcomings.BEHAVIOR, planned, pattern)
        return Behavior(
            pattern=pattern,
            origin_id=self._member(str(planned["targetOriginId"])),
            viewer_protocol=str(planned["viewerProtocolPolicy"]),
            methods=frozenset(str(m) for m in planned.get("allowedMethods") or []),
            compress=bool(planned.get("compress")),
            cache=self._cache_policy(planned.get("cachePolicyId"), pattern),
            request=self._request_policy(planned.get("originRequestPolicyId"), pattern),
            headers=self._headers_policy(planned.get("responseHeadersPolicyId"), pattern),
            viewer_request=functions.get("viewer-request"),
        )

    def _member(self, target: str) -> str:
        """The origin behind a behavior's target: of an origin group the first member."""
        for group in self._inputs.get("originGroups") or []:
            if group.get("originId") == target and group.get("members"):
                return str(group["members"][0]["originId"])
        return target

    def _function(self, arn: str) -> EdgeFunction:
        for resource in self._all(FUNCTION):
            if resource.get("arn") == arn:
                stores = resource.inputs.get("keyValueStoreAssociations") or []
                return EdgeFunction(
                    name=resource.name,
                    code=str(resource.inputs["code"]),
                    runtime=str(resource.inputs.get("runtime")),
                    store=str(stores[0]) if stores else "",
                )
        raise OpsError(f"a behavior names the function {arn}, which the stack does not have")

    def _cache_policy(self, id_: Any, pattern: str) -> Forwarding:
        if not id_:
            return Forwarding(name="none", caches=False)
        if id_ in policies.CACHE_POLICIES:
            return policies.CACHE_POLICIES[id_]
        for resource in self._all(CACHE_POLICY):
            if resource.id == id_:
                return policies.cache_policy(resource.inputs)
        self.warnings.append(f"cache policy {id_} of {pattern} is unknown here: it forwards nothing")
        return Forwarding(name=str(id_))

    def _request_policy(self, id_: Any, pattern: str) -> Forwarding | None:
        if not id_:
            return None
        if id_ in policies.REQUEST_POLICIES:
            return policies.REQUEST_POLICIES[id_]
        for resource in self._all(REQUEST_POLICY):
            if resource.id == id_:
                return policies.request_policy(resource.inputs)
        self.warnings.append(f"origin request policy {id_} of {pattern} is unknown here: it forwards nothing")
        return Forwarding(name=str(id_))

    def _headers_policy(self, id_: Any, pattern: str) -> HeadersPolicy | None:
        if not id_:
            return None
        if id_ in policies.HEADERS_POLICIES:
            return policies.HEADERS_POLICIES[id_]
        for resource in self._all(HEADERS_POLICY):
            if resource.id == id_:
                made = policies.headers_policy(resource.inputs)
                self.warnings += shortcomings.of(shortcomings.HEADERS_POLICY, resource.inputs, made.name)
                return made
        self.warnings.append(f"response-headers policy {id_} of {pattern} is unknown here: it adds nothing")
        return None

    def _store_keys(self) -> dict[str, dict[str, str]]:
        stores: dict[str, dict[str, str]] = {str(r.get("arn")): {} for r in self._all(STORE)}
        for resource in self._all(STORE_KEY):
            arn = str(resource.inputs["keyValueStoreArn"])
            stores.setdefault(arn, {})[str(resource.inputs["key"])] = str(resource.inputs["value"])
        return stores

    def _api_keys(self) -> str:
        """The seeded API keys (JSON), or "": the version of the secret whose name ends in /api-key."""
        ids = {r.id for r in self._all(SECRET) if str(r.get("name")).endswith("/api-key")}
        arns = {r.get("arn") for r in self._all(SECRET) if str(r.get("name")).endswith("/api-key")}
        for version in self._all(SECRET_VERSION):
            if version.inputs.get("secretId") in ids | arns:
                return str(version.inputs.get("secretString") or "")
        return ""

    def _unsupported(self) -> None:
        warn = self.warnings.append
        self.warnings += shortcomings.ALWAYS
        self.warnings += shortcomings.of(shortcomings.DISTRIBUTION, self._inputs)
        if self._all(LOG_DELIVERY):
            warn("no access log is delivered")
        for origin in self._inputs.get("origins") or []:
            if ".execute-api." in str(origin.get("domainName")):
                warn("API Gateway itself is left out: its throttling, its limits, its own answers")
            elif origin.get("vpcOriginConfig"):
                warn("the load balancer or instance behind the VPC origin is left out")


def _error_rule(planned: Mapping[str, Any]) -> ErrorRule:
    code = int(planned["errorCode"])
    return ErrorRule(
        code, str(planned.get("responsePagePath") or ""), int(planned.get("responseCode") or code)
    )
