"""A model that follows a script: for tests, for demonstrations and for runs without AWS.

It is used only when it is asked for (``MODEL=scripted`` or ``--scripted``), costs
nothing, and says what it is in every answer.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from api_handler.model import Assembler, Message, ModelCall, Usage, estimate_tokens
from api_handler.routing import by_words

_CONTEXT = re.compile(r"\s*<context>.*</context>\s*", re.DOTALL)
_CALCULATION = re.compile(r"[-+(]?\d[\d\s.()]*(?:\*\*|[-+*/%])[\d\s.()+*/%-]*[\d)]")

_NO_BRACKETS = str.maketrans("", "", "[]")


class ScriptedModel:
    """Answers from a few rules: routes by words, calculates, tells the time, searches, repeats the question.

    Args:
        gap_s: seconds between two words, so that a stream looks like one.
    """

    def __init__(self, gap_s: float = 0.02) -> None:
        self._gap_s = gap_s

    def stream(self, call: ModelCall) -> _ScriptedStream:
        """An answer, word by word."""
        return _ScriptedStream(call, self._gap_s)

    def close(self) -> None:
        """There is nothing to let go of."""


class _ScriptedStream:
    def __init__(self, call: ModelCall, gap_s: float) -> None:
        self._call = call
        self._gap_s = gap_s
        self._assembler = Assembler(call)

    async def __aenter__(self) -> _ScriptedStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[str]:
        block = _reply(self._call)
        words = 0
        stop = "end_turn"
        if "toolUse" in block:
            stop = "tool_use"
            use = block["toolUse"]
            self._assembler.feed(
                {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": {**use, "input": {}}}}}
            )
            piece = {"toolUse": {"input": json.dumps(use["input"])}}
            self._assembler.feed({"contentBlockDelta": {"contentBlockIndex": 0, "delta": piece}})
            words = 10
        else:
            for word in re.findall(r"\S+\s*", block["text"]):
                if words >= self._call.max_tokens:
                    stop = "max_tokens"
                    break
                await asyncio.sleep(self._gap_s)
                words += 1
                text = self._assembler.feed(
                    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": word}}}
                )
                if text:
                    yield text
        self._assembler.feed({"messageStop": {"stopReason": stop}})
        usage = {"inputTokens": estimate_tokens(self._call), "outputTokens": words}
        self._assembler.feed({"metadata": {"usage": usage}})

    @property
    def message(self) -> Message:
        return self._assembler.message

    @property
    def stop_reason(self) -> str | None:
        return self._assembler.stop_reason

    @property
    def bad_arguments(self) -> set[str]:
        return self._assembler.bad_arguments

    @property
    def started(self) -> bool:
        return self._assembler.started

    def usage(self) -> Usage:
        price = self._assembler.usage()
        # Nothing is paid, whatever model the agent names.
        return Usage(price.input_tokens, price.output_tokens, 0.0, estimated=price.estimated)


def _reply(call: ModelCall) -> dict[str, Any]:
    tools = {tool["name"]: tool for tool in call.tools}
    last = call.messages[-1]["content"]
    if call.tool_choice is not None:
        return _route(call, tools)
    results = [block["toolResult"] for block in last if "toolResult" in block]
    if results:
        texts = "\n\n".join(_told(result["content"][0].get("text", "")) for result in results)
        return {"text": f"{texts}\n\n(A scripted model answers here; no model was asked.)"}
    question = next((block["text"] for block in last if "text" in block), "")
    # What was said before comes along as context: it is not asked again.
    question = _CONTEXT.sub("", question)
    use = _tool_for(question, tools, len(call.messages))
    if use is not None:
        return {"toolUse": use}
    asked = " ".join(question.split())[:200]
    return {
        "text": f"You asked: “{asked}”. A scripted model answers here: "
        "it shows how answers stream, but knows nothing. "
        "With AWS credentials and a Bedrock model the same API answers for real."
    }


def _told(result: str) -> str:
    """A tool's result for people: pages that were found as a list of links, all else as it stands."""
    try:
        pages = json.loads(result)
        links = [(" ".join(page["title"].split()).translate(_NO_BRACKETS), page["url"]) for page in pages]
    except (ValueError, TypeError, KeyError, AttributeError):
        return result
    if not links:
        return "No page of this site fits."
    return "Pages of this site that fit:\n\n" + "\n".join(f"- [{title}]({url})" for title, url in links)


def _tool_for(question: str, tools: dict[str, Any], turn: int) -> dict[str, Any] | None:
    lower = question.lower()
    calculation = _CALCULATION.search(question)
    wanted: tuple[str, dict[str, Any]] | None = None
    if "calculate" in tools and calculation:
        wanted = "calculate", {"expression": calculation.group().strip()}
    elif "current_time" in tools and re.search(r"\b(time|date|today|uhr|heute)\b", lower):
        wanted = "current_time", {}
    elif "cloudwatch_alarms" in tools and re.search(r"\b(alarm|alarms|health|outage)\b", lower):
        wanted = "cloudwatch_alarms", {}
    elif "search_site" in tools and re.search(r"\b(site|website|page|where|find|contact)\b", lower):
        wanted = "search_site", {"query": question[:200]}
    if wanted is None:
        return None
    name, arguments = wanted
    return {"toolUseId": f"scripted-{turn}", "name": name, "input": arguments}


def _route(call: ModelCall, tools: dict[str, Any]) -> dict[str, Any]:
    name = call.tool_choice["tool"]["name"] if call.tool_choice else next(iter(tools))
    properties = tools[name]["inputSchema"]["json"]["properties"]
    ids = properties["agent_ids"]["items"]["enum"]
    question = call.messages[-1]["content"][0]["text"]
    descriptions = dict(line[2:].split(": ", 1) for line in call.system.splitlines() if line.startswith("- "))
    best = by_words(question, {agent_id: descriptions.get(agent_id, "") for agent_id in ids})
    return {
        "toolUse": {"toolUseId": "scripted-route", "name": name, "input": {"agent_ids": [best or ids[0]]}}
    }
