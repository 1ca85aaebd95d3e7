"""What StaticSite takes, and every rule its arguments must keep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components import forms
from components.interfaces import Route

if TYPE_CHECKING:
    from components.static_site.adoption import Adopted

SITE_ORIGIN_ID = "site"
"""Origin id of the bucket within the distribution; routes may not use it."""

_PATTERN = re.compile(r"/(?:[A-Za-z0-9_.$~'\"@:+&-]+/)*\*")


@dataclass(frozen=True, kw_only=True)
class StaticSiteArgs:
    """Arguments of ``StaticSite``.

    Attributes:
        domain: apex such as ``example.com``; "": CloudFront's own host name.
        api_subdomain: label of the API's extra name, ``api``; "": none. Used only with routes.
        www_redirect: whether ``www.<domain>`` redirects to the apex.
        hosted_zone_id: Route 53 zone; "": looked up by the longest suffix of ``domain``.
        dns_provider: ``route53``, or ``external``: no record is made, ``dns_records_to_add`` tells them.
        certificate_arn: existing certificate in us-east-1; "": a new one, validated by DNS.
        site_mode: ``static`` (directory index) or ``spa`` (every page is ``/index.html``).
        waf: whether a web ACL stands before the distribution.
        waf_rate_limit: requests per address in five minutes.
        routes: other origins by path pattern, in order of precedence.
        protect_data: protect and retain what cannot be made again.
        log_retention_days: days that access and firewall logs are kept.
        account_id: AWS account.
        region: home Region of the stack.
        stack: stack name; part of every name that is unique per account.
        tags: tags of every child that can have some.
        log_key_arn: customer-managed key in us-east-1 for the firewall's log, which lives there;
            None: CloudWatch Logs' own key.
        adopted: a bucket and a distribution that run already, instead of new ones.
    """

    domain: str = ""
    api_subdomain: str = "api"
    www_redirect: bool = True
    hosted_zone_id: str = ""
    dns_provider: str = "route53"
    certificate_arn: str = ""
    site_mode: str = "static"
    waf: bool = True
    waf_rate_limit: int = 1000
    routes: Sequence[Route] = ()
    protect_data: bool
    log_retention_days: int
    account_id: pulumi.Input[str]
    region: str
    stack: str
    tags: Mapping[str, str]
    log_key_arn: pulumi.Input[str] | None = None
    adopted: Adopted | None = None

    def makes_record(self, host: str, kind: str) -> bool:
        """Whether an alias record is this stack's: not one that exists, nor of a name that is not served."""
        if self.adopted is None:
            return True
        # A CNAME is alone at its name: https://www.rfc-editor.org/rfc/rfc1034#section-3.6.2
        taken = {(host, kind), (host, "CNAME")} & self.adopted.records
        return host in self.adopted.served and not taken

    @property
    def www_host(self) -> str:
        """The name that redirects to the apex; "": none."""
        return f"www.{self.domain}" if self.domain and self.www_redirect else ""

    @property
    def api_host(self) -> str:
        """The extra name of the API; "": none."""
        return (
            f"{self.api_subdomain}.{self.domain}"
            if self.domain and self.api_subdomain and self.routes
            else ""
        )

    @property
    def hosts(self) -> tuple[str, ...]:
        """All names of the distribution, the apex first; empty without a domain."""
        return tuple(host for host in (self.domain, self.www_host, self.api_host) if host)


def problems(args: StaticSiteArgs) -> list[str]:
    """Everything that is wrong with ``args``, one sentence each: key, value, what is allowed, the mend."""
    return [
        *_domain_problems(args),
        *_choice_problems(args),
        *_route_problems(args.routes),
        *_standby_problems(args),
    ]


def _domain_problems(args: StaticSiteArgs) -> list[str]:
    found = []
    if args.domain and (not forms.DOMAIN.fullmatch(args.domain) or len(args.domain) > 253):
        found.append(
            f"domain {args.domain!r} is no domain: give a name in lower case without scheme, port or "
            "trailing dot, such as 'example.com' (international names as xn--…), or '' for none"
        )
    elif args.domain.startswith("www."):
        found.append(
            f"domain {args.domain!r} must be the apex: give {args.domain[4:]!r}, 'www' is for www_redirect"
        )
    if args.api_subdomain and not forms.LABEL.fullmatch(args.api_subdomain):
        found.append(f"api_subdomain {args.api_subdomain!r} must be one label such as 'api', or '' for none")
    if args.api_subdomain == "www" and args.www_redirect:
        found.append(
            "api_subdomain 'www' is the name that redirects: choose another, or set www_redirect to false"
        )
    if args.hosted_zone_id and not forms.ZONE_ID.fullmatch(args.hosted_zone_id):
        found.append(
            f"hosted_zone_id {args.hosted_zone_id!r} must be an id such as 'Z0123456789ABCDEFGHIJ', or ''"
        )
    if args.certificate_arn and not forms.CERTIFICATE.fullmatch(args.certificate_arn):
        found.append(
            f"certificate_arn {args.certificate_arn!r} must be the ARN of an ACM certificate in us-east-1, "
            "the only Region CloudFront takes one from"
        )
    for key in ("hosted_zone_id", "certificate_arn"):
        if getattr(args, key) and not args.domain:
            found.append(f"{key} {getattr(args, key)!r} needs a domain: set domain, or leave {key} empty")
    if args.dns_provider not in ("route53", "external"):
        found.append(f"dns_provider {args.dns_provider!r} must be 'route53' or 'external'")
    if args.dns_provider == "external" and args.domain and not args.certificate_arn:
        found.append(
            "dns_provider 'external' needs certificate_arn: the records that validate a new certificate "
            f"cannot be made there; issue one in us-east-1 for {', '.join(args.hosts)} and give its ARN"
        )
    if args.dns_provider == "external" and args.hosted_zone_id:
        found.append(
            "hosted_zone_id has no use with dns_provider 'external': leave it empty, or use 'route53'"
        )
    return found


def _choice_problems(args: StaticSiteArgs) -> list[str]:
    found = []
    if args.site_mode not in ("static", "spa"):
        found.append(f"site_mode {args.site_mode!r} must be 'static' or 'spa'")
    least, most = forms.WAF_RATE_LIMITS
    if type(args.waf_rate_limit) is not int or not least <= args.waf_rate_limit <= most:
        found.append(
            f"waf_rate_limit {args.waf_rate_limit!r} must be a whole number from {least} to {most}: "
            "requests per address in five minutes"
        )
    if args.log_retention_days not in forms.RETENTION_DAYS:
        found.append(
            f"log_retention_days {args.log_retention_days!r} must be one of "
            f"{', '.join(map(str, forms.RETENTION_DAYS))}"
        )
    if not forms.REGION.fullmatch(args.region):
        found.append(f"region {args.region!r} must be a Region such as 'us-east-1'")
    if not args.stack:
        found.append("stack '' must be the stack's name: it keeps names apart that are unique per account")
    return found


def _route_problems(routes: Sequence[Route]) -> list[str]:
    found = []
    patterns: set[str] = set()
    origins: dict[str, Route] = {}
    for route in routes:
        pattern, origin = route.path_pattern, route.origin
        where = f"routes {pattern!r}"
        if not _PATTERN.fullmatch(pattern) or pattern == "/*" or len(pattern) > 255:
            found.append(
                f"{where}: path_pattern must be a folder and '*', such as '/api/*', of at most 255 characters"
            )
        if pattern in patterns:
            found.append(f"{where} is there twice: the second would never be reached; remove one")
        patterns.add(pattern)
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", route.origin_id) or route.origin_id == SITE_ORIGIN_ID:
            found.append(
                f"{where}: origin_id {route.origin_id!r} must be letters, digits, '-', '_' or '.', "
                f"and not {SITE_ORIGIN_ID!r}, which is the bucket's"
            )
        first = origins.setdefault(route.origin_id, route)
        if first.origin is not origin:
            found.append(
                f"{where}: origin_id {route.origin_id!r} already names the origin of {first.path_pattern!r}: "
                "give the two origins two ids, or both routes the same origin"
            )
        if origin.protocol not in ("https-only", "http-only"):
            found.append(f"{where}: protocol {origin.protocol!r} must be 'https-only' or 'http-only'")
        if type(origin.read_timeout_s) is not int or origin.read_timeout_s < 1:
            found.append(
                f"{where}: read_timeout_s {origin.read_timeout_s!r} must be a whole number of seconds from 1"
            )
        path = origin.origin_path
        if isinstance(path, str) and path and not re.fullmatch(r"/.*[^/]", path):
            found.append(f"{where}: origin_path {path!r} must start with '/' and not end with it, or be ''")
    return found


def _standby_problems(args: StaticSiteArgs) -> list[str]:
    """The way to a standby is the preview token, which is in the store the edge function reads."""
    stands_by = any(route.standby is not None for route in args.routes)
    if args.adopted is None or not stands_by or "edge-function" in args.adopted.upgrades:
        return []
    return [
        "apiStandby on an adopted site needs the upgrade 'edge-function', which brings the store with the "
        f"preview token: python -m ops adopt --stack {args.stack} --upgrade edge-function, or switch in "
        f"one step: pulumi config rm apiStandby --stack {args.stack}"
    ]


def physical_name(*parts: str, limit: int) -> str:
    """A name of at most ``limit`` characters out of letters, digits, '-' and '_'.

    For names that AWS wants given and unique in an account. A name that is too long ends in a
    digest of the whole, so that two long names stay two.
    """
    whole = "-".join(parts)
    name = re.sub(r"[^A-Za-z0-9_-]", "-", whole)
    if len(name) > limit or name != whole:
        digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
        name = f"{name[: limit - 9]}-{digest}"
    return name
