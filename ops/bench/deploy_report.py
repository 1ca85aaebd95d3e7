"""Turns the runs of the deploy benchmark into its report. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

REFERENCE = "aws s3 sync"
UNCHECKED = "rclone, --s3-no-head"
"""Shown, and judged by itself: it does not look at what arrived."""
OURS = ("ops deploy, releases", "ops deploy, in place")
Runs = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]

TARGETS = {
    ("first deploy", "aws"): 8.0, ("first deploy", "best"): 2.0, ("CI rebuild", "aws"): 25.0,
    ("CI rebuild", "best"): 1.2, ("no change", "aws"): 1.5, ("rollback", "aws"): 10.0,
}  # fmt: skip
EDIT_TARGETS = {"ops deploy, releases": 0.8, "ops deploy, in place": 1.5}

_FLOOR = (
    "## Where the time of ours goes",
    "",
    "A first deploy spends about a quarter of a second before the first file is sent: Python and the signer "
    "the key-value store asks for are started, AWS is asked side by side, and every file is read, hashed and "
    "scanned on both cores. It spends a tenth of a second after the last one: manifest, pointer and error "
    "page, one after the other. In between, tool and account share the processors, with about 0.2 ms of the "
    "tool's and 0.1 ms of the account's a file. To be twice as fast as rclone without its check, which sends "
    "every file in one request and looks at none, all of it would have to take less than those files alone.",
)


def report(
    runs: Runs,
    tools: Sequence[tuple[str, str]],
    left_out: Sequence[str],
    settings: Mapping[str, int],
    load: Sequence[float] = (),
) -> str:
    """The report in Markdown.

    Args:
        runs: scenario to tool to runs with ``seconds``, ``cpu`` and ``megabytes``; an entry a round.
        tools: name, and how it was called.
        left_out: one line for each tool that could not be had.
        settings: ``files``, ``rounds``, ``latency_ms``, ``large``, ``cores``.
        load: load averages of the machine, taken before each tool.
    """
    lines = [
        "# Deploying a site: side by side",
        "",
        f"Written by `python -m ops bench deploy`: {settings['files']:,} files of 1 to 50 KB "
        "(two of five are pages, "
        "the others hashed assets), a local account that answers every request after "
        f"{settings['latency_ms']} ms, "
        f"{settings['rounds']} rounds, in each round every tool once through every scenario, in "
        "shuffled order.",
        "Figures are times `aws s3 sync` of the same round, the median and in brackets the range, "
        "then the median in seconds of wall clock and of processor.",
        f"The account is a process of its own on the same {settings['cores']} cores.",
        *([f"Load average meanwhile: {min(load):.1f} to {max(load):.1f}."] if load else []),
        "",
    ]
    for scenario, found in runs.items():
        lines += [f"## {scenario[0].upper()}{scenario[1:]}", "", *_table(found), ""]
    lines += ["## Against what it must reach", "", *_targets(runs), ""]
    lines += ["## How each was called", "", *(f"* {name}: {about}." for name, about in tools)]
    lines += [f"* Left out: {line}." for line in left_out]
    lines += [
        "",
        "*CI rebuild*: the same bytes, every file's time new. *Rollback*: `ops rollback`; the "
        "others send the old tree, "
        "built again. In release mode an edit sends every page that has no hash in its name, "
        "since a release is whole.",
        "",
        *_FLOOR,
        "",
    ]
    return "\n".join(lines)


def _table(found: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    rows = ["| tool | times `aws s3 sync` | seconds | processor | memory |", "|---|---|---|---|---|"]
    order = sorted(found, key=lambda tool: statistics.median(run["seconds"] for run in found[tool]))
    for tool in order:
        own = found[tool]
        ratio = ratios(found, REFERENCE, tool)
        times = f"{statistics.median(ratio):.1f} ({min(ratio):.1f} to {max(ratio):.1f})" if ratio else "–"
        name = f"**{tool}**" if tool in OURS else tool
        middle = {key: statistics.median(run[key] for run in own) for key in ("seconds", "cpu", "megabytes")}
        rows.append(
            f"| {name} | {times} | {middle['seconds']:.2f} | {middle['cpu']:.2f} | "
            f"{middle['megabytes']:.0f} MB |"
        )
    return rows


def ratios(found: Mapping[str, Sequence[Mapping[str, float]]], other: str, tool: str) -> list[float]:
    """How many times faster ``tool`` was than ``other``, round by round."""
    if other not in found:
        return []
    return [a["seconds"] / b["seconds"] for a, b in zip(found[other], found[tool], strict=False)]


def best_ratios(
    found: Mapping[str, Sequence[Mapping[str, float]]], tool: str, *, unchecked: bool = False
) -> list[float]:
    """The same against the fastest of the other tools in each round.

    Args:
        found: runs by tool.
        tool: ours.
        unchecked: count the one that does not look at what arrived.
    """
    others = [name for name in found if name not in OURS and (unchecked or name != UNCHECKED)]
    rounds = range(min((len(found[name]) for name in [*others, tool]), default=0))
    return [
        min(found[name][n]["seconds"] for name in others) / found[tool][n]["seconds"]
        for n in rounds
        if others
    ]


def _targets(runs: Runs) -> list[str]:
    rows = ["| scenario | mode | against | must be | is | |", "|---|---|---|---|---|---|"]
    for scenario, found in runs.items():
        for tool in OURS:
            if tool not in found:
                continue
            for against, other, values in (
                ("aws", "`aws s3 sync`", ratios(found, REFERENCE, tool)),
                ("best", "the best of the others", best_ratios(found, tool)),
                ("best", "the same with rclone unchecked", best_ratios(found, tool, unchecked=True)),
            ):
                wanted = TARGETS.get((scenario, against))
                if scenario == "one-page edit" and against == "aws":
                    wanted = EDIT_TARGETS[tool]
                if wanted is None or not values:
                    continue
                reached = statistics.median(values)
                verdict = "reached" if reached >= wanted else "missed"
                mode = tool.partition(", ")[2]
                rows.append(f"| {scenario} | {mode} | {other} | {wanted:.1f} | {reached:.1f} | {verdict} |")
    return rows
