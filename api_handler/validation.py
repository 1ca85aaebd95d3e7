"""What clients may send: every field of every body and query, checked all at once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from api_handler.errors import invalid, unauthorized
from api_handler.jsontext import dumps

MAX_TASK = 10_000
MAX_CONTEXT = 50_000
MAX_AGENTS = 10
MAX_MESSAGE = 2_000
MAX_IDEMPOTENCY_KEY = 256
RUN_STATUSES = ("pending", "running", "completed", "failed", "cancelled")

_SESSION_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_NOT_PLAIN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class OrchestrateBody:
    """Body of ``POST /orchestrate``."""

    task: str
    context: dict[str, Any] | None
    agent_ids: tuple[str, ...]
    session_id: str | None


@dataclass(frozen=True, kw_only=True)
class RunBody:
    """Body of ``POST /run``."""

    goal: str
    agent_profile_id: str
    context: dict[str, Any] | None
    stream_tokens: bool


@dataclass(frozen=True, kw_only=True)
class ChatBody:
    """Body of ``POST /chat``."""

    message: str
    session_id: str | None


@dataclass(frozen=True, kw_only=True)
class RunsQuery:
    """Query of ``GET /runs``."""

    limit: int
    cursor: str | None
    status: str | None


class Fields:
    """Reads fields of one object and collects what is wrong with them.

    A field that is ``null`` counts as absent; fields nobody asks for are ignored.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.problems: list[tuple[str, str]] = []

    def wrong(self, field: str, problem: str) -> None:
        """Note a problem."""
        self.problems.append((field, problem))

    def check(self) -> None:
        """Raise 422 when there was any problem."""
        if self.problems:
            raise invalid(self.problems)

    def text(self, name: str, maximum: int) -> str:
        """A required string: not blank, at most ``maximum`` code points, plain characters."""
        value = self._values.get(name)
        if value is None:
            self.wrong(name, "is required")
        elif not isinstance(value, str):
            self.wrong(name, f"must be a string, not {_kind(value)}")
        elif len(value) > maximum:
            self.wrong(name, f"is longer than {maximum} characters")
        elif problem := unprintable(value):
            self.wrong(name, problem)
        elif not value.strip():
            self.wrong(name, "is blank")
        else:
            return value
        return ""

    def context(self) -> dict[str, Any] | None:
        """The optional object ``context``: at most 50,000 characters as compact JSON."""
        value = self._values.get("context")
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong("context", f"must be an object, not {_kind(value)}")
            return None
        if problem := _unprintable_inside(value):
            self.wrong("context", problem)
            return None
        if len(dumps(value).decode()) > MAX_CONTEXT:
            self.wrong("context", f"is longer than {MAX_CONTEXT} characters as JSON")
            return None
        return value

    def session_id(self) -> str | None:
        """The optional ``session_id``."""
        value = self._values.get("session_id")
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong("session_id", f"must be a string, not {_kind(value)}")
        elif not _SESSION_ID.fullmatch(value):
            self.wrong("session_id", "must be 1 to 128 letters, digits, '.', '_', ':' or '-'")
        else:
            return value
        return None

    def boolean(self, name: str, default: bool) -> bool:
        """An optional boolean."""
        value = self._values.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(name, f"must be true or false, not {_kind(value)}")
            return default
        return value

    def agent_id(self, name: str, known: Collection[str]) -> str | None:
        """An optional id of a known agent."""
        value = self._values.get(name)
        return None if value is None else self._agent(name, value, known)

    def agent_ids(self, known: Collection[str]) -> tuple[str, ...]:
        """The optional list ``agent_ids``: at most ten ids, repeats dropped."""
        value = self._values.get("agent_ids")
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong("agent_ids", f"must be a list, not {_kind(value)}")
            return ()
        if len(value) > MAX_AGENTS:
            self.wrong("agent_ids", f"holds more than {MAX_AGENTS} ids")
            return ()
        found = [self._agent(f"agent_ids[{index}]", item, known) for index, item in enumerate(value)]
        return tuple(dict.fromkeys(item for item in found if item is not None))

    def _agent(self, name: str, value: Any, known: Collection[str]) -> str | None:
        if not isinstance(value, str):
            self.wrong(name, f"must be a string, not {_kind(value)}")
        elif value not in known:
            self.wrong(name, "is not the id of an agent; GET /api/v1/agents lists them")
        else:
            return value
        return None


def orchestrate_body(values: Mapping[str, Any], agents: Collection[str]) -> OrchestrateBody:
    """Check the body of ``POST /orchestrate``; raises 422 with every wrong field."""
    fields = Fields(values)
    body = OrchestrateBody(
        task=fields.text("task", MAX_TASK),
        context=fields.context(),
        agent_ids=fields.agent_ids(agents),
        session_id=fields.session_id(),
    )
    fields.check()
    return body


def run_body(values: Mapping[str, Any], agents: Collection[str], default: str) -> RunBody:
    """Check the body of ``POST /run``; raises 422 with every wrong field.

    Args:
        values: the body.
        agents: ids of the agents.
        default: id of the agent that works when none is named.
    """
    fields = Fields(values)
    body = RunBody(
        goal=fields.text("goal", MAX_TASK),
        agent_profile_id=fields.agent_id("agent_profile_id", agents) or default,
        context=fields.context(),
        stream_tokens=fields.boolean("stream_tokens", True),
    )
    fields.check()
    return body


def chat_body(values: Mapping[str, Any]) -> ChatBody:
    """Check the body of ``POST /chat``; raises 422 with every wrong field."""
    fields = Fields(values)
    body = ChatBody(message=fields.text("message", MAX_MESSAGE), session_id=fields.session_id())
    fields.check()
    return body


def runs_query(query: Mapping[str, str]) -> RunsQuery:
    """Check the query of ``GET /runs``; raises 422. The cursor is read by the store of runs."""
    fields = Fields({})
    limit = 20
    if "limit" in query:
        text = query["limit"]
        if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= 100:
            limit = int(text)
        else:
            fields.wrong("limit", "must be a whole number from 1 to 100")
    status = query.get("status")
    if status is not None and status not in RUN_STATUSES:
        fields.wrong("status", f"must be one of {', '.join(RUN_STATUSES)}")
    fields.check()
    return RunsQuery(limit=limit, cursor=query.get("cursor"), status=status)


def idempotency_key(values: list[str]) -> str | None:
    """The value of ``Idempotency-Key``; raises 422 when it is repeated, empty, too long or not printable."""
    if not values:
        return None
    value = values[0]
    if len(values) > 1:
        raise invalid([("Idempotency-Key", "is sent more than once")])
    if not 1 <= len(value) <= MAX_IDEMPOTENCY_KEY or not (value.isascii() and value.isprintable()):
        raise invalid([("Idempotency-Key", f"must be 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters")])
    return value


def chat_origin(origins: Collection[str], origin: list[str], fetch_site: str | None) -> None:
    """Refuse a chat request that a page of another site makes.

    With a list of origins, an ``Origin`` header must be on it. Without one, only
    the site itself may ask, which a browser states in ``Sec-Fetch-Site`` (a
    header that scripts cannot set, https://www.w3.org/TR/fetch-metadata/).
    A client that is no browser sends neither header; the caps bound it.

    Raises:
        ApiError: 401.
    """
    if len(origin) > 1:
        raise unauthorized("The Origin header is sent more than once.")
    if origins:
        allowed = not origin or origin[0] in origins
    elif fetch_site is not None:
        allowed = fetch_site in ("same-origin", "none")
    else:
        allowed = not origin
    if not allowed:
        raise unauthorized("This origin may not use the chat.")


def unprintable(text: str) -> str | None:
    """What is wrong with the characters of a text, or None."""
    found = _NOT_PLAIN.search(text)
    if found is None:
        return None
    if unicodedata.category(found.group()) == "Cs":
        return "holds half of a surrogate pair"
    return "holds a control character other than tab and newline"


def _unprintable_inside(value: Any) -> str | None:
    # Iterative on purpose; the depth is bounded where the body is parsed.
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if problem := unprintable(item):
                return problem
        elif isinstance(item, dict):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return {str: "a string", list: "a list", dict: "an object"}.get(type(value), "null")
