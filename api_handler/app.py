"""The ASGI application: routes, the order of the checks, the error boundary, one log line a request."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from api_handler.context import Context
from api_handler.errors import ApiError, ClientGone, not_found
from api_handler.http import Receive, Request, Response, Scope, Send, until_gone
from api_handler.routes import match
from api_handler.services import Services
from api_handler.store import StoreError

HEALTH = "/api/v1/health"


class App:
    """The API as an ASGI application.

    Args:
        services: the parts it runs on.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.open_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of ASGI 3 (https://asgi.readthedocs.io/en/stable/specs/www.html)."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
            return
        started = time.monotonic()
        request = Request(scope, receive)
        context = Context(self.services, request)
        status = 0
        self.open_requests += 1
        try:
            response = await self._answer(context)
            status = response.status
            if isinstance(response.body, bytes):
                await response.send(request, send)
            else:
                await until_gone(request, response.send(request, send))
        except ClientGone:
            context.fields["client_gone"] = True
        finally:
            self.open_requests -= 1
            self._log(context, status, time.monotonic() - started)

    async def _answer(self, context: Context) -> Response:
        request = context.request
        try:
            return await self._dispatch(context)
        except ApiError as error:
            context.fields["code"] = error.code
            return Response.json(error.status, error.body(request.request_id), headers=error.headers)
        except StoreError as error:
            context.log.warn("store_failed", error=str(error), request_id=request.request_id)
            failed = ApiError(
                503, "store_unavailable", "The API's store does not answer.", headers=[("Retry-After", "5")]
            )
            context.fields["code"] = failed.code
            return Response.json(failed.status, failed.body(request.request_id), headers=failed.headers)
        except (ClientGone, asyncio.CancelledError):
            raise
        except Exception as error:
            context.log.failure("unexpected", error, request_id=request.request_id)
            failed = ApiError(500, "internal_error", "The API failed; the log has the request id.")
            context.fields["code"] = failed.code
            return Response.json(500, failed.body(request.request_id))

    async def _dispatch(self, context: Context) -> Response:
        request, gate = context.request, self.services.gate
        edge = request.header_values("x-origin-verify")
        if request.path == HEALTH:
            # Asked by load balancers and health checks, which do not come through the edge.
            context.from_edge = False
        else:
            context.from_edge = await gate.check_origin(edge)
        route, parameters = match(request.path)
        if route is None or not route.enabled(self.services):
            raise not_found()
        context.route = "/api/v1" + route.pattern
        if request.method == "OPTIONS":
            return route.options(context)
        handler = route.handler(request.method)
        if handler is None:
            allowed = [("Allow", route.allow)]
            message = f"{request.method[:16]} is not possible here; allowed: {route.allow}."
            raise ApiError(405, "method_not_allowed", message, headers=allowed)
        if route.needs_key:
            await context.check_key()
        return await handler(context, *parameters)

    def _log(self, context: Context, status: int, seconds: float) -> None:
        request, usage = context.request, context.usage
        fields: dict[str, Any] = {
            "request_id": request.request_id,
            "trace_id": request.trace_id,
            "key": context.key_name,
            "method": request.method[:16],
            "route": context.route,
            "status": status,
            "duration_ms": round(seconds * 1000, 1),
            "model": context.model,
            "input_tokens": usage.input_tokens if usage else 0,
            "output_tokens": usage.output_tokens if usage else 0,
            "usd": round(usage.usd, 8) if usage else 0.0,
            **context.fields,
        }
        metrics: dict[str, float] = {
            "Requests": 1,
            "Errors": int(status >= 500),
            "Latency": round(seconds * 1000, 1),
        }
        if usage and (usage.input_tokens or usage.output_tokens):
            metrics["InputTokens"] = usage.input_tokens
            metrics["OutputTokens"] = usage.output_tokens
            metrics["Usd"] = round(usage.usd, 8)
        refused = {401: "Unauthorized", 404: "NotFound", 429: "RateLimited"}.get(status)
        if refused:
            metrics[refused] = 1
        # Health checks come every few seconds: counted, they would hide ten failing requests an hour.
        context.log.request(fields, {} if request.path == HEALTH else metrics)
