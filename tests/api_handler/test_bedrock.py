"""The model client: the same over plain sockets, TLS and a draining thread; connections kept and let go."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api_handler import bedrock as bedrock_module
from api_handler import handover
from api_handler.aws import MODEL_GAP_S, AwsClients
from api_handler.bedrock import BedrockModel
from api_handler.handover import Chunks
from api_handler.model import ModelCall, ModelError
from ops.bench.api_bedrock import LocalBedrock, text_reply, tool_reply
from tests.api_handler.running import CLIENTS
from tests.api_handler.test_faults import endless
from tests.timing import PATIENCE_S, quickest, until

CALL = ModelCall(
    model="amazon.nova-lite-v1:0",
    system="s",
    messages=[{"role": "user", "content": [{"text": "hi"}]}],
    max_tokens=50,
)


@pytest.fixture(params=["plain", "tls", "thread", "tls-thread"])
def way(
    request: pytest.FixtureRequest, certificate: Path, aws: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LocalBedrock, BedrockModel]]:
    tls = None
    if request.param.startswith("tls"):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    if request.param.endswith("thread"):
        monkeypatch.setattr(bedrock_module, "take_over", lambda raw: None)
    else:
        taken = handover.take_over

        def must_take(raw: Any) -> Any:
            opened = taken(raw)
            assert opened is not None
            return opened

        monkeypatch.setattr(bedrock_module, "take_over", must_take)
    with LocalBedrock(tls=tls) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        clients = AwsClients()
        # The loaded service models are shared; the clients are this test's own.
        clients._session = CLIENTS._session
        model = BedrockModel(clients)
        yield server, model
        model.close()
        clients.get("bedrock-runtime").close()
        clients.close()


async def ask(model: BedrockModel) -> tuple[str, Any]:
    async with model.stream(CALL) as stream:
        text = "".join([part async for part in stream])
        return text, stream


def test_answers(way: tuple[LocalBedrock, BedrockModel]) -> None:
    server, model = way
    text, stream = asyncio.run(ask(model))
    assert text == "Hello from the model"
    assert (stream.usage().input_tokens, stream.usage().output_tokens) == (10, 5)
    assert stream.stop_reason == "end_turn"
    server.script = lambda body, number: tool_reply(("a", "t", '{"x": "\\u00e4"}'), text="so")
    _, stream = asyncio.run(ask(model))
    assert stream.message["content"] == [
        {"text": "so"},
        {"toolUse": {"toolUseId": "a", "name": "t", "input": {"x": "ä"}}},
    ]


def test_large_answers(way: tuple[LocalBedrock, BedrockModel]) -> None:
    server, model = way
    words = ["ä" * 5000, "x" * 40_000, *["y"] * 500]
    server.script = lambda body, number: text_reply(" ".join(words))
    text, _ = asyncio.run(ask(model))
    assert text == " ".join(words)


def test_connections_are_kept(way: tuple[LocalBedrock, BedrockModel]) -> None:
    server, model = way

    async def several() -> None:
        for _ in range(5):
            assert (await ask(model))[0] == "Hello from the model"

    asyncio.run(several())
    assert len(server.calls) == 5
    assert server.connections == 1


def test_leaving_stops_the_model(way: tuple[LocalBedrock, BedrockModel]) -> None:
    server, model = way

    async def leave() -> float:
        async with model.stream(CALL) as stream:
            count = 0
            async for _ in stream:
                count += 1
                if count == 5:
                    break
        return time.monotonic()

    def attempt() -> float:
        server.calls.clear()
        server.script = endless()
        left_at = asyncio.run(leave())
        call = server.calls[0]
        stopped_at = until(lambda: call.left_at)
        # The next call is not disturbed by what was cut off.
        server.script = lambda body, number: text_reply("next")
        assert asyncio.run(ask(model))[0] == "next"
        return stopped_at - left_at

    assert quickest(1.0, attempt) < 1.0


def test_leaving_before_the_head_stops_the_model(way: tuple[LocalBedrock, BedrockModel]) -> None:
    server, model = way
    server.script = lambda body, number: [("silence",)]

    async def leave() -> float:
        async with model.stream(CALL):
            while not server.calls:
                await asyncio.sleep(0.005)
        return time.monotonic()

    def attempt() -> float:
        server.calls.clear()
        left_at = asyncio.run(leave())
        stopped_at = until(lambda: server.calls[0].left_at)
        assert len(server.calls) == 1
        return stopped_at - left_at

    assert quickest(1.0, attempt) < 1.0


def test_silence_is_a_gap(way: tuple[LocalBedrock, BedrockModel], monkeypatch: pytest.MonkeyPatch) -> None:
    server, model = way
    monkeypatch.setattr(bedrock_module, "MODEL_GAP_S", 0.3)
    take_over = bedrock_module.take_over
    gaps: list[float] = []

    def hurried(raw: Any) -> Any:
        # The socket's gap is the head's as well, and botocore asks again when no head comes in time: it is
        # made short behind the head only.
        gaps.append(raw._connection.sock.gettimeout())
        raw._connection.sock.settimeout(0.3)
        return take_over(raw)

    monkeypatch.setattr(bedrock_module, "take_over", hurried)
    server.script = lambda body, number: [
        ("event", "messageStart", {"role": "assistant"}),
        ("event", "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "half"}}),
        ("silence",),
    ]
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        asyncio.run(asyncio.wait_for(ask(model), PATIENCE_S))
    assert caught.value.kind in ("timeout", "broken")
    assert time.monotonic() - started > 0.25
    assert gaps == [MODEL_GAP_S]
    assert len(server.calls) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_chunks_cut_anywhere(size: int) -> None:
    body = b"5\r\nhello\r\n1;ext=1\r\n \r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    chunks = Chunks()
    found = b"".join(chunks.feed(body[at : at + size]) for at in range(0, len(body), size))
    assert found == b"hello 0123456789"
    assert chunks.complete
    plain = Chunks()
    assert plain.feed(b"1\r\na\r\n0\r\n\r") == b"a"
    assert not plain.complete
    plain.feed(b"\n")
    assert plain.complete


@pytest.mark.parametrize("body", [b"xyz\r\nabc", b"-1\r\n", b"123456789\r\n", b" \r\n", b"1" * 70_000])
def test_broken_chunks(body: bytes) -> None:
    with pytest.raises(ModelError):
        Chunks().feed(body)
