"""What the status page shows is read in a thread of its own, while requests come and things are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.local.dev import Dev, DevOptions
from ops.local.dev_page import DevPage
from ops.local.http1 import Request
from ops.local.trace import Trace


def _state(dev: Dev) -> dict[str, Any]:
    request = Request("GET", "/_dev/state", "HTTP/1.1", [], "127.0.0.1")
    answer = asyncio.run(DevPage(dev).answer(request, "/_dev/state"))
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


def test_a_request_that_comes_while_the_state_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = Dev(DevOptions(root=tmp_path, site=tmp_path, folder=tmp_path), lambda _: None)
    for target in ("/1", "/2"):
        dev.log.begin("GET", "localhost", target)
    document = Trace.document

    def disturbed(trace: Trace) -> dict[str, Any]:
        dev.log.begin("GET", "localhost", "/later")
        return document(trace)

    monkeypatch.setattr(Trace, "document", disturbed)
    assert [request["target"] for request in _state(dev)["requests"]] == ["/2", "/1"]


def test_a_message_that_is_told_while_the_state_is_read(tmp_path: Path) -> None:
    dev = Dev(DevOptions(root=tmp_path, site=tmp_path, folder=tmp_path), lambda _: None)

    class Disturbed(tuple[float, str]):
        def __iter__(self) -> Iterator[float | str]:
            dev.tell("later")
            return super().__iter__()

    dev.messages += [Disturbed((1.0, "one")), Disturbed((2.0, "two"))]
    assert [message["text"] for message in _state(dev)["messages"]] == ["two", "one"]
