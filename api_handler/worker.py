"""Who works on runs: a task of this process, or on Lambda another invocation of the same function."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from api_handler.errors import ApiError, unavailable
from api_handler.lambda_events import WORKER_EVENT
from api_handler.log import Log
from api_handler.orchestrator import Answer, Task
from api_handler.run_events import LiveEvents
from api_handler.runs import NO_USAGE, Runs
from api_handler.store import Item, StoreError

if TYPE_CHECKING:
    from api_handler.services import Services

TICK_S = 0.25
RENEW_S = 15.0
MAX_ANSWER = 60_000
"""Characters of an answer that a record keeps; DynamoDB items end at 400 KB."""


class Worker:
    """Starts runs and works on them.

    Args:
        services: the parts of the API.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._live: dict[str, LiveEvents] = {}
        self._stopping = False

    @property
    def runs(self) -> Runs:
        """The records."""
        return self._services.runs

    def live(self, run_id: str) -> LiveEvents | None:
        """The events of a run that this process works on."""
        return self._live.get(run_id)

    def check(self) -> None:
        """Raise 503 when runs are impossible here: on Lambda without a table nothing outlives the answer."""
        settings = self._services.settings
        if settings.function_name and not settings.table_name:
            raise unavailable("runs_unavailable", "Runs need a table (TABLE_NAME) on Lambda.", 60)

    async def start(self, owner: str, run_id: str) -> None:
        """Let a pending run be worked on; returns at once.

        Raises:
            ApiError: 503 when Lambda does not take it; the run is failed then.
        """
        settings = self._services.settings
        if not settings.function_name:
            self._tasks[run_id] = asyncio.ensure_future(self._guarded(owner, run_id))
            return
        event = {"source": WORKER_EVENT, "owner": owner, "run_id": run_id}
        arguments: dict[str, Any] = {
            "FunctionName": settings.function_name,
            "InvocationType": "Event",
            "Payload": json.dumps(event).encode(),
        }
        if settings.worker_qualifier:
            arguments["Qualifier"] = settings.worker_qualifier
        try:
            await self._services.clients.call("lambda", "invoke", **arguments)
        except Exception as error:
            self._services.log.failure("worker_not_started", error, run_id=run_id)
            failed = {
                "status": "failed",
                "message": "The run failed.",
                "error": "The run could not be started.",
            }
            await self.runs.change(owner, run_id, ("pending",), failed)
            raise unavailable("run_not_started", "The run could not be started.", 5) from None

    def stop_local(self, run_id: str) -> None:
        """Stop work on a run here at once, after it was cancelled; elsewhere its worker looks by itself."""
        task = self._tasks.get(run_id)
        if task is not None:
            task.cancel()

    async def finish(self, seconds: float) -> None:
        """Give running work time to end, then fail what is left."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        self._stopping = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, owner: str, run_id: str) -> None:
        try:
            await self.work(owner, run_id, None)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self._services.log.failure("run_failed", error, run_id=run_id)
        finally:
            self._tasks.pop(run_id, None)

    async def work(self, owner: str, run_id: str, deadline: float | None) -> str | None:
        """Work on a run until its end.

        Args:
            owner: who it belongs to.
            run_id: its id.
            deadline: epoch seconds at which the platform ends this, or None.

        Returns:
            The state it ended in; None when there was nothing to do.
        """
        run = await self.runs.begin(owner, run_id)
        if run is None:
            return None
        services = self._services
        events = LiveEvents(run_id, self.runs.events, tokens=run["stream_tokens"])
        self._live[run_id] = events
        services.busy += 1
        progress = _Progress(events)
        working = asyncio.ensure_future(self._answer(run, owner, progress, deadline))
        ticking = asyncio.ensure_future(self._tick(owner, run_id, progress, working))
        try:
            try:
                answer = await working
                final = _final(answer)
            except asyncio.CancelledError:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)
                final = {"status": "failed", "error": "The server stopped.", "message": "The run failed."}
            except ApiError as error:
                failed = {"status": "failed", "message": "The run failed."}
                final = {**failed, "error": error.message, "reason": error.code}
            except Exception as error:
                services.log.failure("run_failed", error, run_id=run_id)
                final = {"status": "failed", "error": "The API failed.", "message": "The run failed."}
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            return await asyncio.shield(self._end(owner, run, progress, final))
        finally:
            services.busy -= 1
            self._live.pop(run_id, None)

    async def _answer(self, run: Item, owner: str, progress: _Progress, deadline: float | None) -> Answer:
        services = self._services
        day_left = None

        async def spend(usd: float) -> float | None:
            if run["daily_usd"] is None:
                return None
            return run["daily_usd"] - await services.meter.spend(owner, usd)

        if run["daily_usd"] is not None:
            day_left = await services.meter.left(owner, run["daily_usd"])
        agent = services.settings.registry.agents.get(run["agent_profile_id"])
        if agent is None:
            raise ApiError(422, "invalid_request", "The agent of this run is gone.")
        progress.emit("status", status="running", run_id=run["run_id"])
        task = Task(
            text=run["goal"],
            context=run["context"],
            agents=(agent,),
            owner=owner,
            deadline=deadline,
            spend=spend,
            day_left=day_left,
        )
        answer = await services.orchestrator.work(task, progress.emit, progress.seen)
        services.log_answer(answer)
        return answer

    async def _tick(
        self, owner: str, run_id: str, progress: _Progress, working: asyncio.Task[Answer]
    ) -> None:
        """Four times a second: write events, look for a cancel, tell what was done, renew the lease."""
        loop = asyncio.get_running_loop()
        renew_at = loop.time() + RENEW_S
        while True:
            await asyncio.sleep(TICK_S)
            # The work goes on while the store is away; what is unwritten waits for the next round.
            with contextlib.suppress(StoreError):
                cancelled = await self.runs.is_cancelled(run_id)
                if cancelled:
                    working.cancel()
                    return
                await progress.events.flush()
                if progress.changed:
                    progress.changed = False
                    await self.runs.change(owner, run_id, ("running",), progress.fields())
                if loop.time() >= renew_at:
                    renew_at = loop.time() + RENEW_S
                    await self.runs.renew(owner, run_id)

    async def _end(self, owner: str, run: Item, progress: _Progress, final: Item) -> str:
        """Write the end: the record first, so that who sees ``end`` finds the run finished."""
        run_id = run["run_id"]
        fields = {**progress.fields(), **final}
        reason = fields.pop("reason", None)
        ended = await _insist(self.runs.change, owner, run_id, ("running",), fields)
        status = fields["status"] if ended is not None else "cancelled"
        if ended is None:
            kept = {name: fields[name] for name in ("steps", "tool_calls", "usage")}
            partial = progress.text()
            await _insist(
                self.runs.change, owner, run_id, ("cancelled",), {**kept, "answer": partial or None}
            )
            progress.emit("end", status="cancelled")
        else:
            if fields.get("error"):
                code = reason or "run_failed"
                error = {"code": code, "message": fields["error"], "details": None, "request_id": run_id}
                progress.emit("error", error=error)
            if fields.get("answer"):
                progress.emit("answer", run_id=run_id, answer=fields["answer"], usage=fields["usage"])
            progress.emit("end", status=status, **({"reason": reason} if reason else {}))
        await _insist(progress.events.flush)
        _log_run(self._services.log, run, status, fields)
        return status


class _Progress:
    """What a run has done so far, for its record and its listeners."""

    def __init__(self, events: LiveEvents) -> None:
        self.events = events
        self.changed = False
        self._steps: list[dict[str, Any]] = []
        self._tool_calls: dict[str, dict[str, Any]] = {}
        self._texts: list[str] = []
        self._usage: Any = None

    def seen(self, usage: Any) -> None:
        self._usage = usage

    def text(self) -> str:
        return "".join(self._texts)[:MAX_ANSWER]

    def emit(self, type: str, **data: Any) -> None:
        if type == "step":
            self._steps.append(data)
            self.changed = True
        elif type == "tool":
            known = self._tool_calls.setdefault(data["tool_call_id"], {})
            known.update(data)
            self.changed = True
        elif type == "token":
            self._texts.append(data["text"])
        self.events.emit(type, **data)

    def fields(self) -> Item:
        return {
            "steps": self._steps[-200:],
            "tool_calls": list(self._tool_calls.values())[-50:],
            "usage": self._usage.public() if self._usage is not None else NO_USAGE,
        }


def _final(answer: Answer) -> Item:
    """The last fields of a run's record, from its answer."""
    (outcome,) = answer.outcomes
    text = outcome.output[:MAX_ANSWER] or None
    final: Item = {"answer": text, "stop_reason": outcome.stop_reason, "reason": outcome.stop_reason}
    error = answer.error()
    if error is not None:
        return {
            **final,
            "status": "failed",
            "message": "The run failed.",
            "error": error.message,
            "reason": outcome.stop_reason or error.code,
        }
    if outcome.error is not None:
        return {
            **final,
            "status": "failed",
            "message": "The run failed.",
            "error": outcome.error.describe(),
            "reason": "model_failed",
        }
    message = "The run was completed."
    if outcome.stop_reason:
        message = f"The run ended at its limit ({outcome.stop_reason}); the answer is partial."
    return {**final, "status": "completed", "message": message}


async def _insist(operation: Any, *arguments: Any) -> Any:
    """Do it although the store may be away for a moment."""
    for pause in (0.2, 0.5, 1.0):
        try:
            return await operation(*arguments)
        except StoreError:
            await asyncio.sleep(pause)
    return await operation(*arguments)


def _log_run(log: Log, run: Item, status: str, fields: Item) -> None:
    log.line(
        "run",
        run_id=run["run_id"],
        status=status,
        agent=run["agent_profile_id"],
        stop_reason=fields.get("stop_reason"),
        **fields["usage"],
    )
