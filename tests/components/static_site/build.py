"""What the tests of StaticSite start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.component import Transform
from components.interfaces import ApiOrigin, Route
from components.static_site import StaticSite, StaticSiteArgs
from tests.components.harness import Deployment, deploy

TAGS = {"project": "orchestrator", "stack": "dev"}
DOMAIN = "example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
SECRET = "the-origin-verify-value"


def api_route(**overrides: Any) -> Route:
    """The route of a REST API."""
    origin = {
        "domain_name": "abc123.execute-api.us-east-1.amazonaws.com",
        "origin_path": "/live",
        "headers": {"X-Origin-Verify": SECRET},
        "read_timeout_s": 45,
        **overrides,
    }
    return Route(path_pattern="/api/*", origin=ApiOrigin(**origin))


def site_args(**overrides: Any) -> StaticSiteArgs:
    """A development stack with an API and no domain."""
    values: dict[str, Any] = {
        "routes": (api_route(),),
        "protect_data": False,
        "log_retention_days": 30,
        "account_id": "123456789012",
        "region": "us-east-1",
        "stack": "dev",
        "tags": TAGS,
        **overrides,
    }
    return StaticSiteArgs(**values)


def deployed(
    *, preview: bool = False, transforms: Mapping[str, Transform] | None = None, **overrides: Any
) -> Deployment:
    """One site, registered; its outputs can be asked for with ``value``.

    The same arguments are registered once for all tests: nobody changes a Deployment.
    """
    if transforms:
        return _deployed(preview, transforms, overrides)
    key = f"{preview} {sorted(overrides.items())!r}"
    if key not in _MADE:
        _MADE[key] = _deployed(preview, None, overrides)
    return _MADE[key]


_MADE: dict[str, Deployment] = {}


def _deployed(
    preview: bool, transforms: Mapping[str, Transform] | None, overrides: Mapping[str, Any]
) -> Deployment:
    def build() -> dict[str, Any]:
        site = StaticSite("site", site_args(**overrides), transforms=transforms)
        return {
            key: pulumi.Output.from_input(getattr(site, key))
            for key in (
                "bucket_name",
                "distribution_id",
                "distribution_arn",
                "distribution_domain",
                "url",
                "key_value_store_arn",
                "dns_records_to_add",
                "preview_token",
            )
        } | {
            f"telemetry.{key}": pulumi.Output.from_input(value) for key, value in vars(site.telemetry).items()
        }

    return deploy(build, preview=preview)
