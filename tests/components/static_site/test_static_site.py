"""The distribution, the releases, and the contracts every component keeps."""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pulumi
import pytest

from components.interfaces import ApiOrigin, Route
from components.static_site import StaticSite, edge
from ops.engine.standin.schema import check_inputs
from ops.plan import UNKNOWN
from tests.components.harness import deploy
from tests.components.static_site.build import (
    CERTIFICATE,
    DOMAIN,
    SECRET,
    TAGS,
    api_route,
    deployed,
    site_args,
)

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
FUNCTION = "aws:cloudfront/function:Function"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
KEY = "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey"
STORE = "aws:cloudfront/keyValueStore:KeyValueStore"
PASSWORD = "random:index/randomPassword:RandomPassword"

EVERYTHING = {"domain": DOMAIN, "protect_data": True}
VARIANTS: list[dict[str, Any]] = [
    {},
    EVERYTHING,
    {"routes": ()},
    {"waf": False},
    {"domain": DOMAIN, "certificate_arn": CERTIFICATE, "dns_provider": "external"},
]


def test_the_distribution_is_modern_and_open_to_the_world() -> None:
    inputs = dict(deployed().one(DISTRIBUTION).inputs)
    kept = ("origins", "defaultCacheBehavior", "orderedCacheBehaviors", "customErrorResponses", "webAclId")
    assert {k: v for k, v in inputs.items() if k not in kept} == {
        "comment": "Site and API, stack dev",
        "enabled": True,
        "staging": False,  # unsaid, a preview with an origin to come would replace the distribution
        "isIpv6Enabled": True,
        "httpVersion": "http2and3",
        "priceClass": "PriceClass_100",
        "defaultRootObject": "index.html",
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "tags": TAGS,
    }


def test_the_bucket_is_read_through_origin_access_control_alone() -> None:
    d = deployed()
    access = d.one("aws:cloudfront/originAccessControl:OriginAccessControl")
    assert access.inputs == {
        "description": "The distribution signs its requests to the bucket",
        "originAccessControlOriginType": "s3",
        "signingBehavior": "always",
        "signingProtocol": "sigv4",
    }
    assert d.one(DISTRIBUTION).inputs["origins"][0] == {
        "originId": "site",
        "domainName": d.one("aws:s3/bucket:Bucket", "site-bucket").outputs["bucketRegionalDomainName"],
        "originAccessControlId": access.outputs["id"],
    }


def test_the_site_is_cached_by_path_and_rewritten_by_the_edge_function() -> None:
    d = deployed()
    assert d.one(DISTRIBUTION).inputs["defaultCacheBehavior"] == {
        "targetOriginId": "site",
        "viewerProtocolPolicy": "redirect-to-https",
        "allowedMethods": ["GET", "HEAD"],
        "cachedMethods": ["GET", "HEAD"],
        "compress": True,
        "cachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        "responseHeadersPolicyId": d.one(HEADERS, "site-site-headers").outputs["id"],
        "functionAssociations": [
            {"eventType": "viewer-request", "functionArn": d.one(FUNCTION, "site-edge").outputs["arn"]}
        ],
    }


def test_the_api_is_never_cached_and_gets_everything_but_host() -> None:
    d = deployed()
    assert d.one(DISTRIBUTION).inputs["orderedCacheBehaviors"] == [
        {
            "pathPattern": "/api/*",
            "targetOriginId": "api",
            "viewerProtocolPolicy": "redirect-to-https",
            "allowedMethods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
            "cachedMethods": ["GET", "HEAD"],
            "compress": False,
            "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            "originRequestPolicyId": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
            "responseHeadersPolicyId": d.one(HEADERS, "site-api-headers").outputs["id"],
            "functionAssociations": [
                {
                    "eventType": "viewer-request",
                    "functionArn": d.one(FUNCTION, "site-viewer-address").outputs["arn"],
                }
            ],
        }
    ]


def test_a_public_origin() -> None:
    assert deployed().one(DISTRIBUTION).inputs["origins"][1:] == [
        {
            "originId": "api",
            "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
            "originPath": "/live",
            "customOriginConfig": {
                "httpPort": 80,
                "httpsPort": 443,
                "originProtocolPolicy": "https-only",
                "originSslProtocols": ["TLSv1.2"],
                "originReadTimeout": 45,
            },
            "customHeaders": [{"name": "X-Origin-Verify", "value": SECRET}],
        }
    ]


def test_a_vpc_origin() -> None:
    route = api_route(
        domain_name="alb.internal", origin_path="", protocol="http-only", vpc_origin_id="vo_123", headers={}
    )
    assert deployed(routes=(route,)).one(DISTRIBUTION).inputs["origins"][1:] == [
        {
            "originId": "api",
            "domainName": "alb.internal",
            "vpcOriginConfig": {"vpcOriginId": "vo_123", "originReadTimeout": 45},
        }
    ]


def test_routes_keep_their_order_and_share_an_origin_by_id() -> None:
    first = ApiOrigin(domain_name="one.example.net")
    second = ApiOrigin(domain_name="two.example.net")
    routes = (
        Route(path_pattern="/z/*", origin=first, origin_id="one"),
        Route(path_pattern="/a/*", origin=second, origin_id="two"),
        Route(path_pattern="/m/*", origin=first, origin_id="one"),
    )
    inputs = deployed(routes=routes).one(DISTRIBUTION).inputs
    assert [b["pathPattern"] for b in inputs["orderedCacheBehaviors"]] == ["/z/*", "/a/*", "/m/*"]
    assert [b["targetOriginId"] for b in inputs["orderedCacheBehaviors"]] == ["one", "two", "one"]
    assert [(o["originId"], o["domainName"]) for o in inputs["origins"][1:]] == [
        ("one", "one.example.net"),
        ("two", "two.example.net"),
    ]


def test_only_403_has_a_page_and_no_error_of_the_api_is_remembered() -> None:
    page = {"errorCode": 403, "responseCode": 404, "responsePagePath": "/404.html", "errorCachingMinTtl": 10}
    assert deployed().one(DISTRIBUTION).inputs["customErrorResponses"] == [
        page,
        *({"errorCode": code, "errorCachingMinTtl": 0} for code in (404, 414, 500, 501, 502, 503, 504)),
    ]
    assert deployed(routes=()).one(DISTRIBUTION).inputs["customErrorResponses"] == [page]


def test_without_routes_there_is_nothing_of_an_api() -> None:
    d = deployed(routes=())
    inputs = d.one(DISTRIBUTION).inputs
    assert [o["originId"] for o in inputs["origins"]] == ["site"]
    assert not inputs.get("orderedCacheBehaviors")
    assert [f.name for f in d.all(FUNCTION)] == ["site-edge"]
    assert [h.name for h in d.all(HEADERS)] == ["site-site-headers"]
    assert d.value("telemetry.health_path") is None


def test_the_health_path_is_known_when_a_route_reaches_it() -> None:
    assert deployed().value("telemetry.health_path") == "/api/v1/health"
    other = Route(path_pattern="/mcp/*", origin=api_route().origin)
    assert deployed(routes=(other,)).value("telemetry.health_path") is None


def test_the_functions_are_published_with_the_stacks_names() -> None:
    d = deployed(domain=DOMAIN, site_mode="spa")
    function = d.one(FUNCTION, "site-edge")
    assert function.inputs == {
        "comment": "Releases, directory index, redirects of the site",
        "runtime": "cloudfront-js-2.0",
        "publish": True,
        "code": edge.edge_function_code(
            apex_host="example.com",
            www_host="www.example.com",
            api_host="api.example.com",
            site_mode="spa",
        ),
        "keyValueStoreAssociations": [d.one(STORE).outputs["arn"]],
        "tags": TAGS,
    }
    assert d.one(FUNCTION, "site-viewer-address").inputs == {
        "comment": "Tells the API the address of its viewer",
        "runtime": "cloudfront-js-2.0",
        "publish": True,
        "code": edge.viewer_address_code(),
        "tags": TAGS,
    }


def test_pulumi_owns_the_preview_token_and_no_other_key() -> None:
    d = deployed()
    password = d.one(PASSWORD)
    assert password.inputs == {"length": 40, "special": False}
    key = d.one(KEY)
    assert key.inputs == {
        "keyValueStoreArn": d.one(STORE).outputs["arn"],
        "key": "preview-token",
        "value": password.outputs["result"],
    }
    assert key.secret_paths == {"value"}
    assert d.value("preview_token") == password.outputs["result"]
    assert d.is_secret("preview_token")
    d.none("aws:cloudfront/keyvaluestoreKeysExclusive:KeyvaluestoreKeysExclusive")


def test_the_sites_headers() -> None:
    inputs = deployed().one(HEADERS, "site-site-headers").inputs
    assert inputs["securityHeadersConfig"] == {
        "strictTransportSecurity": {
            "accessControlMaxAgeSec": 31536000,
            "includeSubdomains": False,
            "preload": False,
            "override": True,
        },
        "contentTypeOptions": {"override": True},
        "frameOptions": {"frameOption": "DENY", "override": True},
        "referrerPolicy": {"referrerPolicy": "strict-origin-when-cross-origin", "override": True},
    }
    items = inputs["customHeadersConfig"]["items"]
    assert [(i["header"], i["override"]) for i in items] == [
        ("Content-Security-Policy-Report-Only", True),
        ("Permissions-Policy", True),
    ]
    policy = items[0]["value"].split("; ")
    assert policy[0] == "default-src 'self'"
    assert "frame-ancestors 'none'" in policy


def test_the_apis_headers_override_nothing() -> None:
    inputs = deployed().one(HEADERS, "site-api-headers").inputs
    assert set(inputs) == {"comment", "securityHeadersConfig"}
    security = inputs["securityHeadersConfig"]
    assert set(security) == {
        "strictTransportSecurity",
        "contentTypeOptions",
        "frameOptions",
        "referrerPolicy",
    }
    assert [part["override"] for part in security.values()] == [False] * 4


def test_production_keeps_what_cannot_be_made_again() -> None:
    d = deployed(**EVERYTHING)
    kept = {r.name for r in d.resources if r.protect}
    # The log of a firewall stays when `waf: false` takes the firewall, which protection would refuse.
    assert kept | {"site-firewall-log"} == {r.name for r in d.resources if r.retain_on_delete}
    assert kept == {
        *(
            f"site-bucket{s}"
            for s in ("", "-public-access", "-ownership", "-encryption", "-versioning", "-policy")
        ),
        *(f"site-logs{s}" for s in ("", "-public-access", "-ownership", "-encryption", "-policy")),
        "site-releases",
        "site-access",
        "site-distribution",
    }
    for bucket in d.all("aws:s3/bucket:Bucket"):
        assert bucket.inputs["forceDestroy"] is False
    assert not [r.name for r in deployed().resources if r.protect or r.retain_on_delete]


@pytest.mark.parametrize("overrides", VARIANTS)
def test_a_preview_registers_the_same_resources(overrides: dict[str, Any]) -> None:
    known, unknown = deployed(**overrides), deployed(preview=True, **overrides)
    assert known.urns() == unknown.urns()
    assert unknown.value("distribution_id") is None
    assert known.value("distribution_id")
    policy = unknown.one("aws:s3/bucketPolicy:BucketPolicy", "site-bucket-policy").inputs["policy"]
    assert policy == UNKNOWN


@pytest.mark.parametrize("preview", [False, True])
def test_unknown_arguments_change_nothing_about_what_is_registered(preview: bool) -> None:
    def build() -> None:
        late = pulumi.Output.from_input("x").apply(lambda x: x)
        route = api_route(
            domain_name=late, origin_path=pulumi.Output.concat("/", late), headers={"X-Origin-Verify": late}
        )
        StaticSite("site", site_args(routes=(route,), account_id=late, domain=DOMAIN))

    assert deploy(build, preview=preview).urns() == deployed(domain=DOMAIN).urns()


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def without(value: Any, paths: frozenset[str], at: str = "") -> Any:
    """``value`` less what stands at a secret path."""
    if at in paths:
        return None
    if isinstance(value, Mapping):
        return {k: without(v, paths, f"{at}.{k}" if at else k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without(v, paths, f"{at}[{i}]") for i, v in enumerate(value)]
    return value


def test_no_secret_stands_outside_a_secret_path() -> None:
    d = deployed(**EVERYTHING)
    token = d.one(PASSWORD).outputs["result"]
    assert len(token) == 40
    seen = 0
    for resource in d.resources:
        for secret in (SECRET, token):
            seen += any(secret in text for text in strings(resource.inputs))
            open_ = without(resource.inputs, resource.secret_paths)
            assert not [text for text in strings(open_) if secret in text], resource.name
    assert seen == 2
    assert d.one(DISTRIBUTION).secret_paths == {"origins[1].customHeaders[0].value"}
    outputs = d.component_outputs("StaticSite::site")
    assert outputs["preview_token"] == token
    assert d.component_secrets("StaticSite::site") == {"preview_token"}
    assert not d.is_secret("bucket_name")


def test_the_outputs_are_registered() -> None:
    d = deployed(domain=DOMAIN)
    distribution = d.one(DISTRIBUTION).outputs
    assert d.component_outputs("StaticSite::site") == {
        "bucket_name": d.one("aws:s3/bucket:Bucket", "site-bucket").outputs["bucket"],
        "distribution_id": distribution["id"],
        "distribution_arn": distribution["arn"],
        "distribution_domain": distribution["domainName"],
        "url": "https://example.com",
        "key_value_store_arn": d.one(STORE).outputs["arn"],
        "dns_records_to_add": [],
        "preview_token": d.one(PASSWORD).outputs["result"],
    }
    assert d.value("telemetry.distribution_id") == distribution["id"]
    assert d.value("telemetry.host") == "example.com"


def test_every_child_is_the_components_and_named_after_it() -> None:
    d = deployed(**EVERYTHING)
    (site,) = [r for r in d.resources if not r.custom]
    assert site.type == "orchestrator:index:StaticSite"
    children = [r for r in d.resources if r.custom]
    assert len(children) == 43
    for child in children:
        assert child.parent == site.urn, child.name
        assert child.name.startswith("site-"), child.name


def test_every_child_can_be_transformed_by_its_name() -> None:
    touched: set[str] = set()

    def touch(key: str):
        def transform(args: dict[str, Any]) -> dict[str, Any]:
            touched.add(key)
            return args

        return transform

    deployed(**EVERYTHING, transforms={key: touch(key) for key in StaticSite.CHILDREN})
    # Cache policies are made of an adopted site's legacy settings alone.
    assert touched == set(StaticSite.CHILDREN) - {"cache_policy"}
    assert len(set(StaticSite.CHILDREN)) == len(StaticSite.CHILDREN)


def test_a_transform_changes_its_child_alone() -> None:
    d = deployed(transforms={"distribution": {"price_class": "PriceClass_All"}})
    changed = d.one(DISTRIBUTION).inputs
    plain = deployed().one(DISTRIBUTION).inputs
    assert changed == {**plain, "priceClass": "PriceClass_All"}
    with pytest.raises(ValueError, match="transforms names 'distributions'"):
        deployed(transforms={"distributions": {}})


def sdk_class(token: str) -> type:
    """``aws:s3/bucket:Bucket`` as a class of the SDK."""
    package, module, name = token.split(":")
    return getattr(importlib.import_module(f"pulumi_{package}.{module.split('/')[0]}"), name)


def test_every_child_that_can_have_tags_has_them() -> None:
    tagged = []
    for child in deployed(**EVERYTHING).resources:
        if not child.type.startswith("aws:"):
            continue
        takes = "tags" in inspect.signature(sdk_class(child.type)._internal_init).parameters  # type: ignore[attr-defined]
        assert (child.inputs.get("tags") == TAGS) is takes, child.name
        if takes:
            tagged.append(child.name)
    assert len(tagged) == 12


def test_what_cloudfront_uses_stands_in_us_east_1_whatever_the_home_region() -> None:
    d = deploy(
        lambda: StaticSite("site", site_args(domain=DOMAIN, region="eu-central-1")), region="eu-central-1"
    )
    pinned = {
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:wafv2/webAcl:WebAcl",
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/logDeliverySource:LogDeliverySource",
        "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination",
        "aws:cloudwatch/logDelivery:LogDelivery",
    }
    assert {r.type for r in d.resources if r.inputs.get("region") == "us-east-1"} == pinned
    assert all(d.one(kind).inputs["region"] == "us-east-1" for kind in pinned)
    source = json.loads(d.by_name("site-logs-policy").inputs["policy"])["Statement"][0]
    assert source["Condition"]["ArnLike"]["aws:SourceArn"].startswith("arn:aws:logs:us-east-1:")


@pytest.mark.parametrize("overrides", VARIANTS)
def test_every_input_is_one_the_sdk_knows_and_none_is_deprecated(overrides: dict[str, Any]) -> None:
    for child in deployed(**overrides).resources:
        if child.custom:
            assert check_inputs(child.type, child.inputs) == [], child.name


@pytest.mark.slow
def test_wafv2_is_not_loaded_without_a_firewall() -> None:
    # Its nested types are 40 % of what a run of the program loads.
    code = (
        "import sys\n"
        "from tests.components.static_site.build import deployed\n"
        "deployed(waf=False, domain='example.com')\n"
        "sys.exit('pulumi_aws.wafv2._inputs' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    deployed()
    assert "pulumi_aws.wafv2._inputs" in sys.modules
