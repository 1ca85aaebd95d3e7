"""The table of routes. ``openapi.json`` says the same, and a test holds the two together."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING

from api_handler.http import Response

if TYPE_CHECKING:
    from api_handler.context import Context
    from api_handler.services import Services

BASE = "/api/v1"
Handler = Callable[..., Awaitable[Response]]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Route:
    """One path.

    Attributes:
        pattern: the path below ``/api/v1``; ``{id}`` stands for one segment.
        methods: method to ``module.function`` of its handler, imported when it is first
            asked for; ``GET`` serves ``HEAD`` too.
        needs_key: whether an API key is checked before the handler runs.
        public_chat: whether the path exists only with the public chat.
    """

    def __init__(
        self, pattern: str, *, needs_key: bool = True, public_chat: bool = False, **methods: str
    ) -> None:
        self.pattern = pattern
        self.methods = methods
        self.needs_key = needs_key
        self.public_chat = public_chat

    @property
    def allow(self) -> str:
        """Value of the ``Allow`` header."""
        methods = list(self.methods)
        if "GET" in methods:
            methods.append("HEAD")
        return ", ".join([*methods, "OPTIONS"])

    def handler(self, method: str) -> Handler | None:
        """The handler of a method."""
        name = self.methods.get("GET" if method == "HEAD" else method)
        if name is None:
            return None
        module, _, function = name.partition(".")
        handler: Handler = getattr(import_module(f"api_handler.routes.{module}"), function)
        return handler

    def enabled(self, services: Services) -> bool:
        """Whether the path exists in this deployment."""
        return not self.public_chat or services.settings.public_chat is not None

    def options(self, context: Context) -> Response:
        """Answer of ``OPTIONS``."""
        headers = [("Allow", self.allow)]
        if self.public_chat:
            from api_handler.routes.chat import preflight

            headers += preflight(context)
        return Response(204, headers=headers, content_type=None)


ROUTES = (
    Route("/health", GET="health.health", needs_key=False),
    Route("/status", GET="health.status", needs_key=False),
    Route("/openapi.json", GET="health.openapi", needs_key=False),
    Route("/agents", GET="agents.agents"),
    Route("/agents/{id}", GET="agents.agent"),
    Route("/orchestrate", POST="orchestrate.orchestrate"),
    Route("/run", POST="runs.create"),
    Route("/runs", GET="runs.listing"),
    Route("/runs/{id}", GET="runs.one"),
    Route("/runs/{id}/stream", GET="runs.stream"),
    Route("/runs/{id}/cancel", POST="runs.cancel"),
    Route("/chat", POST="chat.chat", needs_key=False, public_chat=True),
)

_TABLE = [(tuple((BASE + route.pattern).split("/")), route) for route in ROUTES]


def match(path: str) -> tuple[Route | None, tuple[str, ...]]:
    """Find the route of a path, byte for byte: no decoding, no redirect, no forgiveness.

    Returns:
        The route, or None, and the ids in the path.
    """
    segments = path.split("/")
    for pattern, route in _TABLE:
        if len(pattern) == len(segments):
            ids = []
            for expected, found in zip(pattern, segments, strict=True):
                if expected == "{id}":
                    if not _ID.fullmatch(found):
                        break
                    ids.append(found)
                elif expected != found:
                    break
            else:
                return route, tuple(ids)
    return None, ()
