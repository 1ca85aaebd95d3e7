"""For every check of the distribution, changes to the account in which nothing is wrong that make it fire.

Each case is one change and the words its evidence must have; the untouched account is the
case in which no check fires.
"""

from __future__ import annotations

from ops.assess.model import Unread
from tests.ops.assess.aws_shapes import DOMAIN, NAMES, NOW, custom_origin, distribution_config, many, summary
from tests.ops.assess.edits import (
    Case,
    blocking_common_rules,
    both,
    config,
    default_behavior,
    error_page,
    origin,
    path,
    put,
    viewer,
    web_acl_rules,
)

WEBSITE = f"{DOMAIN}.s3-website-us-east-1.amazonaws.com"
DENIED = Unread(action="s3:GetBucketPolicy", reason="denied")
FOREIGN_ACCOUNT = {"DistributionId": "******EXAMPLE", "Alias": NAMES[2], "AccountId": "******999999"}

CASES: dict[str, tuple[Case, ...]] = {
    "cloudfront-missing": (
        Case(put("distribution", None), "none of 1 distributions"),
        Case(both(put("distribution", None), put("distributions", [])), "none of 0 distributions"),
    ),
    "cloudfront-disabled": (Case(config(Enabled=False), "Enabled is false"),),
    "cloudfront-in-progress": (Case(lambda f: f["distribution"].update(Status="InProgress"), "InProgress"),),
    "cloudfront-viewer-http": (
        Case(default_behavior(ViewerProtocolPolicy="allow-all"), "allow-all"),
        Case(
            lambda f: f["distribution"]["DistributionConfig"]["CacheBehaviors"]["Items"][0].update(
                ViewerProtocolPolicy="allow-all"
            ),
            "allow-all",
        ),
    ),
    "cloudfront-tls-floor": (
        Case(viewer(MinimumProtocolVersion="TLSv1"), "MinimumProtocolVersion TLSv1"),
        Case(viewer(MinimumProtocolVersion="TLSv1.2_2019"), "TLSv1.2_2019"),
    ),
    "cloudfront-dedicated-ip": (Case(viewer(SSLSupportMethod="vip"), "vip"),),
    "cloudfront-http-version": (Case(config(HttpVersion="http2"), "http2"),),
    "cloudfront-ipv6": (Case(config(IsIPV6Enabled=False), "IsIPV6Enabled is false"),),
    "cloudfront-logging": (Case(put("log_sources", []), "neither"),),
    "cloudfront-logging-legacy": (
        Case(
            both(
                put("log_sources", []),
                config(
                    Logging={
                        "Enabled": True,
                        "IncludeCookies": False,
                        "Bucket": "logs.s3.amazonaws.com",
                        "Prefix": "",
                    }
                ),
            ),
            "logs.s3.amazonaws.com",
        ),
    ),
    "cloudfront-headers": (Case(default_behavior(ResponseHeadersPolicyId=""), "no response headers policy"),),
    "cloudfront-compress": (Case(default_behavior(Compress=False), "Compress is false"),),
    "cloudfront-legacy-cache": (
        Case(
            default_behavior(ForwardedValues={"QueryString": False, "Cookies": {"Forward": "none"}}),
            "ForwardedValues",
        ),
    ),
    "cloudfront-root-object": (
        Case(
            both(config(DefaultRootObject=""), default_behavior(FunctionAssociations=many())),
            "no DefaultRootObject",
        ),
    ),
    "cloudfront-function-runtime": (
        Case(
            lambda f: f["edge_functions"]["site-edge"]["FunctionConfig"].update(Runtime="cloudfront-js-1.0"),
            "cloudfront-js-1.0",
        ),
    ),
    "cloudfront-origin-unguarded": (
        Case(origin(0, OriginAccessControlId=""), "without OriginAccessControlId"),
    ),
    "cloudfront-origin-identity": (
        Case(
            origin(
                0,
                OriginAccessControlId="",
                S3OriginConfig={"OriginAccessIdentity": "origin-access-identity/cloudfront/E3"},
            ),
            "origin-access-identity/cloudfront/E3",
        ),
    ),
    "cloudfront-origin-website": (
        Case(config(Origins=many([custom_origin(WEBSITE, id_="site", policy="http-only")])), WEBSITE),
        Case(
            config(Origins=many([custom_origin("b.s3-website.eu-central-1.amazonaws.com", id_="site")])),
            "b.s3-website.eu-central-1.amazonaws.com",
        ),
    ),
    "cloudfront-oac-unsigned": (
        Case(
            lambda f: next(iter(f["access_controls"].values()))["OriginAccessControlConfig"].update(
                SigningBehavior="no-override"
            ),
            "no-override",
        ),
    ),
    "cloudfront-origin-http": (
        Case(
            config(Origins=many([custom_origin("old.example.com", id_="site", policy="match-viewer")])),
            "old.example.com: match-viewer",
        ),
    ),
    "cloudfront-origin-tls": (
        Case(
            lambda f: f["distribution"]["DistributionConfig"]["Origins"]["Items"][1][
                "CustomOriginConfig"
            ].update(OriginSslProtocols=many(["TLSv1.2", "TLSv1", "SSLv3"])),
            "SSLv3, TLSv1",
        ),
    ),
    "cloudfront-web-acl": (Case(config(WebACLId=""), "WebACLId is empty"),),
    "cloudfront-web-acl-classic": (
        Case(config(WebACLId="473e64fd-f30b-4765-81a0-62ad96dd167a"), "473e64fd"),
    ),
    "cloudfront-web-acl-prompts": (
        Case(web_acl_rules(blocking_common_rules), "SizeRestrictions_BODY, CrossSiteScripting_BODY"),
        Case(
            both(
                web_acl_rules(blocking_common_rules),
                lambda f: f["web_acl"]["Rules"][1]["Statement"]["ManagedRuleGroupStatement"].update(
                    RuleActionOverrides=[{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]
                ),
            ),
            "blocks with CrossSiteScripting_BODY, GenericLFI_BODY",
        ),
    ),
    "cloudfront-web-acl-rate": (Case(web_acl_rules(lambda rules: rules[1:]), "1 rules, none rate-based"),),
    "cloudfront-web-acl-logging": (Case(put("web_acl_logging", None), "no logging configuration"),),
    "cloudfront-error-pages": (
        Case(config(CustomErrorResponses=many([error_page(403, "200")])), "403 becomes 200 /index.html"),
        Case(config(CustomErrorResponses=many([error_page(404, "404")])), "404 becomes 404 /index.html"),
    ),
    "cloudfront-api-behavior": (
        Case(put("distribution_tags", {}), "/api/* goes to origin api"),
        Case(both(put("distribution_tags", {}), config(CacheBehaviors=many([path("api/v1/*")]))), "api/v1/*"),
        Case(both(put("distribution_tags", {}), config(CacheBehaviors=many([path("/a?i/*")]))), "/a?i/*"),
    ),
    "cloudfront-quota": (
        Case(
            config(CacheBehaviors=many([path(f"/p{n}/*") for n in range(74)])),
            "76 behaviors with the API, 75",
        ),
        Case(
            both(
                config(CacheBehaviors=many([path(f"/p{n}/*") for n in range(99)])),
                put("behavior_quota", 100.0),
            ),
            "101 behaviors with the API, 100 allowed",
        ),
    ),
    "cloudfront-plan": (
        Case(
            lambda f: f.update(
                pricing_plans=[
                    {
                        "arn": "arn:aws:pricingplanmanager::1:subscription/s",
                        "planFamily": "CLOUDFRONT",
                        "planTier": "PRO",
                        "status": "ACTIVE",
                        "resourceArns": [f["distribution"]["ARN"]],
                        "createdAt": NOW,
                        "updatedAt": NOW,
                        "eTag": "e",
                    }
                ]
            ),
            "plan PRO, ACTIVE",
        ),
    ),
    "cloudfront-managed": (
        Case(put("distribution_tags", {"aws:cloudformation:stack-name": "web"}), "CloudFormation stack web"),
        Case(put("distribution_tags", {"sst:app": "shop"}), "SST app shop"),
        Case(
            lambda f: f["distribution_tags"].update(Stack="dev"),
            "orchestrator stack 'dev'",
            request={"stack": "prod"},
        ),
    ),
    "cloudfront-alias-conflict": (
        Case(
            both(
                config(Aliases=many([DOMAIN])),
                lambda f: f["distributions"].append(
                    summary(distribution_config(Aliases=many([NAMES[1]])), id_="E2OTHER")
                ),
            ),
            "E2OTHER of this account",
        ),
        Case(
            both(
                config(Aliases=many([DOMAIN])),
                put("alias_conflicts", {f"*.{DOMAIN}": {"MaxItems": 100, **many([FOREIGN_ACCOUNT])}}),
            ),
            "of account ******999999",
        ),
    ),
    "cloudfront-continuous-deployment": (
        Case(config(ContinuousDeploymentPolicyId="p-1"), "policy p-1", "medium"),
        Case(config(Staging=True), "staging distribution", "high"),
    ),
    "cloudfront-api-route": (Case(config(CacheBehaviors=many()), "2 origins, 1 behaviors"),),
    "cloudfront-aliases": (
        Case(config(Aliases=many([DOMAIN, NAMES[1]])), f"{NAMES[2]} is not among"),
        Case(config(Aliases=many()), "its aliases (none)"),
    ),
}
