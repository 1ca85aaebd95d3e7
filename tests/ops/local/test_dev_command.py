"""``ops dev`` from outside: what it refuses, and the whole of it from start to Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.cli import main
from ops.local.watch import stamps

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


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """``ops dev`` in a process of its own, with its folder elsewhere."""
    code = (
        "import sys; from pathlib import Path; from ops.local import cli;"
        f"cli.folder_of = lambda root, stack: Path({str(tmp_path)!r});"
        "from ops.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "dev", "--port", "0"], cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream
        stream.close()


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(600)
def test_from_start_to_ctrl_c(running: subprocess.Popen[str]) -> None:
    assert running.stdout
    assert running.stderr
    url = running.stdout.readline().strip()
    assert re.fullmatch(r"http://localhost:\d+", url)
    with urllib.request.urlopen(f"{url}/api/v1/status", timeout=10) as answer:
        assert b'"model":"scripted"' in answer.read()
    with urllib.request.urlopen(f"{url}/chat/", timeout=10) as answer:
        assert answer.headers["X-Cache"] == "Miss from cloudfront"
    children = _children(running.pid)
    assert children
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(15) == 0
    assert time.monotonic() - began < 8
    said = running.stderr.read()
    assert "created" in said
    assert "a scripted model, no AWS credentials" in said
    assert said.endswith("stopped\n")
    assert running.stdout.read() == ""
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else [pid]
