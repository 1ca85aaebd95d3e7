"""``/_dev``: the architecture as planned, each request's way through the edge, the releases.

It exists in the local run only. What changes something wants a header that a page of another site
cannot send without being allowed to, and a local Host, so that no such page and no rebound name does it.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.errors import OpsError
from ops.local.architecture import Behavior
from ops.local.http1 import Request, Response
from ops.local.policies import Forwarding

if TYPE_CHECKING:
    from ops.local.dev import Dev

_FOLDER = Path(__file__).parent / "pages"
_FILES = {
    "/_dev": ("dev.html", "text/html; charset=utf-8"),
    "/_dev/": ("dev.html", "text/html; charset=utf-8"),
    "/_dev/dev.css": ("dev.css", "text/css; charset=utf-8"),
    "/_dev/dev.js": ("dev.js", "text/javascript; charset=utf-8"),
}


class DevPage:
    """Answers everything below ``/_dev``.

    Args:
        dev: what runs.
    """

    def __init__(self, dev: Dev) -> None:
        self._dev = dev

    async def answer(self, request: Request, path: str) -> Response:
        """A page, its data, or an action."""
        if path in _FILES and request.method in ("GET", "HEAD"):
            name, type_ = _FILES[path]
            return Response(200, [("Content-Type", type_), *_SAFE], (_FOLDER / name).read_bytes())
        if path == "/_dev/state" and request.method == "GET":
            return _json(200, await asyncio.to_thread(self._state))
        if path in ("/_dev/deploy", "/_dev/rollback") and request.method == "POST":
            return await self._act(request, path)
        return _json(404, {"error": "there is no such page"})

    async def _act(self, request: Request, path: str) -> Response:
        if request.get("x-dev") is None:
            return _json(400, {"error": "the header X-Dev is missing"})
        releases = self._dev.releases
        if releases is None:
            return _json(503, {"error": "the stack is coming up"})
        body = b""
        if request.body is not None:
            async for data in request.body:
                body += data
                if len(body) > 4096:
                    return _json(413, {"error": "the body is too long"})
        try:
            wanted = str(json.loads(body or b"{}").get("release", ""))
        except (ValueError, AttributeError):
            return _json(400, {"error": "the body is no JSON object"})
        try:
            if path == "/_dev/deploy":
                done = await asyncio.to_thread(releases.deploy)
            else:
                done = await asyncio.to_thread(releases.rollback, wanted)
        except OpsError as problem:
            return _json(409, {"error": problem.message})
        return _json(200, {"release": done})

    def _state(self) -> dict[str, Any]:
        dev = self._dev
        planned = dev.architecture
        made: dict[str, Any] = {
            "stack": dev.options.stack,
            "ready": planned is not None,
            "problem": dev.problem,
            "total": dev.log.total,
            "requests": dev.log.documents(),
            "messages": [{"time": when, "text": text} for when, text in reversed(list(dev.messages))],
        }
        if planned is None or dev.stack is None or dev.releases is None:
            return made
        counts: dict[str, int] = {}
        for resource in dev.stack.resources:
            package, _, rest = resource.type.partition(":")
            service = rest.split("/")[0] if package == "aws" else package
            if not resource.type.startswith("orchestrator:"):
                counts[service] = counts.get(service, 0) + 1
        made.update(
            names=list(planned.names),
            comment=planned.comment,
            distribution=planned.distribution_id,
            behaviors=[_behavior(b) for b in planned.behaviors],
            origins=[
                {
                    "id": o.id, "domain": o.domain, "path": o.path, "kind": o.kind,
                    "headers": [name for name, _ in o.headers],
                    "served_by": f"folder buckets/{o.bucket}" if o.bucket else dev.api_url or "nothing",
                }
                for o in planned.origins.values()
            ],
            error_pages=[
                {"code": r.code, "page": r.page, "response": r.response_code}
                for r in planned.error_rules.values()
            ],
            warnings=list(planned.warnings),
            services=dict(sorted(counts.items())),
            changes=list(dev.stack.changes),
            releases=dev.releases.rows(),
            api_key=dev.api_key,
            config=dict(dev.stack.config),
        )  # fmt: skip
        return made


def _behavior(behavior: Behavior) -> dict[str, Any]:
    return {
        "pattern": behavior.pattern,
        "origin": behavior.origin_id,
        "protocol": behavior.viewer_protocol,
        "methods": sorted(behavior.methods),
        "compress": behavior.compress,
        "cache": behavior.cache.name,
        "forwarded": _forwarded(behavior.cache, behavior.request),
        "request_policy": behavior.request.name if behavior.request else "",
        "headers_policy": behavior.headers.name if behavior.headers else "",
        "sets": [[name, value] for name, value, _ in behavior.headers.sets] if behavior.headers else [],
        "function": behavior.viewer_request.name if behavior.viewer_request else "",
    }


def _forwarded(*policies: Forwarding | None) -> str:
    words = []
    for what in ("headers", "cookies", "queries"):
        kinds = [getattr(p, what) for p in policies if p is not None]
        chosen = next((s for s in kinds if s.kind != "none"), None)
        if chosen is None:
            continue
        name = "query strings" if what == "queries" else what
        some = {"all": "all", "some": "only " + ", ".join(sorted(chosen.names)),
                "except": "all but " + ", ".join(sorted(chosen.names))}  # fmt: skip
        words.append(f"{name}: {some[chosen.kind]}")
    return "; ".join(words) or "nothing of the viewer's"


_SAFE = [
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
]


def _json(status: int, document: dict[str, Any]) -> Response:
    return Response(status, [("Content-Type", "application/json"), *_SAFE], json.dumps(document).encode())
