"""Everything the routes use, made from the settings when it is needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING

from api_handler.auth import Fixed, Gate, Secret, parse_keys
from api_handler.aws import SDK_MODULES, AwsClients
from api_handler.log import Log
from api_handler.settings import Settings, parse_origin_verify

if TYPE_CHECKING:
    from api_handler.deep_health import DeepHealth
    from api_handler.limits import Meter
    from api_handler.model import ModelClient
    from api_handler.orchestrator import Answer, Orchestrator
    from api_handler.runs import Runs
    from api_handler.sessions import Sessions
    from api_handler.store import Store
    from api_handler.tools.toolbox import Tool, Toolbox
    from api_handler.worker import Worker

OWN_MODULES = (
    "api_handler.routes.orchestrate",
    "api_handler.orchestrator",
    "api_handler.bedrock",
    "api_handler.worker",
    "api_handler.tools.builtin",
)
"""Modules of the API that only requests with a model need."""


class Services:
    """The parts of a running API, each made when it is first used: a health check needs few of them.

    Attributes:
        settings: what the API was told.
        clients: AWS clients.
        log: the log.
        gate: checks keys.
        busy: requests with a model that run now.
        started_at: monotonic seconds.
    """

    def __init__(self, settings: Settings, clients: AwsClients, log: Log) -> None:
        self.settings = settings
        self.clients = clients
        self.log = log
        self.gate = _gate(settings, clients, log)
        self.busy = 0
        self.started_at = time.monotonic()

    @cached_property
    def store(self) -> Store:
        """What outlives a request."""
        if self.settings.table_name:
            from api_handler.dynamodb import DynamoStore

            return DynamoStore(self.clients, self.settings.table_name)
        from api_handler.memory import MemoryStore

        return MemoryStore()

    @cached_property
    def meter(self) -> Meter:
        """Counts requests and money."""
        from api_handler.limits import Meter

        return Meter(self.store)

    @cached_property
    def sessions(self) -> Sessions:
        """Conversations."""
        from api_handler.sessions import Sessions

        return Sessions(self.store)

    @cached_property
    def model(self) -> ModelClient:
        """The model client."""
        if self.settings.model_kind == "scripted":
            from api_handler.scripted import ScriptedModel

            return ScriptedModel()
        from api_handler.bedrock import BedrockModel

        return BedrockModel(self.clients)

    @cached_property
    def toolbox(self) -> Toolbox:
        """The tools."""
        from api_handler.tools.toolbox import Toolbox

        return Toolbox(self._tools)

    def _tools(self) -> list[Tool]:
        from api_handler.tools.builtin import builtin_tools

        settings = self.settings
        return builtin_tools(self.clients, site_index=settings.site_index, alarm_prefix=settings.alarm_prefix)

    @cached_property
    def orchestrator(self) -> Orchestrator:
        """Lets agents work."""
        from api_handler.orchestrator import Orchestrator

        return Orchestrator(
            registry=self.settings.registry,
            models=self.settings.models,
            limits=self.settings.limits,
            model=self.model,
            toolbox=self.toolbox,
            sessions=self.sessions,
        )

    @cached_property
    def runs(self) -> Runs:
        """Records of runs."""
        from api_handler.runs import Runs

        return Runs(self.store)

    @cached_property
    def worker(self) -> Worker:
        """Starts runs and works on them."""
        from api_handler.worker import Worker

        return Worker(self)

    @cached_property
    def deep_health(self) -> DeepHealth:
        """Asks the dependencies."""
        from api_handler.deep_health import DeepHealth

        return DeepHealth()

    def warm_steps(self) -> list[Callable[[], object]]:
        """What imports and makes what the first model call needs, in pieces of some ten milliseconds."""
        steps: list[Callable[[], object]] = [partial(import_module, name) for name in OWN_MODULES]
        if self.settings.model_kind == "bedrock":
            steps += [partial(import_module, name) for name in SDK_MODULES]
            steps.append(partial(self.clients.get, "bedrock-runtime"))
        if self.settings.table_name:
            steps += [partial(getattr, self, "store"), partial(self.clients.get, "dynamodb")]
        return steps

    def warm(self) -> None:
        """Take all the steps; for a thread, beside everything else."""
        for step in self.warm_steps():
            step()

    def end_now(self) -> None:
        """Let everything in work end with what there is: the process stops."""
        if "orchestrator" in self.__dict__:
            self.orchestrator.end_now()

    async def finish(self, seconds: float) -> None:
        """Let background work come to its end, for so many seconds."""
        if "worker" in self.__dict__:
            await self.worker.finish(seconds)

    def log_answer(self, answer: Answer) -> None:
        """Log metrics of every agent of an answer; prompts and answers only when switched on."""
        for outcome in answer.outcomes:
            metrics = {
                "Requests": 1,
                "Errors": int(outcome.error is not None),
                "Latency": round(outcome.seconds * 1000, 1),
                "InputTokens": outcome.usage.input_tokens,
                "OutputTokens": outcome.usage.output_tokens,
                "Usd": round(outcome.usage.usd, 8),
            }
            self.log.usage(outcome.agent.agent_id, outcome.agent.model, metrics)
            if outcome.error is not None:
                self.log.warn("model_failed", agent=outcome.agent.agent_id, error=str(outcome.error))
            if self.settings.log_prompts:
                self.log.line("conversation", agent=outcome.agent.agent_id, messages=outcome.messages)

    def close(self) -> None:
        """Let go of the threads."""
        self.clients.close()
        for part in ("toolbox", "model"):
            if part in self.__dict__:
                getattr(self, part).close()


def build_services(
    settings: Settings, *, log: Log | None = None, clients: AwsClients | None = None
) -> Services:
    """Make the parts. Nothing here talks to AWS or imports its SDK.

    Args:
        settings: what the API was told.
        log: where lines go; by default the standard output.
        clients: AWS clients to share with others; by default its own.
    """
    return Services(settings, clients or AwsClients(), log or Log(settings.metric_namespace))


def _gate(settings: Settings, clients: AwsClients, log: Log) -> Gate:
    keys = None
    if settings.api_keys is not None:
        keys = Fixed(settings.api_keys)
    elif settings.api_key_secret_arn:
        keys = Secret(
            clients, settings.api_key_secret_arn, lambda text: parse_keys(text, strict=False), log.warn
        )
    origin_verify = None
    if settings.origin_verify is not None:
        origin_verify = Fixed(settings.origin_verify)
    elif settings.origin_verify_secret_arn:
        origin_verify = Secret(clients, settings.origin_verify_secret_arn, parse_origin_verify, log.warn)
    return Gate(keys, origin_verify)
