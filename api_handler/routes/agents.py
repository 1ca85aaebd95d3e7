"""``/agents``."""

from __future__ import annotations

from api_handler.context import Context
from api_handler.errors import not_found
from api_handler.http import Response


async def agents(context: Context) -> Response:
    """``GET /agents``: all agents."""
    found = [agent.public() for agent in context.services.settings.registry.agents.values()]
    return Response.json(200, {"agents": found, "count": len(found)})


async def agent(context: Context, agent_id: str) -> Response:
    """``GET /agents/{id}``: one agent."""
    found = context.services.settings.registry.agents.get(agent_id)
    if found is None:
        raise not_found("There is no such agent.")
    return Response.json(200, found.public())
