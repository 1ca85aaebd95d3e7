"""The code of docs/chatbot.md, run as it stands against the API."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from api_handler import registry as registry_module
from api_handler.registry import load_registry
from api_handler.tools import builtin
from ops.bench.api_bedrock import LocalBedrock, text_reply, tool_reply
from tests.api_handler.running import HttpApi
from tests.timing import until

PAGE = Path("docs/chatbot.md").read_text()
FILES = {
    name: code for _, code, name in re.findall(r"```(\w+)\n((?://|#) file: (\S+)\n.*?)```", PAGE, re.DOTALL)
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def load(folder: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def script(folder: Path, api: HttpApi, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, name, f"http://127.0.0.1:{api.port}", *arguments],
        cwd=folder, env={**os.environ, "API_KEY": api.key}, capture_output=True, text=True, timeout=30, check=False,  # noqa: E501
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_block_is_tested() -> None:
    assert set(FILES) == {
        "ask.py", "stream.py", "run.py", "chat.js", "slack_bot.py", "service.py", "agents.toml", "order_tool.py",  # noqa: E501
    }  # fmt: skip


def test_scripts(folder: Path, http_api: HttpApi, bedrock: LocalBedrock) -> None:
    out = script(folder, http_api, "ask.py", "What is new?")
    assert "Assistant: Hello from the model" in out
    assert "session sess_" in out
    assert script(folder, http_api, "stream.py", "x") == "Hello from the model\n[completed]\n"
    assert "completed: 0.0000" in script(folder, http_api, "run.py", "x", "key-1")


@pytest.mark.usefixtures("no_backoff")
def test_a_service_waits_when_it_is_told_to(
    folder: Path, http_api: HttpApi, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", http_api.key)
    service = load(folder, "service")
    waited: list[float] = []
    monkeypatch.setattr(service, "time", types.SimpleNamespace(sleep=waited.append))
    throttled = [("status", 429, "ThrottlingException")]
    bedrock.script = lambda body, number: throttled if number < 3 else text_reply("now")
    agents = service.Agents(f"http://127.0.0.1:{http_api.port}")
    answer = agents.orchestrate("x", agent_ids=["assistant"])
    assert answer["results"][0]["output"] == "now"
    assert 10 in waited
    with pytest.raises(RuntimeError, match=r"422 invalid_request \([0-9a-f]{32}\): task"):
        agents.orchestrate("")
    agents.close()


def test_the_slack_bot(
    folder: Path, http_api: HttpApi, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[dict[str, Any]] = []

    class Slack(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    slack = HTTPServer(("127.0.0.1", 0), Slack)
    thread = threading.Thread(target=slack.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    for name, value in {
        "API_KEY": http_api.key,
        "API_BASE": f"http://127.0.0.1:{http_api.port}",
        "SLACK_API": f"http://127.0.0.1:{slack.server_port}",
        "SLACK_TOKEN": "xoxb",
        "SLACK_SIGNING_SECRET": "signing",
    }.items():
        monkeypatch.setenv(name, value)
    load(folder, "run")
    bot = load(folder, "slack_bot")
    event = {"type": "app_mention", "text": "hello", "channel": "C1", "ts": "1.2"}
    body = json.dumps({"type": "event_callback", "event": event, "event_id": "Ev1"}).encode()
    stamp = str(int(time.time()))
    signature = "v0=" + hmac.new(b"signing", f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
    try:
        assert bot.receive({**headers, "X-Slack-Signature": "v0=x"}, body)[0] == 401
        assert bot.receive({**headers, "X-Slack-Request-Timestamp": "1"}, body)[0] == 401
        # Slack delivers twice; the agents work once.
        assert bot.receive(headers, body) == (200, "")
        assert bot.receive(headers, body) == (200, "")
        until(lambda: len(posted) == 2)
        assert posted[0] == {"channel": "C1", "thread_ts": "1.2", "text": "Hello from the model"}
        assert len(http_api.get("/runs").json["runs"]) == 1
    finally:
        slack.shutdown()
        thread.join()
        slack.server_close()


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_page(folder: Path, make_api: Callable[..., HttpApi], bedrock: LocalBedrock) -> None:
    api = make_api(PUBLIC_CHAT='{"session_turns": 2}')
    (folder / "chat.mjs").write_text(FILES["chat.js"])
    (folder / "page.mjs").write_text(
        'import { ask } from "./chat.mjs";\nlet text = "";\n'
        "for (const question of ['one', 'two', 'three'])\n"
        "  try { await ask(question, part => { text += part; }, process.argv[2]); text += '|'; }\n"
        "  catch (error) { text += error.message; }\nconsole.log(text);\n"
    )
    # node states no Sec-Fetch-Site, as a client that is no browser.
    done = subprocess.run(
        ["node", "page.mjs", f"http://127.0.0.1:{api.port}"], cwd=folder, capture_output=True, text=True, timeout=30,  # noqa: E501
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "Hello from the model|Hello from the model|This session has had its 2 messages."
    )
    assert len(bedrock.calls[1].body["messages"]) == 3


def test_ten_lines_make_an_agent_that_works(
    folder: Path, make_api: Callable[..., HttpApi], bedrock: LocalBedrock
) -> None:
    lines = FILES["agents.toml"].splitlines()
    assert lines[0] == "# file: agents.toml"
    assert len(lines) - 1 <= 10
    api = make_api(AGENTS_FILE=str(folder / "agents.toml"))
    (agent,) = api.get("/agents").json["agents"]
    assert (agent["agent_id"], agent["name"]) == ("support", "Support")
    answer = api.post("/orchestrate", {"task": "Where is my order?"}).json
    assert answer["results"][0]["agent_id"] == "support"
    (call,) = bedrock.calls
    assert call.model == "global.anthropic.claude-sonnet-5-5"
    assert call.body["system"][0]["text"].startswith("You answer customers of the shop")
    assert call.body["inferenceConfig"] == {"maxTokens": 800}
    names = [tool["toolSpec"]["name"] for tool in call.body["toolConfig"]["tools"]]
    assert names == ["search_site", "current_time"]
    registry = load_registry(FILES["agents.toml"].encode(), ("default-model",))
    assert registry.default.limits.turns == 4


def test_a_tool_of_ones_own_works(
    folder: Path, make_api: Callable[..., HttpApi], bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = load(folder, "order_tool").TOOL
    assert tool.spec()["description"] == "Tell where an order is."
    assert tool.function(**tool.check({"number": "A-1001"})) == "shipped yesterday"
    # As the page says: into the list, and its name into TOOL_NAMES.
    made = builtin.builtin_tools
    monkeypatch.setattr(builtin, "builtin_tools", lambda *given, **more: [*made(*given, **more), tool])
    monkeypatch.setattr(registry_module, "TOOL_NAMES", (*registry_module.TOOL_NAMES, "order_status"))
    agents = FILES["agents.toml"].replace('"current_time"', '"current_time", "order_status"')
    (folder / "agents.toml").write_text(agents)
    api = make_api(AGENTS_FILE=str(folder / "agents.toml"))
    asked = [("a", "order_status", '{"number": "A-1002"}'), ("b", "order_status", '{"number": "Z"}')]
    bedrock.script = lambda body, number: tool_reply(*asked) if number == 0 else text_reply("Being packed.")
    answer = api.post("/orchestrate", {"task": "Where is A-1002?"}).json
    assert answer["results"][0]["output"] == "Being packed."
    results = [block["toolResult"] for block in bedrock.calls[1].body["messages"][-1]["content"]]
    assert [(item["status"], item["content"][0]["text"]) for item in results] == [
        ("success", "being packed"),
        ("error", "there is no order 'Z'"),
    ]


def test_the_environment_is_told_in_full() -> None:
    sources = Path("api_handler/settings.py").read_text()
    names = set(re.findall(r'"([A-Z][A-Z_]+[A-Z])"', sources)) - {
        "AWS_LAMBDA_FUNCTION_NAME",
        "ECS_CONTAINER_METADATA_URI_V4",
    }
    assert names
    assert [name for name in sorted(names) if f"`{name}" not in PAGE] == []
