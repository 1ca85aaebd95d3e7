"""Response-headers policies: what the site's pages say to browsers, and what the API may leave unsaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.component import Component

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

HSTS_MAX_AGE_S = 365 * 24 * 3600

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Reported only: an enforced policy that was written for another site breaks this one."""

PERMISSIONS_POLICY = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def make_site_headers(component: Component, name: str) -> cloudfront.ResponseHeadersPolicy:
    """HSTS, nosniff, no framing, a short referrer, CSP in report-only mode.

    HSTS leaves subdomains out: they are not this program's. A report-only CSP has no field of its
    own and goes through the custom headers:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
    """
    from pulumi_aws import cloudfront

    return cloudfront.ResponseHeadersPolicy(
        f"{name}-site-headers",
        comment="Security headers of the site's pages",
        security_headers_config=_security(override=True, framing="DENY"),
        custom_headers_config=cloudfront.ResponseHeadersPolicyCustomHeadersConfigArgs(
            items=[
                cloudfront.ResponseHeadersPolicyCustomHeadersConfigItemArgs(
                    header="Content-Security-Policy-Report-Only", value=CONTENT_SECURITY_POLICY, override=True
                ),
                cloudfront.ResponseHeadersPolicyCustomHeadersConfigItemArgs(
                    header="Permissions-Policy", value=PERMISSIONS_POLICY, override=True
                ),
            ]
        ),
        opts=component.child("site_headers"),
    )


def make_api_headers(component: Component, name: str) -> cloudfront.ResponseHeadersPolicy:
    """The same without the CSP, each only where the application sets none of its own."""
    from pulumi_aws import cloudfront

    return cloudfront.ResponseHeadersPolicy(
        f"{name}-api-headers",
        comment="Security headers of the API where it sets none itself",
        security_headers_config=_security(override=False, framing="DENY"),
        opts=component.child("api_headers"),
    )


def _security(*, override: bool, framing: str) -> cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs:
    from pulumi_aws import cloudfront

    return cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs(
        strict_transport_security=cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
            access_control_max_age_sec=HSTS_MAX_AGE_S,
            include_subdomains=False,
            preload=False,
            override=override,
        ),
        content_type_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(
            override=override
        ),
        frame_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
            frame_option=framing, override=override
        ),
        referrer_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
            referrer_policy="strict-origin-when-cross-origin", override=override
        ),
    )
