"""What the agents know of a model: a call, a stream of text, and how it can fail."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from api_handler.prices import price_of

Message = dict[str, Any]
"""A Converse message: ``{"role": "user"|"assistant", "content": [block, ...]}``."""


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """One call of a model, in the terms of Converse.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html

    Attributes:
        model: model or inference-profile id.
        system: system prompt.
        messages: the conversation, user first.
        tools: tool specifications.
        tool_choice: Converse ``toolChoice``, or None.
        max_tokens: output tokens allowed; always sent, since Bedrock reserves the
            model's maximum against the quota otherwise.
        inference: further ``inferenceConfig`` (``temperature`` ...), only what an agent sets.
        additional: ``additionalModelRequestFields``.
    """

    model: str
    system: str
    messages: list[Message]
    max_tokens: int
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: dict[str, Any] | None = None
    inference: Mapping[str, Any] = field(default_factory=dict)
    additional: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Usage:
    """Tokens and money; ``estimated`` when the model did not say (a stream cut short)."""

    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    estimated: bool = False

    def add(self, other: Usage) -> None:
        """Add another usage to this one."""
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.usd += other.usd
        self.estimated = self.estimated or other.estimated

    def public(self) -> dict[str, Any]:
        """The ``usage`` object of the API."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "usd": round(self.usd, 8),
        }


class ModelError(Exception):
    """The model did not answer, or stopped in the middle.

    Args:
        kind: ``throttled``, ``timeout``, ``refused`` (the request itself is wrong or
            not allowed), ``broken`` (connection, frames), ``failed`` (anything else).
        code: AWS's error code or a word of ours; never AWS's message, which may quote the prompt.
    """

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"{kind}: {code}")
        self.kind = kind
        self.code = code

    def describe(self) -> str:
        """A sentence for the caller."""
        sentence = {
            "throttled": "The model is busy: requests to it are being throttled.",
            "timeout": "The model did not answer in time.",
            "refused": "The model refused the request.",
            "broken": "The connection to the model broke.",
        }.get(self.kind, "The model failed.")
        return f"{sentence} ({self.code})"


class ModelStream(Protocol):
    """A running answer: iterate for text, then read the rest.

    Attributes:
        message: the assistant message as far as it came, tool uses included.
        stop_reason: Converse ``stopReason``; None until the model said so.
        bad_arguments: ids of tool uses whose arguments are not a JSON object.
        started: whether anything came at all.
    """

    @property
    def message(self) -> Message: ...

    @property
    def stop_reason(self) -> str | None: ...

    @property
    def bad_arguments(self) -> set[str]: ...

    @property
    def started(self) -> bool: ...

    def __aiter__(self) -> AsyncIterator[str]: ...

    def usage(self) -> Usage: ...


class ModelClient(Protocol):
    """A way to call models. Leaving the context stops the model at once."""

    def stream(self, call: ModelCall) -> AbstractAsyncContextManager[ModelStream]: ...

    def close(self) -> None: ...


class Assembler:
    """Puts the events of a ConverseStream together into a message.

    Blocks that are still open when the stream ends are kept as far as they are
    complete; a tool use whose arguments are not a JSON object keeps the text in
    ``bad_arguments`` under its id.
    """

    def __init__(self, call: ModelCall) -> None:
        self._call = call
        self._blocks: dict[int, dict[str, Any]] = {}
        self._arguments: dict[int, list[str]] = {}
        self._usage: Mapping[str, Any] | None = None
        self._text_length = 0
        self.stop_reason: str | None = None
        self.bad_arguments: set[str] = set()
        self.started = False

    def feed(self, event: Mapping[str, Any]) -> str | None:
        """Take one event; returns the text it adds, if any."""
        self.started = True
        if "contentBlockDelta" in event:
            return self._delta(event["contentBlockDelta"])
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            tool = start.get("start", {}).get("toolUse")
            if tool is not None:
                index = start.get("contentBlockIndex", 0)
                use = {
                    "toolUseId": str(tool.get("toolUseId", "")),
                    "name": str(tool.get("name", "")),
                    "input": {},
                }
                self._blocks[index] = {"toolUse": use}
                self._arguments[index] = []
        elif "messageStop" in event:
            self.stop_reason = event["messageStop"].get("stopReason")
        elif "metadata" in event:
            self._usage = event["metadata"].get("usage")
        return None

    def _delta(self, event: Mapping[str, Any]) -> str | None:
        index = event.get("contentBlockIndex", 0)
        delta = event.get("delta", {})
        if "text" in delta:
            # Half a surrogate pair, which JSON can carry, fits into no UTF-8 on the way out.
            text = delta["text"].encode("utf-8", "replace").decode()
            block = self._blocks.setdefault(index, {"text": []})
            if "text" in block:
                block["text"].append(text)
            self._text_length += len(text)
            return text or None
        if "toolUse" in delta:
            piece = delta["toolUse"].get("input", "")
            self._arguments.setdefault(index, []).append(piece)
            self._text_length += len(piece)
        elif "reasoningContent" in delta:
            self._reasoning(index, delta["reasoningContent"])
        return None

    def _reasoning(self, index: int, delta: Mapping[str, Any]) -> None:
        # Kept with its signature: a model that thinks wants its thoughts back with the tool results.
        block = self._blocks.setdefault(index, {"reasoningContent": {}})
        content = block.get("reasoningContent")
        if content is None:
            return
        if "redactedContent" in delta:
            content["redactedContent"] = content.get("redactedContent", b"") + delta["redactedContent"]
            return
        text = content.setdefault("reasoningText", {"text": ""})
        if "text" in delta:
            text["text"] += delta["text"]
            self._text_length += len(delta["text"])
        if "signature" in delta:
            text["signature"] = text.get("signature", "") + delta["signature"]

    @property
    def message(self) -> Message:
        """The assistant message as far as it came."""
        content: list[dict[str, Any]] = []
        for index in sorted(self._blocks):
            block = self._blocks[index]
            if "text" in block:
                text = "".join(block["text"])
                if text.strip():
                    content.append({"text": text})
            elif "toolUse" in block:
                content.append({"toolUse": self._tool_use(index, block["toolUse"])})
            elif block["reasoningContent"]:
                content.append(block)
        return {"role": "assistant", "content": content}

    def _tool_use(self, index: int, use: dict[str, Any]) -> dict[str, Any]:
        text = "".join(self._arguments.get(index, ()))
        try:
            value = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.bad_arguments.add(use["toolUseId"])
            value = {}
        return {**use, "input": value}

    def usage(self) -> Usage:
        """Tokens and cost: the model's own figures, else an estimate that errs on the high side."""
        price = price_of(self._call.model)
        if self._usage is None:
            reading = estimate_tokens(self._call)
            writing = -(-self._text_length // 3)
            return Usage(
                reading, writing, price.usd(input_tokens=reading, output_tokens=writing), estimated=True
            )
        figures = {
            name: int(self._usage.get(key) or 0)
            for name, key in (
                ("input_tokens", "inputTokens"),
                ("output_tokens", "outputTokens"),
                ("cache_read", "cacheReadInputTokens"),
                ("cache_write", "cacheWriteInputTokens"),
            )
        }
        total = figures["input_tokens"] + figures["cache_read"] + figures["cache_write"]
        return Usage(total, figures["output_tokens"], price.usd(**figures), estimated=not price.known)


def estimate_tokens(call: ModelCall) -> int:
    """Input tokens of a call, estimated at three characters a token plus a fixed share per message."""
    characters = len(call.system) + sum(message_length(message) for message in call.messages)
    characters += sum(len(json.dumps(tool)) for tool in call.tools)
    return 16 + 8 * len(call.messages) + -(-characters // 3)


def message_length(message: Message) -> int:
    """Characters of a message's content, roughly."""
    total = 0
    for block in message["content"]:
        text = block.get("text")
        total += len(text) if isinstance(text, str) else len(str(block))
    return total
