"""``ops dev`` follows what changes while it runs: function, program, API, site; broken and mended again."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.engine.cli_binary import find_engine
from ops.local.dev import Dev, DevOptions
from tests import timing
from tests.ops.local.running import Loop, listening, make_site

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ("__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml", "requirements.txt", "pyproject.toml",
           "components", "api_handler", "ops", "tools")  # fmt: skip
PATIENCE_S = 180.0
"""For what the engine plans anew."""


class Running:
    """``ops dev`` over a copy of the project.

    Attributes:
        root: the copy, to be changed.
        dev: what runs.
    """

    def __init__(self, root: Path, dev: Dev) -> None:
        self.root = root
        self.dev = dev

    def get(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.dev.port, timeout=timing.PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Host": "localhost"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (file, old)
        path.write_text(text.replace(old, new), encoding="utf-8")

    def until(self, path: str, status: int, part: str) -> None:
        """Asks until the answer is the new one; every answer on the way is a whole one."""
        deadline = time.monotonic() + PATIENCE_S
        before = self.get(path)
        while time.monotonic() < deadline:
            found = self.get(path)
            if found[0] == status and part in found[1]:
                return
            assert found == before, "neither what was served before nor what is to be served"
            time.sleep(0.1)
        raise AssertionError(f"{path} stays {before[0]}: {list(self.dev.messages)[-3:]}")

    def until_said(self, part: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for _, text in list(self.dev.messages):
                if part in text:
                    return text
            time.sleep(0.05)
        raise AssertionError(f"nobody said {part!r}: {list(self.dev.messages)[-3:]}")

    def state(self) -> dict[str, Any]:
        return json.loads(self.get("/_dev/state")[1])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    find_engine()
    root = tmp_path / "project"
    root.mkdir()
    for name in PROJECT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__", "bench"))
        elif source.exists():
            shutil.copy(source, root / name)
    make_site(root / "site")
    loop = Loop()
    dev = Dev(DevOptions(root=root, site=root / "site", folder=tmp_path / "local"), lambda _: None)
    sock = listening()
    loop.run(dev.start(sock), timeout_s=PATIENCE_S)
    try:
        yield Running(root, dev)
    finally:
        loop.run(dev.stop())
        loop.stop()


def test_all_that_can_change(running: Running) -> None:
    function = "components/static_site/edge_function.js"
    assert running.get("/teapot")[0] == 404

    # The edge function: the engine plans it, the edge runs it.
    teapot = (
        "  const request = event.request;\n  if (request.uri === '/teapot') { return { statusCode: 418 }; }\n"
    )
    running.replace(
        function,
        "async function route(event) {\n  const request = event.request;\n",
        f"async function route(event) {{\n{teapot}",
    )
    running.until("/teapot", 418, "")
    assert any("1 updated" in text for _, text in list(running.dev.messages))

    # A program that does not run: said, and what was served before goes on.
    running.replace(
        "__main__.py", "import pulumi\n", "import pulumi\n\nraise ValueError('a slip of the pen')\n"
    )
    said = running.until_said("what was served before goes on")
    assert "a slip of the pen" in said
    assert "a slip of the pen" in running.state()["problem"]
    assert running.get("/teapot")[0] == 418
    assert running.get("/api/v1/health")[0] == 200

    # Mended, and the function changed once more.
    running.replace("__main__.py", "\nraise ValueError('a slip of the pen')\n", "")
    running.replace(function, "statusCode: 418", "statusCode: 410")
    running.until("/teapot", 410, "")
    deadline = time.monotonic() + PATIENCE_S
    while running.state()["problem"] and time.monotonic() < deadline:  # the API follows the edge
        time.sleep(0.05)
    assert running.state()["problem"] == ""

    # The API.
    port = running.dev.api_url
    health = running.get("/api/v1/health")
    (running.root / "api_handler" / "touched.py").write_text("# changed\n")
    deadline = time.monotonic() + PATIENCE_S
    while running.dev.api_url == port and time.monotonic() < deadline:
        assert running.get("/api/v1/health")[0] == health[0] == 200  # never without one
        time.sleep(0.05)
    assert running.dev.api_url != port

    # The site: a new release, without the engine.
    (running.root / "site" / "index.html").write_text("<!doctype html><title>Later</title><h1>Later</h1>\n")
    running.until("/", 200, "Later")
