"""The distribution as the edge reads it from what is planned, and what it says it cannot do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.errors import OpsError
from ops.local import architecture, policies
from ops.local.architecture import DISTRIBUTION, HEADERS_POLICY, Resource
from ops.local.policies import Selection
from tests.components.static_site.build import SECRET
from tests.ops.local.running import planned, resources, with_domain


def test_what_is_planned_is_what_is_served() -> None:
    plan = with_domain()
    assert plan.names[:-1] == ("example.com", "www.example.com", "api.example.com")
    assert plan.names[-1] == plan.domain
    assert [b.pattern for b in plan.behaviors] == ["/api/*", "*"]
    api, site = plan.behaviors
    assert (api.origin_id, site.origin_id) == ("api", "site")
    assert api.methods == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert site.methods == {"GET", "HEAD"}
    assert (api.compress, site.compress) == (False, True)
    assert (api.viewer_protocol, site.viewer_protocol) == ("redirect-to-https", "redirect-to-https")
    assert (api.cache.name, site.cache.name) == ("CachingDisabled", "CachingOptimized")
    assert api.request is not None
    assert api.request.name == "AllViewerExceptHostHeader"
    assert site.request is None
    assert plan.default_root_object == "index.html"
    assert plan.error_rules[403].page == "/404.html"
    assert plan.error_rules[403].response_code == 404
    assert plan.error_rules[502].page == ""
    assert plan.origins["api"].headers == (("X-Origin-Verify", SECRET),)
    assert plan.origins["api"].path == "/live"
    assert plan.origins["api"].read_timeout_s == 45
    assert plan.site.signed
    assert plan.site.bucket in plan.bucket_policies
    assert list(plan.store_keys[plan.store]) == ["preview-token"]


def test_headers_policies_are_read_field_by_field() -> None:
    api, site = planned().behaviors
    assert site.headers is not None
    assert api.headers is not None
    sets = {name: (value, override) for name, value, override in site.headers.sets}
    assert sets["Strict-Transport-Security"] == ("max-age=31536000", True)
    assert sets["X-Frame-Options"] == ("DENY", True)
    assert sets["X-Content-Type-Options"] == ("nosniff", True)
    assert sets["Content-Security-Policy-Report-Only"][0].startswith("default-src 'self'")
    assert {override for _, _, override in api.headers.sets} == {False}
    assert len(api.headers.sets) == 4


def test_every_shortcoming_is_said() -> None:
    assert planned(waf=False).warnings == (
        "nothing is cached: every request is a miss and reaches the origin",
        "HTTP/1.1 without TLS: no HTTP/2, HTTP/3, certificate or minimum TLS version",
        "compression is gzip only; CloudFront prefers Brotli",
        "no access log is delivered",
        "API Gateway itself is left out: its throttling, its limits, its own answers",
    )


def test_what_the_edge_cannot_do_is_said_of_a_plan_that_wants_it() -> None:
    changed = []
    for resource in resources():
        if resource.type == DISTRIBUTION:
            behavior = {
                **(before := resource.inputs["defaultCacheBehavior"]),
                "functionAssociations": [
                    {**before["functionAssociations"][0], "eventType": "viewer-response"}
                ],
                "lambdaFunctionAssociations": [{}], "trustedKeyGroups": ["k"], "cachePolicyId": "unknown-1",
                "originRequestPolicyId": "unknown-2", "responseHeadersPolicyId": "unknown-3",
                "forwardedValues": {"queryString": True},
            }  # fmt: skip
            inputs = {
                **resource.inputs, "defaultCacheBehavior": behavior, "webAclId": "arn:acl",
                "originGroups": [{}], "loggingConfig": {"bucket": "b"},
                "restrictions": {"geoRestriction": {"restrictionType": "whitelist"}},
            }  # fmt: skip
            resource = replace(resource, inputs=inputs)
        changed.append(resource)
    warnings = "\n".join(architecture.read(changed).warnings)
    for word in ("Lambda@Edge on *", "viewer-response function on *", "signed URLs",
                 "unknown-1", "unknown-2", "unknown-3", "legacy forwarded",
                 "web ACL", "geographic", "origin groups", "access log"):  # fmt: skip
        assert word in warnings


def test_one_distribution_exactly() -> None:
    with pytest.raises(OpsError, match="0 distributions"):
        architecture.read([])
    (one,) = [r for r in resources() if r.type == DISTRIBUTION]
    with pytest.raises(OpsError, match="2 distributions"):
        architecture.read([*resources(), one])


def test_a_function_that_is_not_in_the_stack() -> None:
    with pytest.raises(OpsError, match="names the function"):
        architecture.read([r for r in resources() if "cloudfront/function" not in r.type])


def test_a_headers_policy_of_the_program() -> None:
    inputs = {
        "name": "p",
        "removeHeadersConfig": {"items": [{"header": "Server"}]},
        "corsConfig": {"accessControlAllowOrigins": {"items": ["https://a.example"]}},
        "securityHeadersConfig": {
            "strictTransportSecurity": {
                "accessControlMaxAgeSec": 5, "includeSubdomains": True, "preload": True, "override": True,
            },
            "xssProtection": {"protection": True, "modeBlock": True, "override": False},
        },
    }  # fmt: skip
    policy = policies.headers_policy(inputs)
    assert policy.sets == (
        ("Strict-Transport-Security", "max-age=5; includeSubDomains; preload", True),
        ("X-XSS-Protection", "1; mode=block", False),
    )
    assert policy.removes == {"server"}
    assert HEADERS_POLICY.startswith("aws:cloudfront/")


def test_policies_of_the_program() -> None:
    made = policies.cache_policy(
        {
            "name": "c",
            "maxTtl": 0,
            "parametersInCacheKeyAndForwardedToOrigin": {
                "enableAcceptEncodingGzip": True,
                "headersConfig": {"headerBehavior": "whitelist", "headers": {"items": ["X-A"]}},
                "cookiesConfig": {"cookieBehavior": "allExcept", "cookies": {"items": ["b"]}},
                "queryStringsConfig": {"queryStringBehavior": "all"},
            },
        }
    )
    assert (made.headers, made.cookies) == (
        Selection("some", frozenset({"x-a"})), Selection("except", frozenset({"b"}))
    )  # fmt: skip
    assert made.queries.takes("anything")
    assert (made.gzip, made.brotli, made.caches) == (True, False, False)
    assert made.cookies.takes("a")
    assert not made.cookies.takes("b")
    request = policies.request_policy(
        {
            "headersConfig": {
                "headerBehavior": "allViewerAndWhitelistCloudFront",
                "headers": {"items": ["CloudFront-Viewer-Address"]},
            }
        }
    )
    assert request.headers.takes("anything")
    assert request.cloudfront_headers == {"cloudfront-viewer-address"}


def test_no_api_no_route() -> None:
    plan = planned(routes=())
    assert [b.pattern for b in plan.behaviors] == ["*"]
    assert list(plan.origins) == ["site"]
    assert isinstance(resources(routes=())[0], Resource)
