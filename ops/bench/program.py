"""``ops bench program``: what one run of the program costs beyond what any such program must pay.

The floor imports the same SDK modules and makes the same number of bare
registrations, by the same recorder. Both run in fresh processes, in pairs and
in turns, so that a machine that slows down slows both; the ratio of each pair
is taken, and the median of the ratios counts.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OpsError, UsageError
from ops.stackfiles import require_stack

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks" / "program.md"
LIMIT = 1.3
"""What the program may cost, as a multiple of the floor."""

_EPILOG = """\
Each round is two fresh processes: the program of the stack, and the floor (the same SDK modules
imported, the same number of bare registrations). CPU and memory are those of the whole process as
the kernel counts them. The result is printed and written to docs/benchmarks/program.md.

Exit codes: 0 within the limit; 1 above it.
"""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One process.

    Attributes:
        cpu_s: user and system time, children that were waited for included.
        wall_s: from start to end.
        peak_mb: largest resident set.
        answer: what it wrote to its standard output.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    answer: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """All rounds of one comparison.

    Attributes:
        stack: of the program.
        resources: number of registrations.
        modules: SDK modules loaded.
        program, floor: samples, pair by pair.
    """

    stack: str
    resources: int
    modules: tuple[str, ...]
    program: tuple[Sample, ...]
    floor: tuple[Sample, ...]

    def ratios(self, attribute: str) -> list[float]:
        """Program over floor of each pair."""
        pairs = zip(self.program, self.floor, strict=True)
        return [getattr(p, attribute) / getattr(f, attribute) for p, f in pairs]

    def ratio(self, attribute: str) -> float:
        """The median of the pairs' ratios."""
        return statistics.median(self.ratios(attribute))

    def best(self, attribute: str) -> float:
        """The least disturbed program against the least disturbed floor: steadier on a busy machine."""
        least = [min(getattr(s, attribute) for s in samples) for samples in (self.program, self.floor)]
        return least[0] / least[1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "--stack", default="prod", help="whose program is run (default: prod, the larger one)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="pairs of processes (default: 7)")
    parser.add_argument("--no-write", action="store_true", help="print, and leave the page as it is")


def run(args: argparse.Namespace) -> int:
    """Measures, prints, writes the page; 1 when the limit is exceeded."""
    from ops.console import progress, stdout

    rounds = getattr(args, "rounds", 7)
    if rounds < 1:
        raise UsageError(f"--rounds {rounds}: at least 1")
    stack = getattr(args, "stack", "prod")
    require_stack(ROOT, stack)
    with progress("Measuring …") as shown:
        result = measure(stack, rounds, lambda n: shown.update(f"Measuring … round {n} of {rounds}"))
    text = table(result)
    stdout().print(text, markup=False)
    if not getattr(args, "no_write", False):
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(result, text), "utf-8")
    return 0 if result.ratio("cpu_s") <= LIMIT else 1


def measure(stack: str, rounds: int, tell: Any = lambda number: None) -> Result:
    """Runs the pairs.

    Args:
        stack: whose program.
        rounds: number of pairs, after one run that warms caches and says what the floor must import.
        tell: called with the number of each round.

    Raises:
        OpsError: a process failed.
    """
    warm = sample("program", {"stack": stack})
    modules = tuple(warm.answer["modules"])
    work = {"modules": modules, "registrations": warm.answer["registrations"]}
    program: list[Sample] = []
    floor: list[Sample] = []
    sample("floor", work)
    for number in range(1, rounds + 1):
        tell(number)
        # In turns: what comes second finds warmer caches.
        if number % 2:
            program.append(sample("program", {"stack": stack}))
            floor.append(sample("floor", work))
        else:
            floor.append(sample("floor", work))
            program.append(sample("program", {"stack": stack}))
    return Result(
        stack=stack,
        resources=len(work["registrations"]),
        modules=modules,
        program=tuple(program),
        floor=tuple(floor),
    )


def sample(what: str, work: Mapping[str, Any]) -> Sample:
    """One fresh process, measured by the kernel.

    Raises:
        OpsError: it failed; the end of its output is in the message.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(json.dumps(dict(work)).encode())
        given.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "ops.bench.program", what], stdin=given, stdout=out, stderr=err, cwd=ROOT
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            raise OpsError(f"the {what} failed:\n{err.read().decode(errors='replace')[-2000:]}")
        answer = json.loads(out.read().decode().splitlines()[-1])
    # Linux counts kilobytes, macOS bytes.
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Sample(
        cpu_s=usage.ru_utime + usage.ru_stime, wall_s=wall, peak_mb=usage.ru_maxrss / unit, answer=answer
    )


def table(result: Result) -> str:
    """The figures as a Markdown table."""
    what = f"stack {result.stack}, {result.resources} registrations"
    rows = [
        f"| {what} | program | floor | ratio | lowest | highest | best to best |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, attribute, unit in (
        ("CPU", "cpu_s", "s"),
        ("wall", "wall_s", "s"),
        ("memory", "peak_mb", "MB"),
    ):
        digits = 0 if unit == "MB" else 2
        program = statistics.median(getattr(s, attribute) for s in result.program)
        floor = statistics.median(getattr(s, attribute) for s in result.floor)
        ratios = result.ratios(attribute)
        best = result.best(attribute)
        rows.append(
            f"| {name} | {program:.{digits}f} {unit} | {floor:.{digits}f} {unit} | "
            f"{result.ratio(attribute):.2f} | {min(ratios):.2f} | {max(ratios):.2f} | {best:.2f} |"
        )
    return "\n".join(rows)


def page(result: Result, figures: str) -> str:
    """docs/benchmarks/program.md."""
    from importlib.metadata import version

    verdict = "within" if result.ratio("cpu_s") <= LIMIT else "above"
    machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}"
    versions = f"Python {platform.python_version()}, " + ", ".join(
        f"{name} {version(name)}" for name in ("pulumi", "pulumi-aws")
    )
    return "\n".join(
        (
            "# One run of the program",
            "",
            f"Written by `python -m ops bench program` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}: "
            f"medians of {len(result.program)} pairs of fresh processes; {versions}; {machine}.",
            "",
            figures,
            "",
            f"The ratio of CPU time is {verdict} the limit of {LIMIT}.",
            "",
            "*Program*: `__main__.py` of the stack run by the recorder (`ops/engine/recorder.py`), the API's "
            f"package built, every output known. *Floor*: the same {len(result.modules)} SDK modules "
            f"imported ({', '.join(result.modules)}) and the same number of registrations without inputs, by "
            "the same recorder, which lets the garbage collector rest while either runs. Ratios are those of "
            "each pair, *lowest* and *highest* the extremes; "
            "*best to best*: the least of each.",
            "",
        )
    )


def _program(work: Mapping[str, Any]) -> dict[str, Any]:
    import warnings

    from ops.engine.program import surroundings
    from ops.engine.recorder import rehearse

    with warnings.catch_warnings(), surroundings(ROOT):
        warnings.simplefilter("ignore")
        plan = rehearse(ROOT, work["stack"])
    return {
        "modules": loaded_modules(),
        "registrations": [[r.type, r.name, r.custom] for r in plan.resources],
    }


def loaded_modules() -> list[str]:
    """SDK modules that really ran; those only registered for lazy loading do not count."""
    return sorted(
        name
        for name, module in sys.modules.items()
        if re.fullmatch(r"pulumi_aws\.[a-z]\w*|pulumi_random", name)
        and type(module).__name__ != "_LazyModule"
        and hasattr(module, "__path__")
    )


def _floor(work: Mapping[str, Any]) -> dict[str, Any]:
    import pulumi

    from ops.engine.recorder import record

    def build() -> None:
        # In the run, as the program's imports are: what goes for them there goes for these.
        for name in work["modules"]:
            # A lazy module runs when one of its names is looked at; dunders do not count (pulumi._utils).
            getattr(importlib.import_module(name), "loaded", None)
        for number, (type_, name, custom) in enumerate(work["registrations"]):
            if custom:
                pulumi.CustomResource(type_, f"{name}-{number}", {})
            else:
                pulumi.ComponentResource(type_, f"{name}-{number}")

    recording = record(build)
    return {"modules": loaded_modules(), "registrations": len(recording.resources)}


def _child(arguments: Sequence[str]) -> None:
    work = json.load(sys.stdin)
    answer = {"program": _program, "floor": _floor}[arguments[0]](work)
    # The last line: a program may print before it.
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    _child(sys.argv[1:])
