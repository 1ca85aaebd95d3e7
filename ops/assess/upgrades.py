"""The changes ``ops adopt`` makes only when asked: names, what they do, what a visitor notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """One change that is asked for by name.

    Attributes:
        name: value of ``--upgrade``.
        what: what changes, one sentence.
        notice: what visitors notice.
        undo: the way back.
        check: the finding it mends.
    """

    name: str
    what: str
    notice: str
    undo: str
    check: str


_BACK = "adopt again without it and bring the stack up"

_ALL = (
    Upgrade(
        name="oac",
        what="bucket origins are read through an origin access control instead of an identity, a website "
        "endpoint or the public; the bucket policy lets the distribution in first.",
        notice="nothing, once directory index and redirects are the edge function's",
        undo=_BACK + "; the old statement stays in the policy until you take it out",
        check="cloudfront-origin-unguarded",
    ),
    Upgrade(
        name="https",
        what="behaviors that allow plain HTTP redirect to HTTPS.",
        notice="http:// answers 301",
        undo=_BACK,
        check="cloudfront-viewer-http",
    ),
    Upgrade(
        name="tls",
        what="the TLS floor rises to TLSv1.2_2021.",
        notice="nothing in any browser since 2014",
        undo=_BACK,
        check="cloudfront-tls-floor",
    ),
    Upgrade(
        name="http3",
        what="HTTP/3 is offered beside HTTP/2.",
        notice="faster starts",
        undo=_BACK,
        check="cloudfront-http-version",
    ),
    Upgrade(
        name="ipv6",
        what="the distribution answers over IPv6; AAAA records are added.",
        notice="nothing",
        undo=_BACK,
        check="cloudfront-ipv6",
    ),
    Upgrade(
        name="headers",
        what="the default behavior gets the stack's response headers policy.",
        notice="nothing; the content security policy only reports",
        undo=_BACK,
        check="cloudfront-headers",
    ),
    Upgrade(
        name="compress",
        what="text is compressed on the default behavior.",
        notice="faster pages",
        undo=_BACK,
        check="cloudfront-compress",
    ),
    Upgrade(
        name="cache-policies",
        what="legacy cache settings become cache policies with the same key and times.",
        notice="nothing; the cache starts empty once",
        undo=_BACK,
        check="cloudfront-legacy-cache",
    ),
    Upgrade(
        name="error-pages",
        what="error pages that would replace the API's answers go, after the edge function does their work.",
        notice="unknown pages answer with the site's 404 page and status 404",
        undo=_BACK,
        check="cloudfront-error-pages",
    ),
    Upgrade(
        name="edge-function",
        what="the stack's function (releases, directory index, www redirect) is put on the default behavior.",
        notice="nothing",
        undo=_BACK,
        check="cloudfront-root-object",
    ),
    Upgrade(
        name="logging",
        what="access logs (v2) are delivered to a private bucket beside what is logged now.",
        notice="nothing",
        undo=_BACK,
        check="cloudfront-logging",
    ),
)

UPGRADES: Mapping[str, Upgrade] = {upgrade.name: upgrade for upgrade in _ALL}
"""Every upgrade by name, in the order in which they are safe."""
