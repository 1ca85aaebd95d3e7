"""Conversations: the turns of a session, kept for a day and trimmed to a model's window."""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from collections.abc import Iterable
from typing import Any

from api_handler.errors import not_found
from api_handler.model import Message, message_length
from api_handler.store import Store

TTL_S = 86_400
MAX_TURNS = 100
MAX_TURN_BYTES = 300_000


def new_session_id() -> str:
    """A session id that cannot be guessed."""
    return "sess_" + base64.b32encode(os.urandom(20)).decode().lower()


class Sessions:
    """Sessions in the store.

    A turn is one item with a whole exchange, from the user's message to the
    answer. Two requests at once each add a whole turn, so that user and assistant
    alternate and a tool call never parts from its result.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self, session_id: str, owner: str) -> None:
        """Enter a session, which begins with its first use.

        Raises:
            ApiError: 404 when it belongs to another owner.
        """
        if await self._store.put(_meta(session_id), "meta", {"owner": owner}, ttl_s=TTL_S, absent=True):
            return
        item = await self._store.get(_meta(session_id), "meta")
        if item is not None and item["owner"] != owner:
            raise not_found("There is no such session.")

    async def history(self, session_id: str) -> list[list[Message]]:
        """The latest turns, oldest first."""
        items = await self._store.query(_turns(session_id), limit=MAX_TURNS, newest_first=True)
        return [_unpack(item["body"]) for _, item in reversed(items)]

    async def append(self, session_id: str, owner: str, messages: list[Message]) -> None:
        """Add a whole turn; the session lives a day from here."""
        kept = [{**message, "content": _storable(message["content"])} for message in messages]
        body = _pack(kept)
        if len(body) > MAX_TURN_BYTES:
            body = _pack(plain_turn(kept))
        sort = f"{time.time_ns():020d}-{os.urandom(4).hex()}"
        await self._store.put(_turns(session_id), sort, {"body": body}, ttl_s=TTL_S)
        await self._store.put(_meta(session_id), "meta", {"owner": owner}, ttl_s=TTL_S)


def _meta(session_id: str) -> str:
    return f"session#{session_id}"


def _turns(session_id: str) -> str:
    return f"turns-of#{session_id}"


def _storable(content: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    # Thoughts are of use within a tool loop only.
    return [block for block in content if "reasoningContent" not in block]


def _pack(messages: list[Message]) -> bytes:
    return zlib.compress(json.dumps(messages, separators=(",", ":")).encode(), 6)


def _unpack(body: bytes) -> list[Message]:
    return json.loads(zlib.decompress(body))


def plain_turn(messages: list[Message]) -> list[Message]:
    """A turn without its tool calls: the question and the answer's text."""
    texts = [
        block["text"]
        for message in messages
        if message["role"] == "assistant"
        for block in message["content"]
        if block.get("text", "").strip()
    ]
    if not texts:
        return []
    return [messages[0], {"role": "assistant", "content": [{"text": "\n\n".join(texts)}]}]


def fit_history(turns: list[list[Message]], *, tools: Iterable[str], characters: int) -> list[Message]:
    """The newest turns that fit, whole ones only, oldest first.

    Args:
        turns: turns of a session, oldest first.
        tools: tools the agent has; a turn that used another is told as text, since
            the model is not given that tool's specification.
        characters: room for them.
    """
    known = set(tools)
    fitting: list[list[Message]] = []
    for turn in reversed(turns):
        used = {
            block["toolUse"]["name"] for message in turn for block in message["content"] if "toolUse" in block
        }
        messages = turn if used <= known else plain_turn(turn)
        characters -= sum(message_length(message) + 24 for message in messages)
        if characters < 0:
            break
        fitting.append(messages)
    return [message for turn in reversed(fitting) for message in turn]
