"""The distribution itself: how it faces visitors, what it logs, what it costs."""

from __future__ import annotations

from collections.abc import Iterator

from ops.assess.model import Found, Snapshot, check
from ops.assess.views import TLS_FLOORS, behaviors, config, items

_CF = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"


@check(
    "cloudfront-missing",
    "high",
    "There is no distribution for this site",
    why="Without one there is nothing to put the API beside; the stack makes a new one.",
    source=f"{_CF}/GettingStarted.html",
    needs=("distribution", "distributions"),
)
def missing(s: Snapshot) -> Iterator[Found]:
    if s["distribution"] is not None:
        return
    wanted = s.request.distribution_id or s.request.domain or s.request.bucket
    if s.candidates:
        yield Found(
            resource=wanted or "account",
            evidence=f"several fit: {', '.join(s.candidates[:10])}"
            + (f" and {len(s.candidates) - 10} more" if len(s.candidates) > 10 else ""),
            mend="Name one with --distribution-id.",
        )
    else:
        yield Found(
            resource=wanted or "account",
            evidence=f"none of {len(s['distributions'])} distributions has it as alias or origin",
            mend="Let the stack make one, or name yours with --distribution-id.",
            command="make preview",
        )


@check(
    "cloudfront-disabled",
    "high",
    "The distribution is disabled",
    why="It answers nothing.",
    source=f"{_CF}/HowToDeleteDistribution.html",
    needs=("distribution",),
)
def disabled(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if found and not found["Enabled"]:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="Enabled is false",
            mend="Enable it, or name another with --distribution-id.",
        )


@check(
    "cloudfront-in-progress",
    "info",
    "The distribution is being changed right now",
    why="A second change waits for the first; what is read now may be half-way.",
    source=f"{_CF}/distribution-web-values-returned.html",
    needs=("distribution",),
)
def in_progress(s: Snapshot) -> Iterator[Found]:
    if s["distribution"] and s["distribution"]["Status"] != "Deployed":
        id_ = s["distribution"]["Id"]
        yield Found(
            resource=id_,
            evidence=f"status {s['distribution']['Status']}",
            mend="Wait until it is deployed.",
            command=f"aws cloudfront wait distribution-deployed --id {id_}",
        )


@check(
    "cloudfront-viewer-http",
    "high",
    "Visitors may use plain HTTP",
    why="Pages, keys and prompts can be read and changed on the way.",
    source=f"{_CF}/using-https-viewers-to-cloudfront.html",
    needs=("distribution",),
)
def viewer_http(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    for pattern, behavior in behaviors(found) if found else ():
        if behavior["ViewerProtocolPolicy"] == "allow-all":
            yield Found(
                resource=f"{s['distribution']['Id']} behavior {pattern}",
                evidence="ViewerProtocolPolicy allow-all",
                mend="Set redirect-to-https.",
                upgrades=("https",),
            )


@check(
    "cloudfront-tls-floor",
    "medium",
    "The distribution accepts old TLS",
    why="Policies below TLSv1.2_2021 allow TLS 1.0, 1.1 or CBC ciphers.",
    source=f"{_CF}/secure-connections-supported-viewer-protocols-ciphers.html",
    needs=("distribution",),
)
def tls_floor(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    certificate = (found or {}).get("ViewerCertificate") or {}
    floor = certificate.get("MinimumProtocolVersion", "")
    if found and not certificate.get("CloudFrontDefaultCertificate") and floor in TLS_FLOORS:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"MinimumProtocolVersion {floor}",
            mend="Raise it to TLSv1.2_2021.",
            upgrades=("tls",),
        )


@check(
    "cloudfront-dedicated-ip",
    "medium",
    "The distribution pays for dedicated IP addresses",
    why="They serve only clients without SNI, which no browser of the last ten years is.",
    source=f"{_CF}/cnames-https-dedicated-ip-or-sni.html",
    needs=("distribution",),
)
def dedicated_ip(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    viewer = (found or {}).get("ViewerCertificate") or {}
    # AWS reports "vip" for CloudFront's own certificate too, where it costs nothing.
    if viewer.get("SSLSupportMethod") == "vip" and not viewer.get("CloudFrontDefaultCertificate"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="SSLSupportMethod vip",
            mend="Change it to sni-only.",
            monthly_usd=-600.0,
            cost="saves 600 USD a month",
        )


@check(
    "cloudfront-http-version",
    "low",
    "HTTP/3 is off",
    why="It saves round trips on mobile networks; older clients go on with HTTP/2.",
    source=f"{_CF}/DownloadDistValuesGeneral.html#DownloadDistValuesSupportedHttpVersions",
    needs=("distribution",),
)
def http_version(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    version = (found or {}).get("HttpVersion", "http2").lower()
    if found and version not in ("http3", "http2and3"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"HttpVersion {version}",
            mend="Set http2and3.",
            upgrades=("http3",),
        )


@check(
    "cloudfront-ipv6",
    "low",
    "IPv6 is off",
    why="A growing part of mobile networks reaches IPv4 only through translation.",
    source=f"{_CF}/cloudfront-enable-ipv6.html",
    needs=("distribution",),
)
def ipv6(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if found and not found.get("IsIPV6Enabled"):
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="IsIPV6Enabled is false",
            mend="Enable it together with AAAA records.",
            upgrades=("ipv6",),
        )


@check(
    "cloudfront-logging",
    "medium",
    "Nothing logs requests",
    why="After an incident nobody can say who asked for what.",
    source=f"{_CF}/standard-logging.html",
    needs=("distribution", "log_sources"),
)
def logging(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if found and not (found.get("Logging") or {}).get("Enabled") and not s["log_sources"]:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="neither standard logging nor a delivery source",
            mend="Deliver access logs (v2) to a private bucket.",
            upgrades=("logging",),
            monthly_usd=None,
            cost="storage only: about 0.023 USD per GB and month",
        )


@check(
    "cloudfront-logging-legacy",
    "low",
    "Access logs use the legacy way",
    why="It needs a bucket with ACLs, cannot be filtered or sent elsewhere, and loses fields new logs have.",
    source=f"{_CF}/AccessLogs.html",
    needs=("distribution", "log_sources"),
)
def logging_legacy(s: Snapshot) -> Iterator[Found]:
    logged = (config(s) or {}).get("Logging") or {}
    if logged.get("Enabled") and logged.get("Bucket") and not s["log_sources"]:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence=f"standard logging to {logged['Bucket']}",
            mend="Keep it until what reads the logs is moved, then use delivery sources.",
        )


@check(
    "cloudfront-headers",
    "medium",
    "Pages go out without security headers",
    why="Without HSTS, nosniff and framing rules browsers allow what the site never wants.",
    source=f"{_CF}/adding-response-headers.html",
    needs=("distribution", "edge_functions"),
)
def headers(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if not found:
        return
    default = found["DefaultCacheBehavior"]
    on_response = {
        one["EventType"]
        for kind in ("FunctionAssociations", "LambdaFunctionAssociations")
        for one in items(default.get(kind))
    } & {"viewer-response", "origin-response"}
    if not default.get("ResponseHeadersPolicyId") and not on_response:
        yield Found(
            resource=f"{s['distribution']['Id']} behavior *",
            evidence="no response headers policy and no function on responses",
            mend="Attach a policy; adopting adds one if you ask.",
            upgrades=("headers",),
        )


@check(
    "cloudfront-compress",
    "low",
    "Pages go out uncompressed",
    why="Text shrinks to a quarter; transfer is what CloudFront bills most.",
    source=f"{_CF}/ServingCompressedFiles.html",
    needs=("distribution",),
)
def compress(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if found and not found["DefaultCacheBehavior"].get("Compress"):
        yield Found(
            resource=f"{s['distribution']['Id']} behavior *",
            evidence="Compress is false",
            mend="Enable it.",
            upgrades=("compress",),
        )


@check(
    "cloudfront-legacy-cache",
    "low",
    "A behavior uses legacy cache settings",
    why="ForwardedValues mixes what is a cache key with what is sent on, and flat-rate plans refuse it.",
    source=f"{_CF}/controlling-the-cache-key.html",
    needs=("distribution",),
)
def legacy_cache(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    for pattern, behavior in behaviors(found) if found else ():
        if "ForwardedValues" in behavior:
            yield Found(
                resource=f"{s['distribution']['Id']} behavior {pattern}",
                evidence="ForwardedValues instead of a cache policy",
                mend="Move to a cache policy with the same key.",
                upgrades=("cache-policies",),
            )


@check(
    "cloudfront-root-object",
    "medium",
    "The address without a path has no page",
    why="S3 then answers a request for / with an error or, worse, with a listing of the bucket.",
    source=f"{_CF}/DefaultRootObject.html",
    needs=("distribution",),
)
def root_object(s: Snapshot) -> Iterator[Found]:
    found = config(s)
    if not found or found.get("DefaultRootObject"):
        return
    target = found["DefaultCacheBehavior"]["TargetOriginId"]
    default = next((one for one in items(found["Origins"]) if one["Id"] == target), None)
    edge = any(
        one["EventType"].endswith("-request")
        for kind in ("FunctionAssociations", "LambdaFunctionAssociations")
        for one in items(found["DefaultCacheBehavior"].get(kind))
    )
    if default and "S3OriginConfig" in default and not edge:
        yield Found(
            resource=s["distribution"]["Id"],
            evidence="no DefaultRootObject and no function on requests",
            mend="Set index.html, or let the edge function give every folder its index.",
            upgrades=("edge-function",),
        )


@check(
    "cloudfront-function-runtime",
    "low",
    "An edge function runs on the old runtime",
    why="cloudfront-js-1.0 has no key-value store and none of the newer language.",
    source=f"{_CF}/functions-javascript-runtime-features.html",
    needs=("edge_functions",),
)
def function_runtime(s: Snapshot) -> Iterator[Found]:
    for name, function in (s["edge_functions"] or {}).items():
        runtime = function["FunctionConfig"]["Runtime"]
        if runtime == "cloudfront-js-1.0":
            yield Found(
                resource=f"function {name}",
                evidence=f"runtime {runtime}",
                mend="Publish it for cloudfront-js-2.0; code for 1.0 runs there unchanged.",
            )
