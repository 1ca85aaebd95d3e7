"""Tools, prices, history, the event stream's assembly: plain functions."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import pytest

from api_handler.bedrock import converse_request
from api_handler.jsontext import canonical, dumps
from api_handler.memory import MemoryStore
from api_handler.model import Assembler, ModelCall
from api_handler.prices import cheapest, price_of
from api_handler.registry import load_registry
from api_handler.routing import by_keywords
from api_handler.sessions import fit_history
from api_handler.tools import TOOL_NAMES
from api_handler.tools.arithmetic import calculate
from api_handler.tools.builtin import builtin_tools
from api_handler.tools.clock import current_time
from api_handler.tools.site_search import SiteSearch, build_index
from api_handler.tools.toolbox import Tool, Toolbox, ToolError
from tests.timing import PATIENCE_S


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("2+3*4", "14"),
        ("(1250 * 1.19 - 300) / 12", "98.95833333333333"),
        ("2**10", "1024"),
        ("-7 // 2", "-4"),
        ("7 % 4", "3"),
        ("10/4", "2.5"),
        ("4/2", "2"),
        ("sqrt(16) + abs(-2)", "6"),
        ("round(3.14159, 2)", "3.14"),
        ("round(2.5)", "2"),
        ("max(1, 2, 3)", "3"),
        ("2**-1", "0.5"),
        ("1e3", "1000"),
        ("1" + "+1" * 249, "250"),
    ],
)
def test_arithmetic(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "9**999999999",
        "(10**300)**2" + "**2" * 20,
        "*".join(["9**600"] * 50),
        "10**5000",
        "1e308*10",
        "round(10**300, -1000000000)",
        "round(7, -10**9)",
        "(" * 60 + "1" + ")" * 60,
        "(-8)**0.5",
        "1/0",
        "0**-1",
        "1%0",
        "sqrt(-1)",
        "exp(99999)",
        "log(0)",
        "min()",
        "abs(1, 2)",
        "__import__('os')",
        "(1).__class__",
        "[1]*10**9",
        "'a'*10**9",
        "x",
        "1 if 1 else 2",
        "lambda: 1",
        "max(*[1])",
        "round(1, digits=2)",
        "True + 1",
        "1j",
        "",
        "1 +",
        "9" * 501,
        "\x00",
    ],
)
def test_arithmetic_is_bounded(expression: str) -> None:
    # Work, not waiting: it all happens in this thread.
    started = time.thread_time()
    with pytest.raises(ToolError):
        calculate(expression)
    assert time.thread_time() - started < 0.2


def test_the_clock() -> None:
    assert current_time()["timezone"] == "UTC"
    assert current_time("Europe/Berlin")["time"][-6:] in ("+01:00", "+02:00")
    for zone in ("Nowhere/At-All", "../../etc/passwd", "", "\x00", "/etc/passwd"):
        with pytest.raises(ToolError):
            current_time(zone)


def test_builtin_tools_are_the_named_ones() -> None:
    tools = builtin_tools(None, site_index=None, alarm_prefix="")  # type: ignore[arg-type]
    assert tuple(tool.name for tool in tools) == TOOL_NAMES
    spec = next(tool for tool in tools if tool.name == "search_site").spec()
    assert spec["inputSchema"]["json"] == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "words to look for"},
            "count": {"type": "integer", "description": "pages to return, at most 10"},
        },
        "required": ["query"],
    }


def test_toolbox() -> None:
    def add(a: Annotated[int, "first"], b: float = 1.0, c: str | None = None) -> Any:
        """Add."""
        return {"sum": a + b, "c": c}

    def slow() -> str:
        """Wait."""
        end.wait(PATIENCE_S)
        return "late"

    def broken() -> str:
        """Break."""
        raise RuntimeError("the secret")

    async def huge() -> str:
        """Shout."""
        return "x" * 100_000

    end = threading.Event()
    tools = [Tool(add), Tool(slow), Tool(broken), Tool(huge)]
    names = tuple(tool.name for tool in tools)
    box = Toolbox(lambda: tools, timeout_s=PATIENCE_S)
    short = Toolbox(lambda: tools, timeout_s=0.2)

    def call(name: str, box: Toolbox = box, **arguments: Any) -> tuple[str, bool]:
        result = asyncio.run(box.call(name, arguments, names))
        return result.text, result.ok

    assert call("add", a=1) == ('{"sum": 2.0, "c": null}', True)
    assert call("add", a=2.0, b=3) == ('{"sum": 5.0, "c": null}', True)
    assert call("add") == ("argument 'a' is missing", False)
    assert call("add", a="1", b=True, d=4) == (
        "unknown argument 'd'; argument 'a' must be of type integer; argument 'b' must be of type number",
        False,
    )
    assert call("slow", short) == ("The tool did not finish within 0.2 seconds.", False)
    end.set()
    assert call("broken") == ("The tool failed (RuntimeError).", False)
    assert len(call("huge")[0]) == 20_011
    assert asyncio.run(box.call("add", {"a": 1}, ())).ok is False
    box.close()
    short.close()
    for wrong in (lambda x: x, print):
        with pytest.raises(TypeError):
            Tool(wrong)


def test_site_search(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "index.html").write_text("<title>Home</title><body>Welcome. <script>evil()</script></body>")
    (tmp_path / "docs/index.html").write_text(
        "<html><head><title>Pricing &amp; plans</title><style>p{}</style></head>"
        "<body><p>The basic plan costs 5 euros a month.</p></body></html>"
    )
    (tmp_path / "404.html").write_text("<title>Not found</title>plan plan plan")
    (tmp_path / "_draft.html").write_text("plan")
    index = build_index(tmp_path)
    assert [page["url"] for page in index["pages"]] == ["/docs/", "/"]
    assert index["pages"][0]["title"] == "Pricing & plans"
    assert "evil" not in json.dumps(index)
    path = tmp_path / "index.json"
    path.write_text(json.dumps(index))
    search = SiteSearch(str(path))
    (found,) = search.search_site("basic PLAN price")
    assert (found["url"], "5 euros" in found["passage"]) == ("/docs/", True)
    assert search.search_site("zebra") == []
    with pytest.raises(ToolError):
        search.search_site("?")
    for source in (None, str(tmp_path / "missing.json")):
        with pytest.raises(ToolError):
            SiteSearch(source).search_site("plan")
    path.write_text("[]")
    with pytest.raises(ToolError):
        SiteSearch(str(path)).search_site("plan")


def test_site_search_finds_the_index_of_the_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def search() -> Any:
        tools = builtin_tools(None, site_index=None, alarm_prefix="")  # type: ignore[arg-type]
        return next(tool.function for tool in tools if tool.name == "search_site")

    packaged = tmp_path / "site-index.json"
    monkeypatch.setattr("api_handler.tools.builtin.PACKAGED", packaged)
    with pytest.raises(ToolError, match="no index of its site"):
        search()("backends")
    packaged.write_text(json.dumps(build_index(Path("site"))))
    found = search()("fargate backend")
    assert any(page["url"].startswith("/backends/") for page in found)
    assert all(page["passage"] for page in found)


def test_an_index_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api_handler.tools.site_search.MAX_PAGE", 100)
    monkeypatch.setattr("api_handler.tools.site_search.MAX_TEXT", 250)
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.html").write_text(f"<p>{'word ' * 100}</p>")
    pages = build_index(tmp_path)["pages"]
    assert [(page["url"], len(page["text"])) for page in pages] == [("/a.html", 100), ("/b.html", 100)]


def test_prices() -> None:
    nova = price_of("amazon.nova-lite-v1:0")
    assert nova.usd(input_tokens=1_000_000, output_tokens=1_000_000) == pytest.approx(0.30)
    regional = price_of("us.amazon.nova-lite-v1:0")
    assert regional.usd(input_tokens=1_000_000, output_tokens=0) == pytest.approx(0.066)
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-haiku-5-5"
    assert price_of(arn).usd(input_tokens=100_000, output_tokens=0) == pytest.approx(0.01)
    assert price_of(arn).usd(input_tokens=100_001, output_tokens=0) == pytest.approx(0.05, rel=1e-3)
    cached = price_of(arn).usd(input_tokens=0, output_tokens=0, cache_read=10_000, cache_write=10_000)
    assert cached == pytest.approx(10_000 * (0.1 + 1.25) * 0.10 / 1e6)
    unknown = price_of("who.knows")
    assert unknown.known is False
    assert unknown.output_usd > max(
        price_of(f"anthropic.claude-{name}").output_usd for name in ("fable-5-2", "opus-5-5")
    )
    models = ("global.anthropic.claude-sonnet-5-5", "global.anthropic.claude-haiku-5-5", "x.y")
    assert cheapest(models) == models[1]


def call(**more: Any) -> ModelCall:
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    return ModelCall(
        **{
            "model": "anthropic.claude-sonnet-5-5",
            "system": "s",
            "messages": messages,
            "max_tokens": 9,
            **more,
        }
    )


def test_requests_carry_no_sampling_unless_told() -> None:
    request = converse_request(call())
    assert request == {
        "modelId": "anthropic.claude-sonnet-5-5",
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "system": [{"text": "s"}],
        "inferenceConfig": {"maxTokens": 9},
    }
    told = converse_request(call(inference={"temperature": 0.1}, additional={"top_k": 3}))
    assert told["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.1}
    assert told["additionalModelRequestFields"] == {"top_k": 3}


def test_cache_points_stand_where_they_pay() -> None:
    tool = {"name": "t", "description": "d", "inputSchema": {"json": {"type": "object"}}}
    point = {"cachePoint": {"type": "default"}}
    long = "word " * 2000
    cached = converse_request(call(system=long, tools=(tool,)))
    assert cached["system"][-1] == cached["toolConfig"]["tools"][-1] == point
    assert cached["messages"][-1]["content"][-1] == point
    nova = converse_request(call(system=long, tools=(tool,), model="amazon.nova-lite-v1:0"))
    assert nova["system"][-1] == point
    assert nova["toolConfig"]["tools"] == [{"toolSpec": tool}]
    assert "cachePoint" not in json.dumps(converse_request(call(system="short", tools=(tool,))))
    assert "cachePoint" not in json.dumps(converse_request(call(system=long, model="who.knows")))


def test_retries_prices_and_converse_have_one_place_each() -> None:
    sources = {path.relative_to("api_handler").as_posix(): path.read_text() for path in
               Path("api_handler").rglob("*.py")}  # fmt: skip

    def places(word: str) -> list[str]:
        return sorted(name for name, text in sources.items() if word in text)

    assert places("total_max_attempts") == ["aws.py"]
    # The rotation function is another function of the same artifact.
    assert set(places("create_client(")) <= {"aws.py", "rotation.py"}
    assert places("_claude(") == places("input_usd") == ["prices.py"]
    assert places("converse_stream(") == ["bedrock.py"]
    assert places(".converse(") == []
    # Nothing reads a whole table.
    operations = set(re.findall(r'self\._(?:call|conditional)\(\s*"(\w+)"', sources["dynamodb.py"]))
    assert operations == {"get_item", "put_item", "update_item", "query"}


def test_thoughts_are_kept_with_their_signature() -> None:
    assembler = Assembler(call())
    for delta in ({"text": "I "}, {"text": "think"}, {"signature": "sig"}):
        assembler.feed({"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"reasoningContent": delta}}})
    assembler.feed({"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"text": "so \ud800"}}})
    assert assembler.message["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "I think", "signature": "sig"}}},
        {"text": "so ?"},
    ]
    assert assembler.usage().estimated is True


def turn(question: str, answer: str, tool: str | None = None) -> list[Any]:
    messages: list[Any] = [{"role": "user", "content": [{"text": question}]}]
    if tool:
        use = {"toolUse": {"toolUseId": "1", "name": tool, "input": {}}}
        messages.append({"role": "assistant", "content": [use]})
        messages.append(
            {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": [{"text": "r"}]}}]}
        )
    messages.append({"role": "assistant", "content": [{"text": answer}]})
    return messages


def test_history_is_trimmed_by_whole_turns() -> None:
    turns = [turn("old", "x" * 500), turn("middle", "m", "calculate"), turn("new", "n")]
    everything = fit_history(turns, tools=["calculate"], characters=10_000)
    assert len(everything) == 2 + 4 + 2
    trimmed = fit_history(turns, tools=["calculate"], characters=450)
    assert [message["role"] for message in trimmed] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert trimmed[0]["content"][0]["text"] == "middle"
    without = fit_history(turns, tools=[], characters=10_000)
    assert "toolUse" not in json.dumps(without)
    assert len(without) == 6
    assert fit_history(turns, tools=[], characters=10) == []


def test_keywords() -> None:
    registry = load_registry(Path("api_handler/agents.toml").read_bytes(), ("m",))
    assert [agent.agent_id for agent in by_keywords("Calculate the percentages", registry)] == ["analyst"]
    assert by_keywords("zzzz", registry) == ()


def test_canonical_json() -> None:
    assert canonical({"b": 1.0, "a": [1e2, "\ud800"]}) == canonical({"a": [100, "\ud800"], "b": 1})
    assert canonical({"a": 1}) != canonical({"a": "1"})
    assert canonical({"a": True}) != canonical({"a": 1})
    assert dumps({"a": "\ud800ä"}) == b'{"a":"\\ud800\xc3\xa4"}'


def test_memory_is_bounded() -> None:
    store = MemoryStore(max_bytes=20_000)

    async def fill() -> None:
        for number in range(200):
            await store.put(f"p{number}", "s", {"text": "x" * 1000}, ttl_s=60)

    asyncio.run(fill())
    assert store._bytes <= 20_000
    assert asyncio.run(store.get("p199", "s")) is not None
    assert asyncio.run(store.get("p0", "s")) is None
