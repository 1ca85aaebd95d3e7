"""``POST /chat``: the chat of the site itself, without a key and under caps."""

from __future__ import annotations

import hashlib

from api_handler.context import Context
from api_handler.http import Response
from api_handler.limits import PublicChat
from api_handler.orchestrator import Task
from api_handler.routes.orchestrate import stream_task
from api_handler.sessions import new_session_id
from api_handler.validation import chat_body, chat_origin

OWNER = "public"
UNGUESSABLE = 22
"""Characters from which on a session id counts as one that nobody guesses (128 bits in base 64)."""


async def chat(context: Context) -> Response:
    """Answer one message of a visitor as an event stream: the default agent, without tools."""
    services, request = context.services, context.request
    caps = _caps(context)
    chat_origin(caps.origins, request.header_values("origin"), request.header("sec-fetch-site"))
    network = context.client_network()
    await services.meter.request(f"ip#{network}", caps.ip_rpm)
    body = chat_body(await request.json_object())
    left = await services.meter.left(OWNER, caps.daily_usd)
    shown = body.session_id or new_session_id()
    # A short id could be guessed: it stands for a session of this client's network only.
    scope = "" if len(shown) >= UNGUESSABLE else hashlib.sha256(network.encode()).hexdigest()[:16]
    session_id = f"{OWNER}#{scope}#{shown}"
    context.check_busy()
    await services.meter.turn(session_id, caps.session_turns)

    async def spend(usd: float) -> float:
        return caps.daily_usd - await services.meter.spend(OWNER, usd)

    task = Task(
        text=body.message,
        agents=(services.settings.registry.default,),
        session_id=session_id,
        shown_session_id=shown,
        owner=OWNER,
        tools=False,
        deadline=request.deadline,
        spend=spend,
        day_left=left,
    )
    response = stream_task(context, task)
    response.headers += _cors(context)
    return response


def preflight(context: Context) -> list[tuple[str, str]]:
    """Headers of ``OPTIONS`` for a page of an allowed other origin (https://fetch.spec.whatwg.org/#http-cors-protocol)."""
    headers = _cors(context)
    if headers:
        headers += [
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", "content-type"),
            ("access-control-max-age", "600"),
        ]
    return headers


def _cors(context: Context) -> list[tuple[str, str]]:
    origin = context.request.header("origin")
    if origin is None or origin not in _caps(context).origins:
        return []
    return [("access-control-allow-origin", origin), ("vary", "origin")]


def _caps(context: Context) -> PublicChat:
    caps = context.services.settings.public_chat
    assert caps is not None  # the route exists only with them
    return caps
