"""``POST /orchestrate``: a task now, as one answer or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from api_handler.context import Context
from api_handler.errors import ApiError
from api_handler.http import Response, until_gone
from api_handler.model import Usage
from api_handler.orchestrator import Answer, Task
from api_handler.sessions import new_session_id
from api_handler.sse import Channel, event_stream, stream_work
from api_handler.store import StoreError
from api_handler.validation import orchestrate_body


async def orchestrate(context: Context) -> Response:
    """Work on a task; ``Accept: text/event-stream`` streams it."""
    services = context.services
    registry = services.settings.registry
    body = orchestrate_body(await context.request.json_object(), registry.agents)
    day_left = await context.day_left()
    session_id = body.session_id or new_session_id()
    await services.sessions.open(session_id, context.owner)
    task = Task(
        text=body.task,
        context=body.context,
        agents=tuple(registry.agents[agent_id] for agent_id in body.agent_ids),
        session_id=session_id,
        shown_session_id=session_id,
        owner=context.owner,
        deadline=context.request.deadline,
        spend=context.spend,
        day_left=day_left,
    )
    context.check_busy()
    if wants_stream(context):
        return stream_task(context, task)
    async with context.busy():
        answer = await until_gone(context.request, work(context, task, _silent))
    error = answer.error()
    if error is not None:
        raise error
    return Response.json(200, answer.public())


def wants_stream(context: Context) -> bool:
    """Whether the request accepts an event stream."""
    values = ",".join(context.request.header_values("accept")).lower().split(",")
    return any(value.partition(";")[0].strip() == "text/event-stream" for value in values)


def _silent(type: str, **data: object) -> None:
    """Nobody listens to the steps of an answer that comes in one piece."""


async def work(context: Context, task: Task, emit: object) -> Answer:
    """Work on a task and note what it used, also when it is cut short."""

    def seen(usage: Usage) -> None:
        context.usage = usage

    answer = await context.services.orchestrator.work(task, emit, seen)  # type: ignore[arg-type]
    context.note(answer)
    return answer


def stream_task(context: Context, task: Task) -> Response:
    """The event stream of a task; every failure from here on is an event in it."""

    async def run(channel: Channel) -> None:
        channel.emit("status", status="running", session_id=task.shown_session_id)
        try:
            answer = await work(context, task, channel.emit)
            end = {"status": "completed"}
            failed = next((outcome.error for outcome in answer.outcomes if outcome.error), None)
            error = answer.error()
            if error is None and failed is not None:
                error = ApiError(502, "model_failed", failed.describe())
            if error is not None:
                end["status"] = "failed"
                context.fields["code"] = error.code
                channel.emit("error", **error.body(context.request.request_id))
            if answer.error() is None:
                channel.emit("answer", **answer.public())
            if answer.stop_reason:
                end["reason"] = answer.stop_reason
            elif error is not None:
                end["reason"] = error.code
            channel.emit("end", **end)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _fail(context, channel, error)

    async def body() -> AsyncGenerator[bytes]:
        async with context.busy(), aclosing(stream_work(run)) as chunks:
            async for chunk in chunks:
                yield chunk

    return event_stream(body())


def _fail(context: Context, channel: Channel, error: Exception) -> None:
    if isinstance(error, ApiError):
        answer = error
    elif isinstance(error, StoreError):
        answer = ApiError(503, "store_unavailable", "The API's store does not answer.")
    else:
        context.log.failure("unexpected", error, request_id=context.request.request_id)
        answer = ApiError(500, "internal_error", "The API failed; the log has the request id.")
    context.fields["code"] = answer.code
    channel.emit("error", **answer.body(context.request.request_id))
    channel.emit("end", status="failed", reason=answer.code)
