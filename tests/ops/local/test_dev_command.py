"""``ops dev`` from outside: what it refuses, and the whole of it from start to Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ops.cli import main
from ops.engine.cli_binary import find_engine
from ops.errors import OpsError
from ops.local.watch import stamps
from tests.timing import PATIENCE_S

ROOT = Path(__file__).parents[3]


def _alone(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["dev", *arguments])
    return code, capsys.readouterr().err


def test_wrong_options_in_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _alone(capsys, "--port", "99999", "--backend-url", "nonsense")
    assert code == 2
    assert "--port 99999 is no port; allowed: 0 to 65535" in said
    assert "--backend-url 'nonsense' is no URL such as http://127.0.0.1:8000" in said
    code, said = _alone(capsys, "--stack", "nowhere")
    assert code == 2
    assert "there is no stack 'nowhere'" in said


def test_a_taken_port(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ops.local import cli

    monkeypatch.setattr(cli, "folder_of", lambda root, stack: tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = _alone(capsys, "--port", str(port))
    assert code == 1
    assert f"port {port} is taken by another program" in said
    assert f"--port {port + 1}" in said


def test_the_first_start_gets_the_engine_where_its_progress_is_seen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from ops.local import cli

    def none(root: Path) -> None:
        raise OpsError("there is no engine to be had")

    async def serve(*_: object) -> int:
        return 0

    monkeypatch.setattr(cli, "folder_of", lambda root, stack: tmp_path)
    monkeypatch.setattr(cli, "_serve", serve)
    monkeypatch.setattr("ops.engine.cli_binary.find_engine", none)
    code, said = _alone(capsys, "--port", "0")
    assert code == 1
    assert "there is no engine to be had" in said
    # A stack that was up before had one: nothing is looked for, the start takes no longer.
    (tmp_path / "stack.json").write_text("{}")
    assert _alone(capsys, "--port", "0") == (0, "")


def test_two_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import fcntl

    from ops.local import cli

    monkeypatch.setattr(cli, "folder_of", lambda root, stack: tmp_path)
    with (tmp_path / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        code, said = _alone(capsys)
    assert code == 1
    assert "`ops dev` runs already for the stack dev" in said


def test_what_is_watched(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("1")
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "x.pyc").write_text("1")
    before = stamps([tmp_path / "a", tmp_path / "missing"])
    assert [Path(path).name for path in before] == ["x.py"]
    (tmp_path / "a" / "x.py").write_text("22")
    assert stamps([tmp_path / "a"]) != before


class Started:
    """``ops dev`` in a process of its own, with its folder elsewhere.

    Attributes:
        process: what runs.
    """

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        code = (
            "import sys; from pathlib import Path; from ops.local import cli;"
            f"cli.folder_of = lambda root, stack: Path({str(folder)!r});"
            "from ops.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        self._errors = folder.with_name("errors.txt")
        with self._errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "dev", *arguments], cwd=ROOT, env={**env, **environment},
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    @cached_property
    def url(self) -> str:
        """That it prints once it is there."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    @property
    def said(self) -> str:
        return self._errors.read_text()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, problem.read().decode()

    def until_ready(self) -> None:
        while "Ctrl-C ends it" not in self.said:
            assert self.process.poll() is None, self.said
            time.sleep(0.02)

    def end(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Starts ``ops dev``; what still runs at the end of the test is killed."""
    made: list[Started] = []
    (tmp_path / "local").mkdir()

    def begin(*arguments: str, **environment: str) -> Started:
        made.append(Started(tmp_path / "local", *arguments, **environment))
        return made[-1]

    yield begin
    for one in made:
        if one.process.poll() is None:
            children = _children(one.process.pid)
            one.process.kill()
            one.process.wait()
            for child in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        assert one.process.stdout
        one.process.stdout.close()


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
def test_from_start_to_ctrl_c(start: Callable[..., Started]) -> None:
    find_engine()
    dev = start("--port", "0")
    assert re.fullmatch(r"http://localhost:\d+", dev.url)
    dev.until_ready()
    assert json.loads(dev.get("/api/v1/status")[1])["model"] == "scripted"
    with urllib.request.urlopen(f"{dev.url}/chat/", timeout=PATIENCE_S) as answer:
        assert answer.headers["X-Cache"] == "Miss from cloudfront"
    children = _children(dev.process.pid)
    assert children
    began = time.monotonic()
    assert dev.end() == 0
    assert time.monotonic() - began < 25  # without waiting for anything that does not end
    assert "created" in dev.said
    assert "a scripted model, no AWS credentials" in dev.said
    assert dev.said.endswith("stopped\n")
    assert dev.process.stdout
    assert dev.process.stdout.read() == ""
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}


class Echo(BaseHTTPRequestHandler):
    """An API of one's own: tells what it got."""

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
def test_one_start_after_another(start: Callable[..., Started], echo: str, tmp_path: Path) -> None:
    find_engine()
    first = start("--port", "0")
    first.until_ready()
    assert first.get("/api/v1/chat")[0] == 404  # closed to visitors
    assert first.end() == 0
    assert "created" in first.said

    # Other settings and credentials: what changed is said, Bedrock is asked, AWS is not.
    second = start("--port", "0", "--set", "publicChat=true", **KEYS)
    second.until_ready()
    assert re.search(r"stack dev is up: \d+ updated", second.said)
    assert "created" not in second.said
    assert "API: Amazon Bedrock, with the environment (AWS_ACCESS_KEY_ID)" in second.said
    assert json.loads(second.get("/api/v1/status")[1])["model"].startswith("global.")
    assert second.get("/api/v1/chat")[0] == 405  # open: it wants a POST
    # The same again is not brought up again; --scripted asks nobody.
    assert second.end() == 0
    third = start("--port", "0", "--set", "publicChat=true", "--scripted", **KEYS)
    third.until_ready()
    assert "stack dev is up: the program has not changed since" in third.said
    assert json.loads(third.get("/api/v1/status")[1])["model"] == "scripted"
    assert third.end() == 0

    # Another API behind the same edge: it gets what the distribution sends, and none is started here.
    fourth = start("--port", "0", "--set", "publicChat=true", "--backend-url", echo)
    fourth.until_ready()
    assert _children(fourth.process.pid) == []
    status, body = fourth.get("/api/v1/anything?x=1", **{"X-API-Key": "mine"})
    got = json.loads(body)
    headers = {name.lower(): value for name, value in got["headers"].items()}
    assert (status, got["path"]) == (200, "/api/v1/anything?x=1")
    assert headers["x-api-key"] == "mine"
    assert len(headers["x-origin-verify"]) > 20
    assert f"API: {echo}" in fourth.said
    assert fourth.end() == 0

    # And all of it goes again.
    folder = tmp_path / "local"
    assert (folder / "buckets").is_dir()
    assert (folder / "stack.json").is_file()
    last = start("--destroy")
    assert last.process.wait(180) == 0
    assert last.said == "the local stack dev is gone\n"
    assert [path.name for path in folder.iterdir()] == [".lock"]


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else [pid]
