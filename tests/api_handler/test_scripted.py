"""What the scripted model makes of a tool's result."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from api_handler.model import ModelCall
from api_handler.scripted import ScriptedModel

HONEST = "(A scripted model answers here; no model was asked.)"


def answer(result: str) -> str:
    """Its words after a tool answered."""
    used: Any = {"toolResult": {"toolUseId": "scripted-1", "content": [{"text": result}]}}
    call = ModelCall(model="m", system="", messages=[{"role": "user", "content": [used]}], max_tokens=500)

    async def read() -> str:
        async with ScriptedModel(gap_s=0).stream(call) as stream:
            return "".join([text async for text in stream])

    return asyncio.run(read())


def test_pages_that_were_found_are_links() -> None:
    pages = [
        {"url": "/chat/", "title": "Chat [beta]", "passage": "long"},
        {"url": "/docs/", "title": " Docs\n ", "passage": ""},
    ]
    assert answer(json.dumps(pages)) == (
        f"Pages of this site that fit:\n\n- [Chat beta](/chat/)\n- [Docs](/docs/)\n\n{HONEST}"
    )
    assert answer("[]") == f"No page of this site fits.\n\n{HONEST}"


@pytest.mark.parametrize("result", ["217", "no JSON", '{"utc": "now"}', '[{"name": "alarm"}]', "[1]", "null"])
def test_any_other_result_is_told_as_it_stands(result: str) -> None:
    assert answer(result) == f"{result}\n\n{HONEST}"
