"""What a response-headers policy does to an answer.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.local.http1 import Headers
from ops.local.policies import HeadersPolicy


def applied(policy: HeadersPolicy | None, headers: Headers, origin: str | None, method: str) -> Headers:
    """The headers after the policy.

    Args:
        policy: of the behavior; None: there is none.
        headers: of the answer.
        origin: the viewer's Origin header; CORS headers are added only for one that is allowed.
        method: of the request; a preflight gets all CORS headers.
    """
    if policy is None:
        return headers
    kept = [(n, v) for n, v in headers if n.lower() not in policy.removes] if policy.removes else headers
    sets = list(policy.sets)
    if policy.cors and origin is not None:
        sets += _cors(policy.cors, origin, method)
    there = {name.lower() for name, _ in kept}
    replaced = {name.lower() for name, _, override in sets if override}
    result = [(n, v) for n, v in kept if n.lower() not in replaced]
    result += [(n, v) for n, v, override in sets if override or n.lower() not in there]
    return result


def _cors(cors: Mapping[str, Any], origin: str, method: str) -> list[tuple[str, str, bool]]:
    origins = (cors.get("accessControlAllowOrigins") or {}).get("items") or []
    if "*" not in origins and not any(_origin_fits(o, origin) for o in origins):
        return []
    override = bool(cors.get("originOverride"))
    credentials = bool(cors.get("accessControlAllowCredentials"))
    every = "*" in origins and not credentials
    made = [("Access-Control-Allow-Origin", "*" if every else origin, override)]
    if not every:
        made.append(("Vary", "Origin", False))
    if credentials:
        made.append(("Access-Control-Allow-Credentials", "true", override))
    exposed = (cors.get("accessControlExposeHeaders") or {}).get("items") or []
    if exposed:
        made.append(("Access-Control-Expose-Headers", ", ".join(exposed), override))
    if method == "OPTIONS":
        methods = (cors.get("accessControlAllowMethods") or {}).get("items") or []
        allowed = (cors.get("accessControlAllowHeaders") or {}).get("items") or []
        made.append(("Access-Control-Allow-Methods", ", ".join(methods), override))
        made.append(("Access-Control-Allow-Headers", ", ".join(allowed), override))
        if cors.get("accessControlMaxAgeSec") is not None:
            made.append(("Access-Control-Max-Age", str(cors["accessControlMaxAgeSec"]), override))
    return made


def _origin_fits(allowed: str, origin: str) -> bool:
    if "*" not in allowed:
        return allowed == origin
    start, _, end = allowed.partition("*")
    return origin.startswith(start) and origin.endswith(end) and len(origin) >= len(start) + len(end)
