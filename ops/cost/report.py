"""Estimates as tables and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ops.console import stdout
from ops.cost.bedrock import Models
from ops.cost.compare import AGREED_LOAD, API, Column
from ops.cost.model import Estimate
from ops.cost.prices import Price
from ops.plan import Plan

CENT = 0.005


def stack(
    plan: Plan,
    estimates: Mapping[str, Estimate],
    spent: Mapping[str, Models | None],
    *,
    count_free: bool,
    prices: Mapping[str, Price],
) -> None:
    """Prints what a stack costs by resource, a column a load."""
    from rich.table import Table

    console = _console()
    table = Table(title=f"{plan.stack}: USD a month", title_justify="left", box=None, pad_edge=False)
    for heading in ("component", "service", "resource"):
        table.add_column(heading, overflow="fold")
    for name in estimates:
        table.add_column(name, justify="right")
    for key, values in _rows(estimates):
        if max(values) >= CENT:
            table.add_row(*key, *map(money, values))
    table.add_section()
    table.add_row("[bold]total[/]", "", "", *(f"[bold]{money(e.total)}[/]" for e in estimates.values()))
    if any(spent.values()):
        table.add_row("Bedrock, apart", "", "", *(money(s.usd) if s else "" for s in spent.values()))
    console.print(table)
    console.print()
    for line in _remarks(estimates, spent, count_free=count_free, prices=prices):
        console.print(line, markup=False)


def _console() -> Any:
    console = stdout()
    if not console.is_terminal:
        # Piped, rich would take 80 columns and fold what grep looks for.
        console.width = 200
    return console


def _rows(estimates: Mapping[str, Estimate]) -> list[tuple[tuple[str, str, str], list[float]]]:
    sums: dict[tuple[str, str, str], list[float]] = {}
    for place, estimate in enumerate(estimates.values()):
        for line in estimate.lines:
            # Thirty alarms are one line of a bill.
            many = line.type.startswith(("aws:cloudwatch/metricAlarm", "aws:cloudwatch/logGroup"))
            name = (
                {"aws:cloudwatch/metricAlarm:MetricAlarm": "alarms"}.get(line.type, "logs")
                if many
                else line.resource
            )
            row = sums.setdefault((line.component, line.service, name), [0.0] * len(estimates))
            row[place] += line.usd
    return sorted(sums.items(), key=lambda item: (item[0][0], -max(item[1]), item[0]))


def _remarks(
    estimates: Mapping[str, Estimate],
    spent: Mapping[str, Models | None],
    *,
    count_free: bool,
    prices: Mapping[str, Price],
) -> list[str]:
    first = next(iter(estimates.values()))
    used = {line.price for e in estimates.values() for line in e.lines}
    dates = sorted({prices[key].date for key in used})
    unsure = sorted(key for key in used if prices[key].confidence != "high")
    lines = [
        f"Prices: list prices of us-east-1 of {dates[-1] if dates else '-'}, each with its source in "
        "ops/cost/prices.toml; the month: ops/cost/usage.toml.",
        allowances(count_free),
    ]
    if unsure:
        lines.append(f"Less sure than the rest: {', '.join(unsure)}.")
    model = next((s for s in spent.values() if s), None)
    if model:
        known = "" if model.known else " (not in the price table: its dearest price)"
        lines.append(
            f"Bedrock is no resource of the stack: 1,000 calls of {model.model}{known} as long as the usage "
            f"file says cost ${model.usd_per_thousand:.2f} ({model.date})."
        )
    lines += [f"Note: {note}." for note in first.notes]
    lines.append(f"Free: {len(first.free_types)} planned types cost nothing by themselves.")
    lines += [f"Not in the figures: {type_}: {why}." for type_, why in sorted(first.unpriced.items())]
    lines += [f"No price is known for {type_}: the figures are too low." for type_ in first.missing]
    return lines


def allowances(counted: bool) -> str:
    """Whether free allowances are in the figures."""
    if counted:
        return (
            "Always-free allowances are counted (Lambda 1 M requests and 400,000 GB-s, 10 alarm metrics, "
            "3 dashboards, 10 custom metrics, 5 GB of logs, CloudFront 1 TB and 10 M requests, 100,000 "
            "traces, …); 12-month offers and credits are not."
        )
    return "No free allowance is counted."


def side_by_side(
    stack_name: str, columns: Sequence[Column], spent: Mapping[str, Models | None], *, count_free: bool
) -> None:
    """Prints the backends beside each other."""
    from rich.table import Table

    console = _console()
    table = Table(
        title=f"{stack_name}: USD a month at API requests a month",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    table.add_column("")
    for column in columns:
        table.add_column(column.variant.title, justify="right")
    profiles = list(columns[0].estimates)
    for name in profiles:
        table.add_row(f"backend, {name}", *(money(c.backend(name)) for c in columns))
    table.add_section()
    for name in profiles:
        table.add_row(f"API alike, {name}", *(money(c.common(name)) for c in columns))
    table.add_section()
    for name in profiles:
        table.add_row(f"whole stack, {name}", *(money(c.estimates[name].total) for c in columns))
    table.add_section()
    if AGREED_LOAD in profiles:
        table.add_row("first estimate", *(money(c.variant.expected_usd) for c in columns))
        table.add_row("  made of", *(c.variant.expected_of for c in columns))
        table.add_row(f"backend, {AGREED_LOAD}, of it", *(_share(c) for c in columns))
    console.print(table)
    console.print()
    console.print(
        f"backend: the resources of {API} that run it; API alike: its table, own logs and metrics, the same "
        "on every backend; whole stack: with site, secrets and monitoring.",
        markup=False,
    )
    console.print(allowances(count_free), markup=False)
    for name, model in spent.items():
        if model and model.calls:
            console.print(
                f"Bedrock, in none of the figures, at {name}: {model.calls:,.0f} calls of {model.model} "
                f"≈ ${model.usd:,.2f}.",
                markup=False,
            )
    for column in columns:
        missing = next(iter(column.estimates.values())).missing
        if missing:
            console.print(
                f"{column.variant.title}: no price is known for {', '.join(missing)}.", markup=False
            )


def _share(column: Column) -> str:
    if column.share is None:
        return ""
    text = f"{column.share:.0%}"
    if column.variant.limit is not None:
        text += f" (limit {column.variant.limit:.0%}: {'kept' if column.within else 'MISSED'})"
    return text


def money(usd: float) -> str:
    """``12.30``; less than a cent but not nothing: ``<0.01``."""
    return "<0.01" if 0 < usd < CENT else f"{usd:,.2f}"


def as_data(estimate: Estimate, spent: Models | None) -> dict[str, Any]:
    """An estimate as plain data."""
    return {
        "stack": estimate.stack,
        "profile": estimate.usage.name,
        "requests": estimate.usage.requests,
        "usd": round(estimate.total, 4),
        "by_service": {k: round(v, 4) for k, v in estimate.by("service").items()},
        "by_component": {k: round(v, 4) for k, v in estimate.by("component").items()},
        "lines": [asdict(line) for line in estimate.lines],
        "free": dict(estimate.free_types),
        "unpriced": dict(estimate.unpriced),
        "missing": list(estimate.missing),
        "notes": list(estimate.notes),
        "bedrock": {**asdict(spent), "usd": round(spent.usd, 4)} if spent else None,
    }


def column_data(column: Column) -> dict[str, Any]:
    """A column of the comparison as plain data."""
    return {
        "title": column.variant.title,
        "settings": dict(column.variant.settings),
        "backend": {name: round(column.backend(name), 4) for name in column.estimates},
        "common": {name: round(column.common(name), 4) for name in column.estimates},
        "stack": {name: round(e.total, 4) for name, e in column.estimates.items()},
        "first_estimate": column.variant.expected_usd,
        "share": column.share,
        "limit": column.variant.limit,
        "within": column.within,
        "missing": sorted({t for e in column.estimates.values() for t in e.missing}),
    }
