"""The distribution, and what only it may reach; TLS floors on every leg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.guardrails.documents import statements
from ops.guardrails.facts import as_list, attached, get, names, setting, switched_on
from ops.guardrails.model import Violation, policy
from ops.plan import Plan, PlannedResource

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
_DEVELOPER_GUIDE = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"

VIEWER_TLS = frozenset({"TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025"})
"""Security policies that refuse everything below TLS 1.2 and weak ciphers; newer ones
are added by hand, so that an unknown name is looked at:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/secure-connections-supported-viewer-protocols-ciphers.html"""

_LISTENER_TLS = ("ELBSecurityPolicy-TLS13-1-2-", "ELBSecurityPolicy-TLS13-1-3-", "ELBSecurityPolicy-FS-1-2-")


def behaviors(distribution: PlannedResource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path pattern, behavior) of a distribution; ``*`` for the default one."""
    yield "*", distribution.inputs.get("defaultCacheBehavior") or {}
    for behavior in as_list(distribution.inputs.get("orderedCacheBehaviors")):
        yield str(behavior.get("pathPattern")), behavior


@policy(
    "viewer-https",
    "mandatory",
    "Viewers are served over HTTPS alone.",
    controls=("CloudFront.3",),
)
def viewer_https(plan: Plan) -> Iterator[Violation]:
    for distribution in plan.all(DISTRIBUTION):
        for pattern, behavior in behaviors(distribution):
            chosen = behavior.get("viewerProtocolPolicy")
            if chosen not in {"redirect-to-https", "https-only"}:
                yield Violation(
                    resource=distribution,
                    message=f"behavior {pattern}: viewerProtocolPolicy {chosen!r}",
                    mend="set redirect-to-https",
                    subjects=(pattern,),
                )


@policy(
    "viewer-tls-floor",
    "mandatory",
    "Under a name of its own the distribution speaks TLS 1.2 (2021) or newer, by SNI.",
    controls=("CloudFront.15", "CloudFront.7", "CloudFront.8"),
)
def viewer_tls_floor(plan: Plan) -> Iterator[Violation]:
    for distribution in plan.all(DISTRIBUTION):
        if not distribution.inputs.get("aliases"):
            continue  # CloudFront's own certificate: the floor is not ours to set
        certificate = distribution.inputs.get("viewerCertificate") or {}
        floor = certificate.get("minimumProtocolVersion")
        if floor not in VIEWER_TLS:
            yield Violation(
                resource=distribution,
                message=f"minimumProtocolVersion is {floor!r}; allowed: {', '.join(sorted(VIEWER_TLS))}",
                mend="set minimum_protocol_version to TLSv1.2_2021 or newer",
            )
        if certificate.get("sslSupportMethod") != "sni-only" or not certificate.get("acmCertificateArn"):
            yield Violation(
                resource=distribution,
                message="its names are not served by SNI from a certificate of ACM",
                mend="set acm_certificate_arn and ssl_support_method='sni-only'",
            )


@policy(
    "origin-https",
    "mandatory",
    "Public origins are reached over HTTPS with TLS 1.2 alone.",
    controls=("CloudFront.9", "CloudFront.10"),
)
def origin_https(plan: Plan) -> Iterator[Violation]:
    for distribution in plan.all(DISTRIBUTION):
        for origin in as_list(distribution.inputs.get("origins")):
            custom = origin.get("customOriginConfig")
            if not custom:
                continue
            protocols = set(as_list(custom.get("originSslProtocols")))
            scheme = custom.get("originProtocolPolicy")
            if scheme != "https-only" or not protocols <= {"TLSv1.2", "TLSv1.3"}:
                yield Violation(
                    resource=distribution,
                    message=f"origin {origin.get('originId')}: {scheme}, {sorted(map(str, protocols))}",
                    mend="set origin_protocol_policy='https-only' and origin_ssl_protocols=['TLSv1.2']",
                    subjects=(str(origin.get("originId")),),
                )


@policy(
    "bucket-behind-origin-access",
    "mandatory",
    "A bucket is read by the distribution through origin access control.",
    controls=("CloudFront.13",),
)
def bucket_behind_origin_access(plan: Plan) -> Iterator[Violation]:
    for distribution in plan.all(DISTRIBUTION):
        for origin in as_list(distribution.inputs.get("origins")):
            domain = str(origin.get("domainName"))
            is_bucket = ".s3." in domain or ".s3-" in domain
            if is_bucket and (not origin.get("originAccessControlId") or ".s3-website" in domain):
                yield Violation(
                    resource=distribution,
                    message=f"origin {origin.get('originId')} ({domain}) has no origin access control",
                    mend="make an OriginAccessControl and name it in the origin",
                    subjects=(str(origin.get("originId")),),
                )


@policy(
    "rest-api-behind-edge",
    "mandatory",
    "A REST API is Regional and called by the distribution, which proves itself with a secret header.",
    sources=(f"{_DEVELOPER_GUIDE}/add-origin-custom-headers.html#add-origin-custom-headers-restrict-access",),
)
def rest_api_behind_edge(plan: Plan) -> Iterator[Violation]:
    for api in plan.all("aws:apigateway/restApi:RestApi"):
        types = as_list(get(api.inputs, "endpointConfiguration", "types"))
        kinds = {str(t) for t in as_list(types)}
        if not kinds or not kinds <= {"REGIONAL", "PRIVATE"}:
            yield Violation(
                resource=api,
                message=f"endpoint type {'+'.join(sorted(kinds)) or 'EDGE by default'}, not REGIONAL",
                mend="set endpoint_configuration types to REGIONAL",
            )
        if kinds == {"PRIVATE"}:
            continue
        proofs = list(_origins_of(plan, api))
        if not proofs:
            yield Violation(
                resource=api,
                message="no distribution of the plan has it as an origin: it is called past the firewall",
                mend="route to it from the distribution, with an origin-verify header",
            )
        for distribution, index, origin in proofs:
            if not _secret_header(distribution, index, origin):
                yield Violation(
                    resource=distribution,
                    message=f"origin {origin.get('originId')} sends no secret header to prove itself",
                    mend="add a custom header whose value is a Pulumi secret",
                    subjects=(str(origin.get("originId")),),
                )


def _origins_of(plan: Plan, api: PlannedResource) -> Iterator[tuple[PlannedResource, int, Mapping[str, Any]]]:
    hosts = {f"{name}.execute-api." for name in names(api)}
    for distribution in plan.all(DISTRIBUTION):
        for index, origin in enumerate(as_list(distribution.inputs.get("origins"))):
            if any(host in str(origin.get("domainName")) for host in hosts):
                yield distribution, index, origin


def _secret_header(distribution: PlannedResource, index: int, origin: Mapping[str, Any]) -> bool:
    for place in range(len(as_list(origin.get("customHeaders")))):
        path = f"origins[{index}].customHeaders[{place}].value"
        # The whole input may be marked when a part of it is.
        if any(
            path == secret or path.startswith((secret + ".", secret + "["))
            for secret in distribution.secret_paths
        ):
            return True
    return False


@policy(
    "bucket-tls-only",
    "mandatory",
    "Every bucket refuses requests without TLS.",
    controls=("S3.5",),
)
def bucket_tls_only(plan: Plan) -> Iterator[Violation]:
    policies = plan.all("aws:s3/bucketPolicy:BucketPolicy")
    refusing = {
        s.resource.urn
        for s in statements(plan, "resource")
        if not s.allow
        and ("*" in s.actions or "s3:*" in s.actions)
        and any(value == "*" for _, value in s.principals)
        and any(key == "aws:securetransport" and values == ("false",) for _, key, values in s.conditions)
    }
    for bucket in plan.all("aws:s3/bucket:Bucket"):
        if not any(p.urn in refusing for p in attached(bucket, policies, "bucket")):
            yield Violation(
                resource=bucket,
                message="no policy denies s3:* where aws:SecureTransport is false",
                mend="add that statement to its bucket policy",
            )


@policy(
    "listener-tls-floor",
    "mandatory",
    "A load balancer speaks TLS 1.2 or newer; plain HTTP only inside the VPC of a stack without a domain.",
    controls=("ELB.17", "ELB.1"),
)
def listener_tls_floor(plan: Plan) -> Iterator[Violation]:
    for listener in plan.all("aws:lb/listener:Listener"):
        protocol = listener.inputs.get("protocol")
        ssl = str(listener.inputs.get("sslPolicy", ""))
        if protocol == "HTTPS" and not ssl.startswith(_LISTENER_TLS):
            yield Violation(
                resource=listener,
                message=f"sslPolicy is {ssl or 'the default of 2016'!r}",
                mend="set ssl_policy to ELBSecurityPolicy-TLS13-1-2-2021-06 or newer",
            )
        redirects = get(listener.inputs, "defaultActions", 0, "type") == "redirect"
        if protocol == "HTTP" and not redirects and setting(plan, "domain"):
            yield Violation(
                resource=listener,
                message="plain HTTP although the stack has a domain, and so can have a certificate",
                mend="serve HTTPS with the certificate of the domain",
            )


@policy(
    "edge-firewall",
    "advisory",
    "The distribution has a web ACL.",
    controls=("CloudFront.6",),
)
def edge_firewall(plan: Plan) -> Iterator[Violation]:
    for distribution in plan.all(DISTRIBUTION):
        if not distribution.inputs.get("webAclId"):
            chosen = "" if switched_on(plan, "waf", prod=True) else " (waf is false)"
            yield Violation(
                resource=distribution,
                message=f"no web ACL{chosen}: no rate limit, no managed rules",
                mend="set orchestrator:waf to true",
            )


@policy(
    "edge-root-object",
    "advisory",
    "The root URL of the site is answered: by a default root object or by a viewer-request function.",
    controls=("CloudFront.1",),
)
def edge_root_object(plan: Plan) -> Iterator[Violation]:
    for distribution in plan.all(DISTRIBUTION):
        functions = as_list(get(distribution.inputs, "defaultCacheBehavior", "functionAssociations"))
        answered = any(f.get("eventType") == "viewer-request" for f in functions)
        if not answered and not distribution.inputs.get("defaultRootObject"):
            yield Violation(
                resource=distribution,
                message="neither default root object nor viewer-request function",
                mend="set default_root_object='index.html'",
            )
