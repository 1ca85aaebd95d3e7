"""The agents, read from one TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api_handler.configtext import positive, unknown_keys
from api_handler.limits import Limits, limits_from
from api_handler.tools import TOOL_NAMES

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_KEYS = (
    "id",
    "name",
    "description",
    "capabilities",
    "system_prompt",
    "model",
    "tools",
    "limits",
    "inference",
)
_INFERENCE = {"temperature": "temperature", "top_p": "topP", "stop_sequences": "stopSequences"}


@dataclass(frozen=True, kw_only=True)
class Agent:
    """One agent.

    Attributes:
        agent_id: stable id.
        name, description: for people, and for the model that routes.
        capabilities: ``{"name", "description"}`` each.
        system_prompt: what the model is told first.
        model: model or inference-profile id.
        tools: names of the tools it may use.
        limits: its own ceilings; the deployment's hold as well.
        inference: ``inferenceConfig`` of Converse beyond ``maxTokens``; empty unless the agent sets it.
        additional: ``additionalModelRequestFields``.
    """

    agent_id: str
    name: str
    description: str
    capabilities: tuple[Mapping[str, str], ...]
    system_prompt: str
    model: str
    tools: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    inference: Mapping[str, Any] = field(default_factory=dict)
    additional: Mapping[str, Any] = field(default_factory=dict)

    def public(self) -> dict[str, Any]:
        """The agent as the API shows it."""
        return {
            "agent_id": self.agent_id,
            "name": self.name,
            "description": self.description,
            "capabilities": [dict(capability) for capability in self.capabilities],
        }


@dataclass(frozen=True)
class Registry:
    """All agents by id, in the order of the file; the first is the default."""

    agents: Mapping[str, Agent]

    @property
    def default(self) -> Agent:
        """The agent that answers when nothing chooses another."""
        return next(iter(self.agents.values()))


def load_registry(data: bytes, models: tuple[str, ...]) -> Registry:
    """Read an agents file.

    Args:
        data: TOML with ``[[agents]]`` tables.
        models: models of the deployment; the first serves agents that name none.

    Raises:
        ValueError: one problem a line.
    """
    try:
        values = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"is not valid TOML: {error}") from None
    problems = unknown_keys(values, ("agents",))
    tables = values.get("agents")
    if not isinstance(tables, list) or not tables:
        raise ValueError("\n".join([*problems, "has no [[agents]] table"]))
    agents: dict[str, Agent] = {}
    for index, table in enumerate(tables):
        agent, wrong = _agent(table, models[0])
        label = table.get("id") if isinstance(table, dict) and isinstance(table.get("id"), str) else index
        problems += [f"agent {label!r}: {problem}" for problem in wrong]
        if agent is not None:
            if agent.agent_id in agents:
                problems.append(f"agent {label!r}: is defined twice")
            agents[agent.agent_id] = agent
    if problems:
        raise ValueError("\n".join(problems))
    return Registry(agents)


def _agent(table: Any, model: str) -> tuple[Agent | None, list[str]]:
    if not isinstance(table, dict):
        return None, ["must be a table"]
    problems = unknown_keys(table, _KEYS)
    agent_id = table.get("id")
    if not isinstance(agent_id, str) or not _ID.fullmatch(agent_id):
        problems.append("id: must be 1 to 64 lower-case letters, digits, '-' or '_', a letter or digit first")
    for key in ("name", "description", "system_prompt"):
        value = table.get(key)
        if not isinstance(value, str) or not value.strip():
            problems.append(f"{key}: must be a text that is not blank")
    if "model" in table and not (isinstance(table["model"], str) and table["model"].strip()):
        problems.append("model: must be a model or inference-profile id")
    capabilities = table.get("capabilities", [])
    if not isinstance(capabilities, list) or not all(_is_capability(item) for item in capabilities):
        problems.append("capabilities: must be a list of {name, description}")
    tools = table.get("tools", [])
    if not isinstance(tools, list) or not all(isinstance(tool, str) for tool in tools):
        problems.append("tools: must be a list of names")
    else:
        problems += [
            f"tools: {tool!r} is unknown; known are {', '.join(TOOL_NAMES)}"
            for tool in tools
            if tool not in TOOL_NAMES
        ]
    limits = Limits()
    try:
        limits = limits_from(table.get("limits", {}))
    except ValueError as error:
        problems.append(f"limits: {error}")
    inference, additional, wrong = _inference(table.get("inference", {}))
    problems += [f"inference: {problem}" for problem in wrong]
    if problems:
        return None, problems
    agent = Agent(
        agent_id=str(agent_id),
        name=table["name"],
        description=table["description"],
        capabilities=tuple(capabilities),
        system_prompt=table["system_prompt"],
        model=table.get("model", model),
        tools=tuple(dict.fromkeys(tools)),
        limits=limits,
        inference=inference,
        additional=additional,
    )
    return agent, []


def _is_capability(value: Any) -> bool:
    keys = {"name", "description"}
    return (
        isinstance(value, dict)
        and set(value) == keys
        and all(isinstance(item, str) for item in value.values())
    )


def _inference(values: Any) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Sampling parameters, only because an agent asks for them: many models refuse them now."""
    if not isinstance(values, dict):
        return {}, {}, ["must be a table"]
    problems = unknown_keys(values, (*_INFERENCE, "additional"))
    for key in ("temperature", "top_p"):
        if key in values and not (values[key] == 0 or positive(values[key], 1)):
            problems.append(f"{key}: must be a number from 0 to 1")
    stops = values.get("stop_sequences", [])
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        problems.append("stop_sequences: must be a list of texts")
    additional = values.get("additional", {})
    if not isinstance(additional, dict):
        problems.append("additional: must be a table")
        additional = {}
    return {_INFERENCE[key]: values[key] for key in values if key in _INFERENCE}, additional, problems
