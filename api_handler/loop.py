"""One agent at work: the bounded loop of model calls and tool calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from api_handler.budget import Budget, LimitReached
from api_handler.limits import Limits
from api_handler.model import Message, ModelCall, ModelClient, ModelError, Usage
from api_handler.registry import Agent
from api_handler.tools.toolbox import Toolbox, ToolResult

Emit = Callable[..., None]
"""``emit(type, **data)``: tells the listener of a stream; never blocks."""

_DONE = {"end_turn", "stop_sequence", "guardrail_intervened", "content_filtered"}


@dataclass
class Outcome:
    """What an agent came to.

    Attributes:
        output: the text for the caller.
        messages: what belongs into the session, from the user's message on.
        stop_reason: the limit that ended it, or None.
        error: what went wrong, or None.
        model_stop: the model's last ``stopReason``.
        turns: calls of the model made.
        tool_calls: name, arguments, result and success of each.
        seconds: wall time.
    """

    agent: Agent
    output: str = ""
    messages: list[Message] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    stop_reason: str | None = None
    error: ModelError | None = None
    model_stop: str | None = None
    turns: int = 0
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def success(self) -> bool:
        """Whether there is an answer that no failure cut short."""
        return self.error is None and bool(self.output.strip())


class AgentLoop:
    """Runs one agent on one task.

    Args:
        agent: who works.
        model: the model client.
        toolbox: the tools there are; the agent may use those it names.
        budget: time and money of the request.
        limits: the agent's own complete ceilings.
        emit: told of tokens, steps and tools.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        model: ModelClient,
        toolbox: Toolbox,
        budget: Budget,
        limits: Limits,
        emit: Emit,
    ) -> None:
        assert limits.turns is not None
        assert limits.output_tokens is not None
        assert limits.seconds is not None
        assert limits.usd is not None
        self._agent = agent
        self._model = model
        self._toolbox = toolbox
        self._budget = budget
        self._turns: int = limits.turns
        self._tokens_left: int = limits.output_tokens
        self._seconds: float = limits.seconds
        self._usd: float = limits.usd
        self._emit = emit
        self._parts: list[str] = []
        self._outcome = Outcome(agent)

    async def run(self, history: list[Message], task: Message, *, tools: bool = True) -> Outcome:
        """Work until there is an answer or a limit is reached; failures end up in the outcome.

        Args:
            history: earlier messages of the session.
            task: the user's message.
            tools: False: answer without tools.
        """
        outcome = self._outcome
        names = self._agent.tools if tools else ()
        started = time.monotonic()
        outcome.messages = [task]
        try:
            # One clock around everything, the tools included.
            async with self._budget.within(self._seconds):
                await self._turn_after_turn(history, names)
        except LimitReached as limit:
            outcome.stop_reason = limit.reason
        except TimeoutError:
            outcome.stop_reason = "seconds"
        except ModelError as error:
            outcome.error = error
        outcome.output = "".join(self._parts)
        if not outcome.output.strip() and outcome.stop_reason is None and outcome.error is None:
            outcome.error = ModelError("failed", "EmptyAnswer")
        outcome.seconds = time.monotonic() - started
        return outcome

    async def _turn_after_turn(self, history: list[Message], names: tuple[str, ...]) -> None:
        outcome = self._outcome
        while True:
            if outcome.turns >= self._turns:
                raise LimitReached("turns")
            if self._tokens_left < 1:
                raise LimitReached("output_tokens")
            call = ModelCall(
                model=self._agent.model,
                system=self._agent.system_prompt,
                messages=[*history, *outcome.messages],
                tools=self._toolbox.specs(names),
                max_tokens=self._tokens_left,
                inference=self._agent.inference,
                additional=self._agent.additional,
            )
            message, bad, bound = await self._ask(call)
            uses = [block["toolUse"] for block in message["content"] if "toolUse" in block]
            if outcome.model_stop == "max_tokens":
                # A tool use that was cut off must not run.
                self._keep(message, tools=False)
                raise LimitReached("usd" if bound else "output_tokens")
            if not uses:
                self._keep(message, tools=False)
                if outcome.model_stop not in _DONE and outcome.model_stop != "tool_use":
                    raise ModelError("failed", str(outcome.model_stop or "unknown")[:64])
                return
            self._keep(message, tools=True)
            outcome.messages.append(await self._use_tools(uses, bad, names))
            if self._parts and not self._parts[-1].endswith("\n"):
                self._add("\n\n")

    async def _ask(self, call: ModelCall) -> tuple[Message, set[str], bool]:
        outcome = self._outcome
        tokens, aside, bound = self._budget.fit(call, self._usd - outcome.usage.usd)
        outcome.turns += 1
        self._emit("step", agent_id=self._agent.agent_id, name="model", turn=outcome.turns, model=call.model)
        # A stream that fails after text must not be asked again: its tokens are paid for and shown.
        stream = self._model.stream(replace(call, max_tokens=tokens))
        usage = Usage()
        try:
            async with stream as answer:
                try:
                    async for text in answer:
                        self._add(text)
                except ModelError:
                    # Refused or throttled before anything came: nothing was spent.
                    usage = answer.usage() if answer.started else usage
                    raise
                except BaseException:
                    usage = answer.usage()
                    raise
                usage = answer.usage()
                outcome.model_stop = answer.stop_reason
        finally:
            outcome.usage.add(usage)
            self._tokens_left -= usage.output_tokens
            await asyncio.shield(self._budget.settle(aside, usage))
        return answer.message, answer.bad_arguments, bound

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._emit("token", agent_id=self._agent.agent_id, text=text)

    def _keep(self, message: Message, *, tools: bool) -> None:
        content = message["content"]
        if not tools:
            content = [block for block in content if "toolUse" not in block]
        if content:
            self._outcome.messages.append({"role": "assistant", "content": content})

    async def _use_tools(self, uses: list[dict[str, Any]], bad: set[str], names: tuple[str, ...]) -> Message:
        """Run the tools a turn asks for side by side; all results go back in one message, in order."""
        results = await asyncio.gather(*(self._use_tool(use, bad, names) for use in uses))
        return {"role": "user", "content": list(results)}

    async def _use_tool(self, use: dict[str, Any], bad: set[str], names: tuple[str, ...]) -> dict[str, Any]:
        shown = {"agent_id": self._agent.agent_id, "tool_call_id": use["toolUseId"], "name": use["name"]}
        self._emit("tool", **shown, status="started", arguments=use["input"])
        if use["toolUseId"] in bad:
            result = ToolResult("The arguments were not a JSON object.", ok=False)
        else:
            result = await self._toolbox.call(use["name"], use["input"], names)
        status = "success" if result.ok else "error"
        self._emit("tool", **shown, status=status, result=result.text[:2000])
        self._outcome.tool_calls.append(
            {**shown, "status": status, "arguments": use["input"], "result": result.text[:2000]}
        )
        return result.block(use["toolUseId"])
