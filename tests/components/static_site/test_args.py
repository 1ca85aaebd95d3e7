"""Every rejection of StaticSite's arguments, with its message; names that are unique per account."""

from __future__ import annotations

import re
from typing import Any

import pytest

from components.interfaces import Route
from components.static_site.args import physical_name, problems
from tests.components.static_site.build import CERTIFICATE, api_route, deployed, site_args

REJECTED: list[tuple[dict[str, Any], str]] = [
    ({"domain": "https://example.com"}, "domain 'https://example.com' is no domain"),
    ({"domain": "Example.com"}, "domain 'Example.com' is no domain"),
    ({"domain": "example"}, "domain 'example' is no domain"),
    ({"domain": "example.com."}, "domain 'example.com.' is no domain"),
    ({"domain": "exämple.com"}, "domain 'exämple.com' is no domain"),
    ({"domain": "-a.com"}, "domain '-a.com' is no domain"),
    ({"domain": "10.0.0.1"}, "domain '10.0.0.1' is no domain"),
    ({"domain": "a." * 126 + "com"}, "is no domain"),
    ({"domain": "www.example.com"}, "must be the apex: give 'example.com'"),
    ({"api_subdomain": "a.b"}, "api_subdomain 'a.b' must be one label"),
    ({"api_subdomain": "www"}, "api_subdomain 'www' is the name that redirects"),
    ({"domain": "example.com", "hosted_zone_id": "example"}, "hosted_zone_id 'example' must be an id"),
    ({"hosted_zone_id": "Z123"}, "hosted_zone_id 'Z123' needs a domain"),
    ({"certificate_arn": CERTIFICATE}, f"certificate_arn '{CERTIFICATE}' needs a domain"),
    (
        {"domain": "example.com", "certificate_arn": CERTIFICATE.replace("us-east-1", "eu-central-1")},
        "must be the ARN of an ACM certificate in us-east-1",
    ),
    ({"dns_provider": "cloudflare"}, "dns_provider 'cloudflare' must be 'route53' or 'external'"),
    (
        {"domain": "example.com", "dns_provider": "external"},
        "needs certificate_arn: the records that validate a new certificate cannot be made there; issue one "
        "in us-east-1 for example.com, www.example.com, api.example.com and give its ARN",
    ),
    (
        {
            "domain": "example.com",
            "dns_provider": "external",
            "certificate_arn": CERTIFICATE,
            "hosted_zone_id": "Z123",
        },
        "hosted_zone_id has no use with dns_provider 'external'",
    ),
    ({"site_mode": "ssr"}, "site_mode 'ssr' must be 'static' or 'spa'"),
    ({"waf_rate_limit": 9}, "waf_rate_limit 9 must be a whole number from 10 to 2000000000"),
    ({"waf_rate_limit": 2_000_000_001}, "waf_rate_limit 2000000001 must be"),
    ({"waf_rate_limit": True}, "waf_rate_limit True must be"),
    ({"log_retention_days": 31}, "log_retention_days 31 must be one of 1, 3, 5"),
    ({"log_retention_days": 0}, "log_retention_days 0 must be one of"),
    ({"region": "Frankfurt"}, "region 'Frankfurt' must be a Region"),
    ({"stack": ""}, "stack '' must be the stack's name"),
    ({"routes": (api_route(protocol="match-viewer"),)}, "protocol 'match-viewer' must be"),
    ({"routes": (api_route(read_timeout_s=0),)}, "read_timeout_s 0 must be a whole number of seconds"),
    ({"routes": (api_route(origin_path="live/"),)}, "origin_path 'live/' must start with '/'"),
    ({"routes": (api_route(), api_route())}, "routes '/api/*' is there twice"),
    (
        {"routes": (api_route(), Route(path_pattern="/b/*", origin=api_route().origin))},
        "origin_id 'api' already names the origin of '/api/*'",
    ),
    (
        {"routes": (Route(path_pattern="/a/*", origin=api_route().origin, origin_id="site"),)},
        "origin_id 'site' must be letters",
    ),
]
REJECTED += [
    ({"routes": (Route(path_pattern=p, origin=api_route().origin),)}, f"routes {p!r}: path_pattern must be")
    for p in ("/*", "*", "api/*", "/api", "/api*", "/a*i/*", "*.jpg", "/api/?", "/api//*", "/a b/*", "/é/*")
]


@pytest.mark.parametrize(("overrides", "message"), REJECTED)
def test_each_rejection_says_what_is_wrong(overrides: dict[str, Any], message: str) -> None:
    found = problems(site_args(**overrides))
    assert len([p for p in found if message in p]) == 1, found


def test_all_problems_come_in_one_error_and_nothing_is_registered() -> None:
    with pytest.raises(ValueError, match=re.escape("StaticSite 'site': ")) as caught:
        deployed(domain="https://x", site_mode="ssr", waf_rate_limit=0, log_retention_days=2, stack="")
    for part in (
        "domain 'https://x'",
        "site_mode 'ssr'",
        "waf_rate_limit 0",
        "log_retention_days 2",
        "stack ''",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"domain": "example.com"},
        {"domain": "a-b.example.co.uk", "api_subdomain": ""},
        {"domain": "xn--mnchen-3ya.example"},
        {"domain": "example.com", "www_redirect": False, "api_subdomain": "www"},
        {"domain": "example.com", "dns_provider": "external", "certificate_arn": CERTIFICATE},
        {"dns_provider": "external"},
        {"routes": ()},
        {
            "routes": (
                api_route(),
                Route(path_pattern="/api-docs/v1/*", origin=api_route().origin, origin_id="b"),
            )
        },
        {"waf_rate_limit": 10, "log_retention_days": 3653},
    ],
)
def test_what_is_allowed_is_not_refused(overrides: dict[str, Any]) -> None:
    assert problems(site_args(**overrides)) == []


def test_one_origin_may_answer_two_patterns() -> None:
    first = api_route()
    assert problems(site_args(routes=(first, Route(path_pattern="/v2/*", origin=first.origin)))) == []


@pytest.mark.parametrize(
    ("overrides", "hosts"),
    [
        ({}, ()),
        ({"domain": "example.com"}, ("example.com", "www.example.com", "api.example.com")),
        ({"domain": "example.com", "www_redirect": False}, ("example.com", "api.example.com")),
        ({"domain": "example.com", "api_subdomain": ""}, ("example.com", "www.example.com")),
        ({"domain": "example.com", "routes": ()}, ("example.com", "www.example.com")),
    ],
)
def test_hosts(overrides: dict[str, Any], hosts: tuple[str, ...]) -> None:
    assert site_args(**overrides).hosts == hosts


def test_physical_names_keep_apart_what_is_cut_or_changed() -> None:
    assert physical_name("site", "dev", "us-east-1", limit=60) == "site-dev-us-east-1"
    long = {physical_name("site", "a" * 80 + end, limit=60) for end in "xyz"}
    assert len(long) == 3
    assert {len(n) for n in long} == {60}
    assert physical_name("site", "a.b", limit=60) != physical_name("site", "a-b", limit=60)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", physical_name("site", "a.b/ü", limit=60))
