"""The report on a terminal, or as plain lines when piped."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from ops.assess.model import SEVERITIES

_STYLES = {"high": "bold red", "medium": "yellow", "low": "cyan", "info": "dim"}
_MARKS = {"done": "[green]✓[/]", "open": "[yellow]·[/]", "unknown": "[dim]?[/]"}


def render(report: dict[str, Any], console: Console) -> None:
    """Prints the whole report, worst first, next steps last."""
    _head(report, console)
    for finding in report["findings"]:
        _finding(finding, report["stack"] or "prod", console)
    _not_checked(report["not_checked"], console)
    _recommendation(report["recommendation"], console)
    _steps(report["steps"], console)
    if report["costs"]:
        console.print("\n[bold]Costs of this month so far[/]")
        for row in report["costs"]:
            console.print(f"  {row['usd']:>10.2f} USD  {escape(row['service'])}")
    _summary(report, console)


def _head(report: dict[str, Any], console: Console) -> None:
    subject = report["domain"] or report["distribution_id"] or report["bucket"] or "account"
    console.print(f"[bold]{escape(subject)}[/]  account {report['account']}, {report['region']}")
    for row in report["seen"]:
        console.print(f"  {escape(row['what']):<20} {escape(row['value'])}")
    console.print()


def _finding(finding: dict[str, Any], stack: str, console: Console) -> None:
    severity = finding["severity"]
    console.print(
        f"[{_STYLES[severity]}]{severity.upper():<6}[/] [bold]{escape(finding['title'])}[/]  "
        f"[dim]{finding['check']}[/]"
    )
    lines = [
        ("", f"{finding['resource']}: {finding['evidence']}"),
        ("why", finding["why"]),
        ("mend", finding["mend"]),
        ("run", finding["command"]),
        ("set", f"pulumi config set --stack {stack} {finding['setting']}" if finding["setting"] else ""),
        ("cost", finding["cost"]),
        ("see", finding["source"]),
    ]
    for label, text in lines:
        if text:
            console.print(f"       [dim]{label:<5}[/]{escape(text)}")
    console.print()


def _not_checked(rows: list[dict[str, Any]], console: Console) -> None:
    if not rows:
        return
    console.print("[bold]Not checked[/]")
    for row in rows:
        console.print(f"  {row['check']:<32} {escape('; '.join(row['reasons']))}")
    console.print("  [dim]python -m ops check --print-policy: the policy with which all can be checked[/]\n")


def _recommendation(recommendation: dict[str, Any], console: Console) -> None:
    console.print(f"[bold]Recommended backend: {recommendation['backend']}[/]")
    for reason in recommendation["reasons"]:
        console.print(f"  {escape(reason)}")
    for option in recommendation["options"]:
        console.print(
            f"  [dim]{option['backend']:<8} from {option['resting_usd']:>3.0f} USD a month; "
            f"{escape(' '.join((*option['blockers'], *option['cons'])))}[/]"
        )
    console.print()


def _steps(steps: list[dict[str, Any]], console: Console) -> None:
    group = ""
    for step in steps:
        if step["group"] != group:
            group = step["group"]
            console.print(f"[bold]{escape(group)}[/]")
        console.print(
            f"  {_MARKS[step['state']]} {escape(step['title'])}  [dim]{escape(step['evidence'])}[/]"
        )
        if step["command"]:
            console.print(f"      [dim]{escape(step['command'])}[/]")


def _summary(report: dict[str, Any], console: Console) -> None:
    summary = report["summary"]
    counts = ", ".join(f"{summary[severity]} {severity}" for severity in SEVERITIES)
    for line in report["truncated"]:
        console.print(f"[dim]{escape(line)}[/]")
    console.print(
        f"\n[bold]{counts}[/]; {summary['passed']} of {summary['checks']} checks found nothing, "
        f"{summary['not_checked']} not checked. {report['calls']} calls in {report['seconds']} s."
    )
