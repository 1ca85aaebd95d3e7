"""A server, a small site, and the command line as an operator runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.cli import main
from tests.ops.deploy.aws_server import AwsServer
from tests.ops.deploy.aws_world import DISTRIBUTION, STORE_ARN, World

ROOT = Path(__file__).parents[3]
ASSET = "assets/app-B7PI925R.js"
RELEASE = ("--bucket", "site-bucket", "--distribution-id", DISTRIBUTION, "--kvs-arn", STORE_ARN)
IN_PLACE = ("--bucket", "site-bucket", "--distribution-id", DISTRIBUTION)


@dataclass
class Outcome:
    """What a command gave."""

    code: int
    out: str
    err: str


Ops = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keys of nobody, and a cache of this test."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEPLOY_API", raising=False)
    monkeypatch.delenv("OPS_DEBUG", raising=False)


@pytest.fixture
def aws() -> Iterator[AwsServer]:
    """The account."""
    with AwsServer() as server:
        yield server


@pytest.fixture
def world(aws: AwsServer) -> World:
    """Its state."""
    return aws.world


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site."""
    root = tmp_path / "site"
    write(root, "index.html", f'<script src="/{ASSET}"></script>one')
    write(root, "404.html", "not here")
    write(root, "docs/index.html", "docs")
    write(root, ASSET, "console.log(1)")
    write(root, "style.css", "a{}")
    return root


def write(root: Path, path: str, content: str | bytes) -> Path:
    """A file of a site."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.fixture
def ops(aws: AwsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ops:
    """Runs ``python -m ops …`` in this process."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        words = [str(word) for word in arguments]
        try:
            code = main([*words, "--endpoint-url", aws.endpoint_url, "--log-dir", str(tmp_path / "log")])
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture
def in_place(world: World) -> None:
    """The distribution has no edge function."""
    world.serves_in_place = True
    world.has_function = False


def deploy_in_place(ops: Ops, site: Path, *more: object) -> Outcome:
    """Deploys in place, without a pause before the deletes."""
    return ops("deploy", site, *IN_PLACE, "--yes", "--grace", 0, *more)


def start(aws: AwsServer, log_dir: Path, *arguments: object) -> subprocess.Popen[str]:
    """Starts ``python -m ops …`` as a process of its own."""
    words = [sys.executable, "-m", "ops", *map(str, arguments)]
    words += ["--endpoint-url", aws.endpoint_url, "--log-dir", str(log_dir)]
    return subprocess.Popen(
        words, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def live_release(world: World) -> str:
    """The pointer's value."""
    return world.kvs.get("release", "")
