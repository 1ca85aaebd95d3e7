"""Tools: their specifications from type hints, their arguments checked, their failures told to the model."""

from __future__ import annotations

import asyncio
import inspect
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

MAX_RESULT = 20_000
TIMEOUT_S = 20.0
_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


class ToolError(Exception):
    """What the model did wrong, in words for the model."""


@dataclass(frozen=True)
class Parameter:
    """One argument of a tool."""

    name: str
    kind: type
    required: bool
    description: str


class Tool:
    """A function an agent may call.

    The name is the function's; the description is the first paragraph of its
    docstring; parameters are ``str``, ``int``, ``float`` or ``bool``, each may be
    ``Annotated[type, "what it is"]`` and have a default.

    Args:
        function: synchronous (then it runs in a thread) or asynchronous; returns text or JSON data.

    Raises:
        TypeError: for a parameter of another type or without a type.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = function.__name__
        self.description = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        self.parameters = tuple(_parameters(function))
        if not self.description:
            raise TypeError(f"tool {self.name} has no docstring")

    def spec(self) -> dict[str, Any]:
        """The ``toolSpec`` of Converse."""
        properties = {
            parameter.name: {"type": _JSON_TYPES[parameter.kind], "description": parameter.description}
            for parameter in self.parameters
        }
        required = [parameter.name for parameter in self.parameters if parameter.required]
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return {"name": self.name, "description": self.description, "inputSchema": {"json": schema}}

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them; raises ToolError with everything that is wrong."""
        known = {parameter.name: parameter for parameter in self.parameters}
        problems = [f"unknown argument {name!r}" for name in arguments if name not in known]
        checked: dict[str, Any] = {}
        for parameter in self.parameters:
            value = arguments.get(parameter.name)
            if value is None:
                if parameter.required:
                    problems.append(f"argument {parameter.name!r} is missing")
            elif not _fits(value, parameter.kind):
                problems.append(f"argument {parameter.name!r} must be of type {_JSON_TYPES[parameter.kind]}")
            else:
                checked[parameter.name] = parameter.kind(value)
        if problems:
            raise ToolError("; ".join(problems))
        return checked


def _parameters(function: Callable[..., Any]) -> Iterable[Parameter]:
    hints = typing.get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        kind = hints.get(parameter.name)
        description = parameter.name.replace("_", " ")
        if typing.get_origin(kind) is typing.Annotated:
            kind, description = typing.get_args(kind)[:2]
        if isinstance(kind, types.UnionType):
            kind = next((item for item in typing.get_args(kind) if item is not type(None)), None)
        if kind not in _JSON_TYPES:
            raise TypeError(
                f"parameter {parameter.name} of tool {function.__name__} has no type a tool can take"
            )
        yield Parameter(parameter.name, kind, parameter.default is inspect.Parameter.empty, description)


def _fits(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


@dataclass(frozen=True)
class ToolResult:
    """Outcome of one call, for the model."""

    text: str
    ok: bool

    def block(self, tool_use_id: str) -> dict[str, Any]:
        """The ``toolResult`` content block; its text is never empty, which Bedrock would refuse."""
        status = "success" if self.ok else "error"
        content = [{"text": self.text or "(nothing)"}]
        return {"toolResult": {"toolUseId": tool_use_id, "content": content, "status": status}}


class Toolbox:
    """The tools there are, made when the first agent needs them.

    Args:
        make: makes the tools.
        timeout_s: seconds after which a call is an error; the model goes on.
    """

    def __init__(self, make: Callable[[], Iterable[Tool]], timeout_s: float = TIMEOUT_S) -> None:
        self._make = make
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="tool")

    @cached_property
    def _tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self._make()}

    def warm(self) -> None:
        """Make the tools now."""
        _ = self._tools

    def specs(self, names: Iterable[str]) -> tuple[dict[str, Any], ...]:
        """Specifications of some tools."""
        return tuple(self._tools[name].spec() for name in names)

    async def call(self, name: str, arguments: Mapping[str, Any], allowed: Iterable[str]) -> ToolResult:
        """Run a tool; whatever goes wrong becomes a result that says so, never an exception."""
        tool = self._tools.get(name)
        if tool is None or name not in allowed:
            return ToolResult(
                f"There is no tool {name[:100]!r}. Tools: {', '.join(allowed) or 'none'}.", ok=False
            )
        try:
            checked = tool.check(arguments)
            async with asyncio.timeout(self._timeout_s):
                if inspect.iscoroutinefunction(tool.function):
                    value = await tool.function(**checked)
                else:
                    loop = asyncio.get_running_loop()
                    value = await loop.run_in_executor(self._pool, lambda: tool.function(**checked))
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        except ToolError as error:
            return ToolResult(str(error), ok=False)
        except TimeoutError:
            return ToolResult(f"The tool did not finish within {self._timeout_s:g} seconds.", ok=False)
        except Exception as error:
            # The type alone: a message could carry what the model must not see.
            return ToolResult(f"The tool failed ({type(error).__name__}).", ok=False)
        if len(text) > MAX_RESULT:
            text = text[:MAX_RESULT] + "\n(cut here)"
        return ToolResult(text.encode("utf-8", "replace").decode(), ok=True)

    def close(self) -> None:
        """Take no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)
