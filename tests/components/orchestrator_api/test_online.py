"""A new instance gets its first release only when it takes orders."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.orchestrator_api import online
from components.orchestrator_api.maker import Maker
from tests.components.harness import deploy
from tests.components.orchestrator_api.make import arguments

ID = "i-0123456789abcdef0"


def hook(**times: float) -> pulumi.ResourceHook:
    """The hook, registered in a run of its own."""

    def build() -> pulumi.ResourceHook:
        make = Maker(name="api", args=arguments(), child=lambda key, **options: pulumi.ResourceOptions())
        return online.wait_for_agent(make, **times)

    return deploy(build).result


def run(waiting: pulumi.ResourceHook, instance: str = ID) -> None:
    """Runs it as the engine does before it creates the association."""
    inputs = {"targets": [{"key": "InstanceIds", "values": [instance]}]}
    kind = "aws:ssm/association:Association"
    args = pulumi.ResourceHookArgs(urn="urn", id="", name="api-release", type=kind, new_inputs=inputs)
    waited: Any = waiting.callback(args)
    asyncio.run(waited)


def agents(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Plays what Systems Manager answers, the last for ever; gives the list of instances asked for."""
    asked: list[str] = []

    async def answer(make: Maker, instance: str) -> list[str]:
        asked.append(instance)
        return answers[min(len(asked), len(answers)) - 1]

    monkeypatch.setattr(online, "_online", answer)
    return asked


def test_it_waits_until_the_agent_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = agents(monkeypatch, [], [], [ID])
    run(hook(timeout_s=60, pause_s=0.001))
    assert asked == [ID, ID, ID]


def test_an_agent_that_never_answers_ends_the_run_and_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = agents(monkeypatch, [])
    now = 1000.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    # A clock that only the waiting moves.
    monkeypatch.setattr(online, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(online, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(TimeoutError, match=f"{ID} did not report to Systems Manager within 15 min"):
        run(hook(timeout_s=900, pause_s=10))
    assert len(asked) == 900 / 10 + 2, "at once, and until after the end"


def test_it_is_one_hook_that_leaves_previews_alone() -> None:
    waiting = hook()
    assert waiting.name == "api-agent-is-online"
    assert waiting.opts is None or not waiting.opts.on_dry_run


def test_the_provider_of_the_program_is_asked() -> None:
    found: list[asyncio.Task[list[str]]] = []

    def build() -> None:
        make = Maker(name="api", args=arguments(), child=lambda key, **options: pulumi.ResourceOptions())
        found.append(asyncio.ensure_future(online._online(make, ID)))

    made = deploy(build)
    assert made.lookups == ["aws:ssm/getInstances:getInstances"]
    assert found[0].result() == [ID]
