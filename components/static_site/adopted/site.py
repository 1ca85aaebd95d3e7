"""Registers what was adopted: imported, protected, kept on delete, extended by the routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.component import Component
from components.static_site import behaviors, bucket, distribution, firewall, headers, releases
from components.static_site.adopted.inputs import planned_inputs
from components.static_site.adopted.policy import statements, with_statements
from components.static_site.adopted.routes import own_ids, with_routes
from components.static_site.adopted.typed import typed
from components.static_site.adopted.upgrade import (
    Inputs,
    Parts,
    bucket_origins,
    is_website,
    legacy_settings,
    upgraded,
)
from components.static_site.adopted.upgrade import behaviors as each_behavior

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

    from components.static_site.adoption import Adopted
    from components.static_site.args import StaticSiteArgs

KEPT = {"protect": True, "retain_on_delete": True}
"""Nothing that ran before this program is ever deleted by it, in no stack."""


@dataclass(frozen=True, kw_only=True)
class AdoptedSite:
    """What the rest of StaticSite needs of it."""

    bucket: bucket.ContentBucket
    distribution: cloudfront.Distribution
    certificate_arn: str | None
    acl_metric: pulumi.Output[str] | str | None
    releases: releases.ReleaseStore | None


def adopt(component: Component, name: str, args: StaticSiteArgs, adopted: Adopted) -> AdoptedSite:
    """Bucket, its policy, the distribution with the routes, and what upgrades ask for.

    The bucket policy comes before the distribution: who changes an origin needs to be let in already.
    """
    inputs = planned_inputs(adopted.config, adopted.header).inputs
    asked = adopted.upgrades
    content = _bucket(component, name, args, adopted)
    # Left in the account when the upgrade is taken back: it knows which release was live.
    left = {"retain_on_delete": True} if args.protect_data else {}
    store = releases.make_release_store(component, name, args, left) if "edge-function" in asked else None
    parts = Parts(
        regional_host=content.regional_domain_name,
        access_control_id=_access_control(component, name) if "oac" in asked else None,
        site_headers_id=headers.make_site_headers(component, name).id if "headers" in asked else None,
        edge_function_arn=distribution.make_edge_function(component, name, args, store.store).arn
        if store
        else None,
        cache_policy_ids=_cache_policies(component, name, inputs) if "cache-policies" in asked else None,
    )
    plain = planned_inputs(adopted.config, adopted.header).inputs
    policy = _policy(component, name, args, adopted, content, guarded=reads_privately(plain, adopted))
    inputs = upgraded(inputs, asked, adopted.bucket, parts)
    inputs["aliases"] = [*inputs.get("aliases", []), *adopted.aliases] or None
    acl_metric = None
    if args.waf and not inputs.get("web_acl_id"):
        acl, acl_metric = firewall.make_web_acl(component, name, args)
        inputs["web_acl_id"] = acl.arn
    made = _distribution(component, name, args, adopted, inputs, policy, store)
    if "logging" in asked:
        logs = bucket.make_log_bucket(component, name, args, content, server_log=False)
        distribution.make_access_log(component, name, args, made, logs)
    return AdoptedSite(
        bucket=content,
        distribution=made,
        certificate_arn=inputs["viewer_certificate"].get("acm_certificate_arn"),
        acl_metric=acl_metric,
        releases=store,
    )


def reads_privately(inputs: Inputs, adopted: Adopted) -> bool:
    """Whether CloudFront alone reads the bucket, over TLS: then plain HTTP can be denied unnoticed.

    CloudFront speaks to a bucket as its visitor does, so no behavior may allow plain HTTP:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-https-cloudfront-to-s3-origin.html
    """
    origins = bucket_origins(inputs, adopted.bucket)
    oac = "oac" in adopted.upgrades
    if not origins:
        return False
    for origin in origins:
        guarded = origin.get("origin_access_control_id") or "s3_origin_config" in origin
        if not oac and (is_website(origin["domain_name"]) or not guarded):
            return False
    if "https" not in adopted.upgrades and any(
        one["viewer_protocol_policy"] == "allow-all" for _, one in each_behavior(inputs)
    ):
        return False
    public = ("*", {"AWS": "*"})
    return not any(
        one.get("Effect") == "Allow" and one.get("Principal") in public for one in statements(adopted.policy)
    )


def _bucket(component: Component, name: str, args: StaticSiteArgs, adopted: Adopted) -> bucket.ContentBucket:
    from pulumi_aws import s3

    elsewhere = adopted.bucket_region != args.region
    made = s3.Bucket(
        f"{name}-bucket",
        bucket=adopted.bucket,
        region=adopted.bucket_region if elsewhere else None,
        force_destroy=False,
        tags={**adopted.bucket_tags, **args.tags},
        opts=component.child("bucket", import_=_import_id(adopted, args), **KEPT),
    )
    return bucket.ContentBucket(
        name=made.bucket, arn=made.arn, regional_domain_name=made.bucket_regional_domain_name
    )


def _import_id(adopted: Adopted, args: StaticSiteArgs) -> str:
    """Out of the provider's Region the id names its own:
    https://github.com/pulumi/pulumi-aws/blob/master/docs/enhanced-region-support.md"""
    if adopted.bucket_region == args.region:
        return adopted.bucket
    return f"{adopted.bucket}@{adopted.bucket_region}"


def _policy(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    adopted: Adopted,
    content: bucket.ContentBucket,
    *,
    guarded: bool,
) -> pulumi.Resource | None:
    """The live policy, byte for byte, and after it what is missing; None when that is nothing."""
    from pulumi_aws import s3

    elsewhere = adopted.bucket_region != args.region
    oac = "oac" in adopted.upgrades
    if not adopted.policy and not oac and not guarded:
        return None

    def merged(account_id: str) -> str:
        # The names are known: the policy need not wait for the distribution it lets in.
        arn = f"arn:aws:cloudfront::{account_id}:distribution/{adopted.distribution_id}"
        reads, tls = bucket.content_policy(f"arn:aws:s3:::{adopted.bucket}", arn)["Statement"]
        added = [*([reads] if oac else []), *([tls] if guarded else [])]
        return with_statements(adopted.policy, added)

    return s3.BucketPolicy(
        f"{name}-bucket-policy",
        bucket=content.name,
        region=adopted.bucket_region if elsewhere else None,
        policy=pulumi.Output.from_input(args.account_id).apply(merged),
        opts=component.child(
            "bucket_policy",
            **({"import_": _import_id(adopted, args), **KEPT} if adopted.policy else {}),
        ),
    )


def _access_control(component: Component, name: str) -> pulumi.Output[str]:
    # Not kept: what the stack made for an upgrade goes when the upgrade is taken back.
    return distribution.make_access_control(component, name, {}).id


def _cache_policies(component: Component, name: str, inputs: Inputs) -> dict[str, pulumi.Output[str]]:
    """One cache policy for every distinct set of legacy settings, with the same key and times."""
    from pulumi_aws import cloudfront

    ids: dict[str, pulumi.Output[str]] = {}
    made: dict[str, pulumi.Output[str]] = {}
    for pattern, one in legacy_settings(inputs).items():
        forwarded = one["forwarded_values"]
        times = {key: one[key] for key in ("min_ttl", "default_ttl", "max_ttl")}
        same = repr((sorted(forwarded.items(), key=str), times, one["compress"]))
        if same not in made:
            made[same] = cloudfront.CachePolicy(
                f"{name}-cache-{len(made)}",
                comment=f"Legacy cache settings of {pattern}",
                **times,
                parameters_in_cache_key_and_forwarded_to_origin=_cache_key(forwarded, one["compress"]),
                opts=component.child("cache_policy"),
            ).id
        ids[pattern] = made[same]
    return ids


def _cache_key(
    forwarded: dict[str, Any], compress: bool
) -> cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginArgs:
    from pulumi_aws import cloudfront

    key = "CachePolicyParametersInCacheKeyAndForwardedToOrigin"
    cookies, header_names = forwarded["cookies"], forwarded.get("headers", [])
    names = cookies.get("whitelisted_names", [])
    return cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginArgs(
        enable_accept_encoding_gzip=compress,
        enable_accept_encoding_brotli=compress,
        query_strings_config=getattr(cloudfront, f"{key}QueryStringsConfigArgs")(
            query_string_behavior="all" if forwarded["query_string"] else "none"
        ),
        headers_config=getattr(cloudfront, f"{key}HeadersConfigArgs")(
            header_behavior="whitelist" if header_names else "none",
            headers=getattr(cloudfront, f"{key}HeadersConfigHeadersArgs")(items=header_names)
            if header_names
            else None,
        ),
        cookies_config=getattr(cloudfront, f"{key}CookiesConfigArgs")(
            cookie_behavior=cookies["forward"],
            cookies=getattr(cloudfront, f"{key}CookiesConfigCookiesArgs")(items=names) if names else None,
        ),
    )


def _distribution(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    adopted: Adopted,
    inputs: Inputs,
    policy: pulumi.Resource | None,
    store: releases.ReleaseStore | None,
) -> cloudfront.Distribution:
    from pulumi_aws import cloudfront

    made = typed({key: value for key, value in inputs.items() if value is not None})
    if args.routes:
        routes = own_ids(made, args.routes)
        function = distribution.make_viewer_address_function(
            component, name, args, routes, store.store if store else None
        )
        api_headers = headers.make_api_headers(component, name)
        made = with_routes(made, routes, function.arn, api_headers.id, errors=behaviors.CACHED_ERRORS)
    return cloudfront.Distribution(
        f"{name}-distribution",
        **made,
        tags={**adopted.distribution_tags, **args.tags},
        opts=component.child(
            "distribution",
            import_=adopted.distribution_id,
            depends_on=[policy] if policy else None,
            **KEPT,
        ),
    )
