"""Everything the routes use, made once from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from api_handler.auth import Fixed, Gate, Secret, parse_keys
from api_handler.aws import SDK_MODULES, AwsClients
from api_handler.deep_health import DeepHealth
from api_handler.limits import Meter
from api_handler.log import Log
from api_handler.model import ModelClient
from api_handler.orchestrator import Answer, Orchestrator
from api_handler.runs import Runs
from api_handler.sessions import Sessions
from api_handler.settings import Settings, parse_origin_verify
from api_handler.store import Store
from api_handler.tools import Tool, Toolbox
from api_handler.worker import Worker


@dataclass(kw_only=True)
class Services:
    """The parts of a running API.

    Attributes:
        worker: starts runs and works on them.
        busy: requests with a model that run now.
        started_at: monotonic seconds.
    """

    settings: Settings
    clients: AwsClients
    log: Log
    gate: Gate
    store: Store
    meter: Meter
    sessions: Sessions
    model: ModelClient
    toolbox: Toolbox
    orchestrator: Orchestrator
    deep_health: DeepHealth
    runs: Runs
    busy: int = 0
    started_at: float = 0.0

    def __post_init__(self) -> None:
        self.worker = Worker(self)

    def warm_steps(self) -> list[Callable[[], object]]:
        """What imports and makes what the first model call needs, in pieces of some ten milliseconds."""
        steps: list[Callable[[], object]] = []
        if self.settings.model_kind == "bedrock":
            steps += [partial(import_module, name) for name in SDK_MODULES]
            steps.append(partial(self.clients.get, "bedrock-runtime"))
        return [*steps, self.toolbox.warm]

    def warm(self) -> None:
        """Take all the steps; for a thread, beside everything else."""
        for step in self.warm_steps():
            step()

    async def finish(self, seconds: float) -> None:
        """Let background work come to its end, for so many seconds."""
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
        self.toolbox.close()
        self.model.close()


def build_services(
    settings: Settings, *, log: Log | None = None, clients: AwsClients | None = None
) -> Services:
    """Make the parts. Nothing here talks to AWS or imports its SDK.

    Args:
        settings: what the API was told.
        log: where lines go; by default the standard output.
        clients: AWS clients to share with others; by default its own.
    """
    log = log or Log(settings.metric_namespace)
    clients = clients or AwsClients()
    store = _store(settings, clients)
    sessions = Sessions(store)
    model = _model(settings, clients)
    toolbox = Toolbox(lambda: _tools(settings, clients))
    orchestrator = Orchestrator(
        registry=settings.registry,
        models=settings.models,
        limits=settings.limits,
        model=model,
        toolbox=toolbox,
        sessions=sessions,
    )
    return Services(
        settings=settings,
        clients=clients,
        log=log,
        gate=_gate(settings, clients, log),
        store=store,
        meter=Meter(store),
        sessions=sessions,
        model=model,
        toolbox=toolbox,
        orchestrator=orchestrator,
        deep_health=DeepHealth(),
        runs=Runs(store),
        started_at=time.monotonic(),
    )


def _tools(settings: Settings, clients: AwsClients) -> list[Tool]:
    from api_handler.tools.builtin import builtin_tools

    return builtin_tools(clients, site_index=settings.site_index, alarm_prefix=settings.alarm_prefix)


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


def _model(settings: Settings, clients: AwsClients) -> ModelClient:
    if settings.model_kind == "scripted":
        from api_handler.scripted import ScriptedModel

        return ScriptedModel()
    from api_handler.bedrock import BedrockModel

    return BedrockModel(clients)


def _store(settings: Settings, clients: AwsClients) -> Store:
    if settings.table_name:
        from api_handler.dynamodb import DynamoStore

        return DynamoStore(clients, settings.table_name)
    from api_handler.memory import MemoryStore

    return MemoryStore()
