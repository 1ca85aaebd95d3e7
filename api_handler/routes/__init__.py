"""The table of routes. ``openapi.json`` says the same, and a test holds the two together."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api_handler.context import Context
from api_handler.http import Response
from api_handler.routes import agents, chat, health, orchestrate, runs
from api_handler.services import Services

BASE = "/api/v1"
Handler = Callable[..., Awaitable[Response]]
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One path.

    Attributes:
        pattern: the path below ``/api/v1``; ``{id}`` stands for one segment.
        methods: method to handler; ``GET`` serves ``HEAD`` too.
        needs_key: whether an API key is checked before the handler runs.
        public_chat: whether the path exists only with the public chat.
    """

    pattern: str
    methods: dict[str, Handler]
    needs_key: bool = True
    public_chat: bool = False

    @property
    def allow(self) -> str:
        """Value of the ``Allow`` header."""
        methods = list(self.methods)
        if "GET" in methods:
            methods.append("HEAD")
        return ", ".join([*methods, "OPTIONS"])

    def handler(self, method: str) -> Handler | None:
        """The handler of a method."""
        return self.methods.get("GET" if method == "HEAD" else method)

    def enabled(self, services: Services) -> bool:
        """Whether the path exists in this deployment."""
        return not self.public_chat or services.settings.public_chat is not None

    def options(self, context: Context) -> Response:
        """Answer of ``OPTIONS``."""
        headers = [("Allow", self.allow)]
        if self.public_chat:
            headers += chat.preflight(context)
        return Response(204, headers=headers, content_type=None)


ROUTES = (
    Route(pattern="/health", methods={"GET": health.health}, needs_key=False),
    Route(pattern="/status", methods={"GET": health.status}, needs_key=False),
    Route(pattern="/openapi.json", methods={"GET": health.openapi}, needs_key=False),
    Route(pattern="/agents", methods={"GET": agents.agents}),
    Route(pattern="/agents/{id}", methods={"GET": agents.agent}),
    Route(pattern="/orchestrate", methods={"POST": orchestrate.orchestrate}),
    Route(pattern="/run", methods={"POST": runs.create}),
    Route(pattern="/runs", methods={"GET": runs.listing}),
    Route(pattern="/runs/{id}", methods={"GET": runs.one}),
    Route(pattern="/runs/{id}/stream", methods={"GET": runs.stream}),
    Route(pattern="/runs/{id}/cancel", methods={"POST": runs.cancel}),
    Route(pattern="/chat", methods={"POST": chat.chat}, needs_key=False, public_chat=True),
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
