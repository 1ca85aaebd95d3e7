"""The code of the two CloudFront functions, with the stack's host names filled in.

The functions themselves are the JavaScript files beside this module.
"""

from __future__ import annotations

import re
from pathlib import Path

RUNTIME = "cloudfront-js-2.0"
"""The only runtime that can read a KeyValueStore."""

MAX_BYTES = 10 * 1024
"""Largest function CloudFront takes:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-functions"""

RELEASE_KEY = "release"
"""Key of the KeyValueStore with the live release id. The deployer alone writes it."""

PREVIEW_TOKEN_KEY = "preview-token"  # noqa: S105 (the name of a key, not its value)
"""Key of the KeyValueStore with the secret that a preview request shows."""

_FOLDER = Path(__file__).parent
_HOST = re.compile(r"[a-z0-9.-]*")


def edge_function_code(
    *, apex_host: str = "", www_host: str = "", api_host: str = "", site_mode: str = "static"
) -> str:
    """The viewer-request function of the site.

    Args:
        apex_host: where www is redirected to; "" without a domain.
        www_host: the host that is redirected; "": none is.
        api_host: the host that answers 404 outside the API; "": none does.
        site_mode: ``static`` (directory index) or ``spa``.

    Raises:
        ValueError: a value would not be safe inside a string literal, or the code is too long.
    """
    hosts = {"apex_host": apex_host, "www_host": www_host, "api_host": api_host}
    for key, host in hosts.items():
        if not _HOST.fullmatch(host):
            raise ValueError(
                f"{key} {host!r} is no host name in lower case: it may hold a-z, 0-9, '.' and '-'"
            )
    if site_mode not in ("static", "spa"):
        raise ValueError(f"site_mode {site_mode!r} must be 'static' or 'spa'")
    code = _source("edge_function.js")
    for key, value in {**hosts, "site_mode": site_mode}.items():
        code = code.replace("{{" + key + "}}", value)
    return _checked("edge_function.js", code)


def viewer_address_code() -> str:
    """The viewer-request function of the API: the viewer's address in ``X-Viewer-Address``."""
    return _checked("viewer_address.js", _source("viewer_address.js"))


def standby_code(origin_id: str) -> str:
    """The same, which also sends requests with the preview token to a second origin.

    Args:
        origin_id: of the origin that stands by.
    """
    return _checked("standby.js", _source("standby.js").replace("{{origin_id}}", origin_id))


def _source(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _checked(name: str, code: str) -> str:
    if "{{" in code:
        raise ValueError(
            f"{name} holds a placeholder that nothing fills in: {code[code.index('{{') :][:40]!r}"
        )
    size = len(code.encode())
    if size > MAX_BYTES:
        raise ValueError(f"{name} has {size} bytes; CloudFront takes {MAX_BYTES}. Shorten it.")
    return code
