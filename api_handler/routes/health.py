"""``/health``, ``/status``, ``/openapi.json``."""

from __future__ import annotations

import time
from pathlib import Path

from api_handler import SERVICE, __version__
from api_handler.context import Context
from api_handler.errors import unavailable
from api_handler.http import Response
from api_handler.log import now_text


async def health(context: Context) -> Response:
    """``GET /health``: this process answers. With ``deep=1``: what it depends on does too."""
    healthy = {"status": "healthy", "version": __version__, "timestamp": now_text()}
    if context.request.query().get("deep") not in ("1", "true"):
        return Response.json(200, healthy)
    await context.check_key()
    checks = await context.services.deep_health.get(context.services)
    failing = [name for name, check in checks.items() if check["status"] == "failing"]
    if failing:
        from api_handler.deep_health import CACHE_S

        error = unavailable("unhealthy", f"Not answering: {', '.join(failing)}.", int(CACHE_S))
        error.details = {"checks": checks}
        raise error
    return Response.json(200, {**healthy, "checks": checks})


async def status(context: Context) -> Response:
    """``GET /status``: what this is."""
    services = context.services
    settings = services.settings
    return Response.json(
        200,
        {
            "service": SERVICE,
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - services.started_at, 3),
            "backend": settings.backend,
            "model": "scripted" if settings.model_kind == "scripted" else settings.models[0],
            "public_chat": settings.public_chat is not None,
        },
    )


async def openapi(context: Context) -> Response:
    """``GET /openapi.json``: the contract for programs."""
    return Response(200, Path(__file__).parents[1].joinpath("openapi.json").read_bytes())
