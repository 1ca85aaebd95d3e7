"""``ops bench``: the benchmarks by name; a benchmark's module is imported when it is run."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from ops.errors import UsageError

BENCHMARKS = {
    "api": "the agent API beside FastAPI, Mangum and boto3: cold starts, CPU, token delay",
    "deploy": "the deployer of sites beside the usual tools",
    "edge": "the local edge: files a second, what it adds to a streamed token, time of its function",
    "program": "one run of the program beside the floor of its imports",
}
"""Name to one line; each is the module ``ops.bench.<name>`` with ``run(args)`` and perhaps
``add_arguments(parser)``."""


def available() -> dict[str, str]:
    """The benchmarks that are there."""
    folder = Path(__file__).parent
    return {name: line for name, line in BENCHMARKS.items() if (folder / f"{name}.py").is_file()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The name of the benchmark; its own options follow, ``ops bench api --help`` shows them."""
    known = available()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    listed = "\n".join(f"  {name:<9} {line}" for name, line in known.items())
    parser.epilog = f"""Benchmarks:
{listed}

`python -m ops bench NAME --help` shows the options of one. Results: docs/benchmarks.
"""
    parser.add_argument("benchmark", choices=list(known), help="which benchmark to run")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of that benchmark")


def run(args: argparse.Namespace) -> int:
    """Run the benchmark that was named."""
    if args.benchmark not in BENCHMARKS:
        raise UsageError(f"benchmark {args.benchmark!r} is unknown; known: {', '.join(available())}")
    module = importlib.import_module(f"ops.bench.{args.benchmark}")
    parser = argparse.ArgumentParser(
        prog=f"python -m ops bench {args.benchmark}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if hasattr(module, "add_arguments"):
        module.add_arguments(parser)
    return int(module.run(parser.parse_args(args.options)))
