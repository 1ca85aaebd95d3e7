"""A task and the agents that work on it, side by side, within one budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from api_handler.budget import Budget
from api_handler.errors import ApiError, unavailable
from api_handler.jsontext import dumps
from api_handler.limits import Limits
from api_handler.log import now_text
from api_handler.loop import AgentLoop, Emit, Outcome
from api_handler.model import Message, ModelClient, Usage
from api_handler.prices import price_of
from api_handler.registry import Agent, Registry
from api_handler.routing import choose
from api_handler.sessions import Sessions, fit_history, plain_turn
from api_handler.tools.toolbox import Toolbox


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be done, and for whom.

    Attributes:
        text: the task in words.
        context: data that belongs to it.
        agents: chosen agents; empty: choose.
        session_id: id of the session in the store, or None for none.
        shown_session_id: the id the caller knows it by.
        owner: who the session belongs to.
        tools: False: answer without tools.
        deadline: epoch seconds of the platform's end, or None.
        spend: told about every cost; see ``Budget``.
        day_left: US dollars left of the day, or None.
    """

    text: str
    context: dict[str, Any] | None = None
    agents: tuple[Agent, ...] = ()
    session_id: str | None = None
    shown_session_id: str | None = None
    owner: str = ""
    tools: bool = True
    deadline: float | None = None
    spend: Callable[[float], Awaitable[float | None]] | None = None
    day_left: float | None = None


@dataclass
class Answer:
    """What came of a task."""

    outcomes: list[Outcome]
    usage: Usage
    session_id: str | None
    routed_by: str
    timestamp: str = field(default_factory=now_text)

    @property
    def success(self) -> bool:
        """Whether every agent came to an answer."""
        return all(outcome.success for outcome in self.outcomes)

    @property
    def stop_reason(self) -> str | None:
        """The first limit that ended an agent, or None."""
        return next((outcome.stop_reason for outcome in self.outcomes if outcome.stop_reason), None)

    @property
    def text(self) -> str:
        """The agents' texts together, under their names when there are several."""
        spoken = [outcome for outcome in self.outcomes if outcome.output.strip()]
        if len(self.outcomes) == 1:
            return spoken[0].output if spoken else ""
        return "\n\n".join(f"{outcome.agent.name}:\n{outcome.output}" for outcome in spoken)

    def error(self) -> ApiError | None:
        """The error to answer with when no agent produced anything, else None."""
        if any(outcome.output.strip() for outcome in self.outcomes):
            return None
        details = {"agents": {outcome.agent.agent_id: _why(outcome) for outcome in self.outcomes}}
        if all(outcome.error is None for outcome in self.outcomes):
            reason = self.stop_reason or "seconds"
            message = f"A limit ({reason}) was reached before there was an answer."
            return ApiError(504, "limit_reached", message, details={"stop_reason": reason, **details})
        failed = [outcome.error for outcome in self.outcomes if outcome.error is not None]
        if all(error.kind == "throttled" for error in failed):
            busy = unavailable("model_throttled", failed[0].describe(), 10)
            busy.details = details
            return busy
        return ApiError(502, "model_failed", failed[0].describe(), details=details)

    def public(self) -> dict[str, Any]:
        """The JSON answer of ``POST /orchestrate``."""
        done = sum(outcome.success for outcome in self.outcomes)
        names = ", ".join(outcome.agent.name for outcome in self.outcomes)
        return {
            "success": self.success,
            "results": [self._result(outcome) for outcome in self.outcomes],
            "message": f"{done} of {len(self.outcomes)} agents answered: {names}",
            "session_id": self.session_id,
            "usage": self.usage.public(),
        }

    def _result(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "agent_id": outcome.agent.agent_id,
            "agent_name": outcome.agent.name,
            "success": outcome.success,
            "output": outcome.output,
            "error": outcome.error.describe() if outcome.error else None,
            "metadata": {
                "model": outcome.agent.model,
                "stop_reason": outcome.stop_reason,
                "model_stop_reason": outcome.model_stop,
                "turns": outcome.turns,
                "tool_calls": outcome.tool_calls,
                "duration_ms": round(outcome.seconds * 1000),
                "usage": outcome.usage.public(),
                "usage_estimated": outcome.usage.estimated,
                "price_known": price_of(outcome.agent.model).known,
                "routed_by": self.routed_by,
            },
            "timestamp": self.timestamp,
        }


def _why(outcome: Outcome) -> str:
    return outcome.error.describe() if outcome.error else f"limit reached: {outcome.stop_reason}"


class Orchestrator:
    """Chooses agents, runs them side by side, keeps the session.

    Args:
        registry: the agents.
        models: models of the deployment.
        limits: the deployment's ceilings.
        model: the model client.
        toolbox: the tools.
        sessions: where conversations are kept.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        models: tuple[str, ...],
        limits: Limits,
        model: ModelClient,
        toolbox: Toolbox,
        sessions: Sessions,
    ) -> None:
        self.registry = registry
        self._models = models
        self._limits = limits
        self._model = model
        self._toolbox = toolbox
        self._sessions = sessions
        self._running: set[Budget] = set()

    async def work(
        self, task: Task, emit: Emit, seen: Callable[[Usage], None] = lambda usage: None
    ) -> Answer:
        """Work on a task until every agent is done or has reached a limit.

        Leaving (cancelling) this stops every model call at once.

        Args:
            task: what to do.
            emit: told of steps, tokens and tools.
            seen: given the running total of the request's usage, before any of it is spent.
        """
        limits = self._request_limits(task.agents or tuple(self.registry.agents.values()))
        budget = Budget(limits, deadline=task.deadline, spend=task.spend, day_left=task.day_left)
        seen(budget.usage)
        self._running.add(budget)
        try:
            return await self._work(task, budget, emit)
        finally:
            self._running.discard(budget)

    def end_now(self) -> None:
        """The process stops: everything in work ends as at its limit of seconds, with what there is."""
        for budget in self._running:
            budget.end_now()

    async def _work(self, task: Task, budget: Budget, emit: Emit) -> Answer:
        agents, routed_by = task.agents, "caller"
        if not agents:
            agents, routed_by = await choose(
                task.text, self.registry, self._models, model=self._model, budget=budget
            )
        chosen = [agent.agent_id for agent in agents]
        emit("step", name="routing", agent_ids=chosen, routed_by=routed_by)
        turns = await self._sessions.history(task.session_id) if task.session_id else []
        message = user_message(task.text, task.context)
        async with asyncio.TaskGroup() as group:
            running = [
                group.create_task(self._one(agent, task, turns, message, budget, emit)) for agent in agents
            ]
        answer = Answer([item.result() for item in running], budget.usage, task.shown_session_id, routed_by)
        if task.session_id:
            await self._remember(task, message, answer)
        return answer

    def _request_limits(self, agents: Iterable[Agent]) -> Limits:
        """Time and money of a request: the most that one of its agents may have."""
        own = [agent.limits.within(self._limits) for agent in agents]
        return Limits(
            seconds=max(limits.seconds or 0.0 for limits in own), usd=max(limits.usd or 0.0 for limits in own)
        )

    async def _one(
        self,
        agent: Agent,
        task: Task,
        turns: list[list[Message]],
        message: Message,
        budget: Budget,
        emit: Emit,
    ) -> Outcome:
        limits = agent.limits.within(self._limits)
        assert limits.output_tokens is not None
        # Half of the window at most, at three characters a token; the rest is for tools and the answer.
        room = 3 * max(0, price_of(agent.model).window // 2 - limits.output_tokens) - len(str(message))
        names = agent.tools if task.tools else ()
        history = fit_history(turns, tools=names, characters=room)
        loop = AgentLoop(
            agent, model=self._model, toolbox=self._toolbox, budget=budget, limits=limits, emit=emit
        )
        return await loop.run(history, message, tools=task.tools)

    async def _remember(self, task: Task, message: Message, answer: Answer) -> None:
        text = answer.text
        if not text.strip() or task.session_id is None:
            return
        messages = [message, {"role": "assistant", "content": [{"text": text}]}]
        (first, *others) = answer.outcomes
        if not others and first.success and first.stop_reason is None:
            messages = first.messages if first.messages[-1]["role"] == "assistant" else plain_turn(messages)
        await self._sessions.append(task.session_id, task.owner, messages)


def user_message(text: str, context: dict[str, Any] | None) -> Message:
    """The user's message: the task, and the context marked as data."""
    if not context:
        return {"role": "user", "content": [{"text": text}]}
    return {
        "role": "user",
        "content": [{"text": f"{text}\n\n<context>\n{dumps(context).decode()}\n</context>"}],
    }
