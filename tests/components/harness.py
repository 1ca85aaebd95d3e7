"""What component tests stand on: run a builder, get every registration, ask exact questions."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from typing import Any

import pulumi

from ops.engine.recorder import Recording, record
from ops.plan import Plan, PlannedResource


class Deployment:
    """Everything one builder registered.

    Attributes:
        resources: sorted by URN.
        result: what the builder returned.
        lookups: tokens of the data lookups made.
    """

    def __init__(self, recording: Recording, values: Mapping[str, Any], stack: str, region: str) -> None:
        self.resources = tuple(sorted(recording.resources.values(), key=lambda r: r.urn))
        self.result = recording.result
        self.lookups = recording.lookups
        self.exports = recording.exports
        self._component_outputs = recording.component_outputs
        self._values = values
        self._stack = stack
        self._region = region

    def all(self, type_: str) -> list[PlannedResource]:
        """Every resource of a type token."""
        return [r for r in self.resources if r.type == type_]

    def one(self, type_: str, name: str | None = None) -> PlannedResource:
        """The only resource of a type (and name); more or fewer fail the test."""
        found = [r for r in self.all(type_) if name is None or r.name == name]
        assert len(found) == 1, (
            f"expected one {type_}{' named ' + name if name else ''}, found {[r.name for r in found]}; "
            f"of that type: {[r.name for r in self.all(type_)]}"
        )
        return found[0]

    def none(self, type_: str) -> None:
        """Fails if there is any resource of this type."""
        found = [r.name for r in self.all(type_)]
        assert found == [], f"expected no {type_}, found {found}"

    def by_name(self, name: str) -> PlannedResource:
        """The only resource of a logical name."""
        found = [r for r in self.resources if r.name == name]
        assert len(found) == 1, f"expected one named {name}, found {[r.type for r in found]}"
        return found[0]

    def urns(self) -> set[str]:
        """The URNs of all that was registered."""
        return {r.urn for r in self.resources}

    def value(self, key: str) -> Any:
        """The value of an output the builder returned in its dict under ``key``; None when unknown."""
        return self._values[key][0]

    def is_secret(self, key: str) -> bool:
        """Whether that output is secret."""
        return self._values[key][1]

    def component_outputs(self, urn_part: str) -> dict[str, Any]:
        """What the component whose URN holds ``urn_part`` registered as outputs."""
        found = [
            v for k, v in self._component_outputs.items() if urn_part in k and not k.endswith("#secrets")
        ]
        assert len(found) == 1, f"{len(found)} components match {urn_part!r}: {list(self._component_outputs)}"
        return found[0]

    def component_secrets(self, urn_part: str) -> frozenset[str]:
        """Paths of the outputs that this component registered as secrets."""
        (found,) = [
            v["paths"] for k, v in self._component_outputs.items() if urn_part in k and k.endswith("#secrets")
        ]
        return found

    def plan(self, config: Mapping[str, Any] | None = None) -> Plan:
        """The same as a Plan, for guardrails and cost."""
        return Plan(
            stack=self._stack,
            region=self._region,
            resources=self.resources,
            config=config or {},
            exports=self.exports,
        )


def deploy(
    builder: Callable[[], Any],
    *,
    preview: bool = False,
    stack: str = "dev",
    region: str = "us-east-1",
    config: Mapping[str, str] | None = None,
) -> Deployment:
    """Runs ``builder`` to its end and returns all it registered.

    Outputs the builder returns in a dict are awaited: ask for them with ``value`` and ``is_secret``.
    """
    values: dict[str, Any] = {}
    notes: list[asyncio.Future[None]] = []  # a task nobody refers to may be collected unfinished

    def run() -> Any:
        result = builder()
        outputs = (
            {k: v for k, v in result.items() if isinstance(v, pulumi.Output)}
            if isinstance(result, Mapping)
            else {}
        )
        notes.extend(asyncio.ensure_future(_note(values, k, o)) for k, o in outputs.items())
        return result

    recording = record(run, preview=preview, stack_name=stack, region=region, config=config)
    return Deployment(recording, values, stack, region)


async def _note(values: dict[str, Any], key: str, output: pulumi.Output[Any]) -> None:
    values[key] = (await output.future(), await output.is_secret())


def in_fresh_context(function: Callable[[], Any]) -> Any:
    """Runs ``function`` where no Pulumi setting of another test is seen."""
    return contextvars.Context().run(function)
