"""``ops bench deploy``: this deployer beside the usual tools, same files, same bucket, same latency.

Every round runs every tool through every scenario, in shuffled order, on an emptied bucket. What is
reported are ratios within a round: a busy machine slows all of a round alike. Tools that cannot be
installed are left out, and the report says so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops.bench.deploy_report import report
from ops.bench.deploy_tools import REFERENCE, Tool, available_tools, build_sink
from ops.errors import OpsError, UsageError

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs" / "benchmarks" / "deploy.md"
SCENARIOS = ("first deploy", "no change", "CI rebuild", "one-page edit", "rollback")
PAGES_OF_FIVE = 2
"""Of five files two are pages, three are hashed assets."""
LARGE = 20_000


STOPWATCH = """
import os, sys, time
began = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - began
print(f"\\n{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}", end="")
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""A small process that starts the tool: a child's peak memory begins with that of whoever forked it."""


@dataclass(frozen=True)
class Run:
    """One run of one tool."""

    seconds: float
    cpu: float
    megabytes: float


@dataclass
class Results:
    """All runs by scenario and tool, a list entry a round; what could not be run."""

    runs: dict[str, dict[str, list[Run]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def add(self, scenario: str, tool: str, run: Run) -> None:
        """One more."""
        self.runs.setdefault(scenario, {}).setdefault(tool, []).append(run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ops bench deploy``."""
    parser.add_argument("--files", type=int, default=2000, help="files of the tree (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--latency-ms", type=int, default=30, help="latency of every answer (default: 30)")
    parser.add_argument(
        "--tools", default="", help="names separated by commas (default: all that can be had)"
    )
    parser.add_argument(
        "--large", action="store_true", help=f"also {LARGE:,} files, nothing changed, beside s5cmd"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="report (default: docs/benchmarks/deploy.md)")
    parser.add_argument("--seed", type=int, default=1, help="of the tree and of the order of tools")


def run(args: argparse.Namespace) -> int:
    """Runs the benchmark and writes the report.

    Raises:
        UsageError: wrong options.
        OpsError: the account cannot be built (Go is needed), or a tool failed.
    """
    if args.files < 10 or args.rounds < 1 or args.latency_ms < 0:
        raise UsageError("--files must be at least 10, --rounds 1 and --latency-ms 0")
    cache = _cache()
    sink = build_sink(ROOT / "ops" / "bench" / "s3sink", cache)
    results = Results()
    tools = available_tools(cache, results.left_out)
    if args.tools:
        wanted = args.tools.split(",")
        if unknown := [name for name in wanted if name not in {tool.name for tool in tools}]:
            raise UsageError(
                f"--tools {', '.join(unknown)}: there are {', '.join(tool.name for tool in tools)}"
            )
        tools = [tool for tool in tools if tool.name in wanted]
    order = random.Random(args.seed)
    load: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-deploy-") as folder:
        for number in range(args.rounds):
            shuffled = list(tools)
            order.shuffle(shuffled)
            for tool in shuffled:
                _say(f"round {number + 1} of {args.rounds}: {tool.name} …")
                load.append(os.getloadavg()[0])
                _round(tool, Path(folder), sink, args, results)
        if args.large:
            _large([tool for tool in tools if tool.large], Path(folder), sink, args, results)
    text = report(
        {
            name: {tool: [vars(run) for run in runs] for tool, runs in found.items()}
            for name, found in results.runs.items()
        },
        [(tool.name, tool.about) for tool in tools],
        results.left_out,
        {
            "files": args.files,
            "rounds": args.rounds,
            "latency_ms": args.latency_ms,
            "large": LARGE,
            "cores": os.cpu_count() or 1,
        },
        load,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _round(tool: Tool, folder: Path, sink: Path, args: argparse.Namespace, results: Results) -> None:
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    build_tree(tree, args.files, args.seed)
    page = tree / "p0" / "page0" / "index.html"
    original = page.read_bytes()
    with account(sink, args.latency_ms) as url, _state(folder) as state:
        # Files younger than two seconds are read again by whoever keeps a cache: a build is older.
        time.sleep(2.5)
        results.add("first deploy", tool.name, timed(tool, tool.deploy(tree, url), url, state, tree))
        results.add("no change", tool.name, timed(tool, tool.deploy(tree, url), url, state, tree))
        renew_times(tree)
        results.add("CI rebuild", tool.name, timed(tool, tool.deploy(tree, url), url, state, tree))
        time.sleep(2.5)
        page.write_bytes(original + b"<p>edited</p>")
        results.add("one-page edit", tool.name, timed(tool, tool.deploy(tree, url), url, state, tree))
        if not tool.rolls_back:
            # The old commit built again.
            page.write_bytes(original)
            renew_times(tree)
        results.add("rollback", tool.name, timed(tool, tool.back(tree, url), url, state, tree))
        _check(url, tool, args.files)


def _large(tools: list[Tool], folder: Path, sink: Path, args: argparse.Namespace, results: Results) -> None:
    tree = folder / "large"
    _say(f"{LARGE:,} files …")
    build_tree(tree, LARGE, args.seed, smallest=200, largest=2000)
    for tool in tools:
        with account(sink, args.latency_ms) as url, _state(folder) as state:
            time.sleep(2.5)
            timed(tool, tool.deploy(tree, url), url, state, tree)
            for _ in range(args.rounds):
                name = f"no change, {LARGE:,} files"
                results.add(name, tool.name, timed(tool, tool.deploy(tree, url), url, state, tree))


def build_tree(root: Path, files: int, seed: int, *, smallest: int = 1000, largest: int = 50_000) -> None:
    """A site: pages two of five, hashed assets the rest, a start page and an error page; the "
    "same for a seed."""
    chance = random.Random(seed)
    words = [
        bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOP\n", k=60)) for _ in range(500)
    ]
    for number in range(files - 2):
        if number % 5 < PAGES_OF_FIVE:
            path = root / f"p{number % 40}" / f"page{number}" / "index.html"
        else:
            path = root / "assets" / f"chunk{number}-{chance.getrandbits(36):09x}a1.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        size = chance.randint(smallest, largest)
        path.write_bytes(b"".join(chance.choices(words, k=size // 60 + 1))[:size])
    (root / "index.html").write_bytes(b"<h1>start</h1>")
    (root / "404.html").write_bytes(b"<h1>not here</h1>")


def renew_times(root: Path) -> None:
    """What a build server does: the same bytes, all times new."""
    now = time.time_ns()
    for path in root.rglob("*.*"):
        if path.is_file():
            os.utime(path, ns=(now, now))


@contextmanager
def account(sink: Path, latency_ms: int) -> Iterator[str]:
    """An account of its own on a local port; gives its endpoint."""
    process = subprocess.Popen(
        [sink, "-latency", f"{latency_ms}ms", "-bucket", "site"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


@contextmanager
def _state(folder: Path) -> Iterator[Path]:
    """A folder for what a tool keeps between runs (caches, logs)."""
    state = folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    yield state


def timed(tool: Tool, command: list[str], url: str, state: Path, tree: Path) -> Run:
    """Runs a tool once.

    Raises:
        OpsError: it failed.
    """
    environment: Mapping[str, str] = {
        "PATH": os.environ.get("PATH", ""), "HOME": str(state), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true",
        "ORCHESTRATOR_CACHE": str(state / "cache"),
    }  # fmt: skip
    tool.prepare(state, tree, url)
    done = subprocess.run(
        [sys.executable, "-S", "-c", STOPWATCH, *command],
        cwd=tool.folder(state), env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    figures = done.stdout.rpartition("\n")[2].split()
    if done.returncode != 0 or len(figures) != 3:
        raise OpsError(f"{tool.name} ended with {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    # macOS counts bytes, Linux kilobytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Run(float(figures[0]), float(figures[1]), int(figures[2]) * unit / 1e6)


def _check(url: str, tool: Tool, files: int) -> None:
    """A tool that sent less than the tree would be fast for nothing."""
    with urllib.request.urlopen(f"{url}/_sink/counts", timeout=10) as answer:
        objects = json.load(answer)["objects"]
    if objects < files:
        raise OpsError(f"{tool.name} left {objects} objects of {files} files in the bucket")


def _cache() -> Path:
    base = os.environ.get("ORCHESTRATOR_CACHE") or os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "orchestrator" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


__all__ = ["REFERENCE", "add_arguments", "run"]
