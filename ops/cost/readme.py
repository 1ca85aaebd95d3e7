"""The idle prices in README.md; ``python -m ops.cost.readme`` writes them anew, a test holds them."""

from __future__ import annotations

from pathlib import Path

from ops.cost import estimate
from ops.cost.cli import planned
from ops.plan import Plan

PAGE = Path(__file__).parents[2] / "README.md"
START, END = "<!-- idle-cost -->", "<!-- /idle-cost -->"


def table(plans: dict[str, Plan]) -> str:
    """A Markdown table: each stack's idle month in USD and what it is made of."""
    rows = ["| stack | idle, USD a month | of which |", "|---|---:|---|"]
    for name, plan in plans.items():
        idle = estimate(plan)
        parts = ", ".join(f"{service} {usd:.2f}" for service, usd in idle.by("service").items() if usd >= 0.1)
        rows.append(f"| {name} | {idle.total:.2f} | {parts} |")
    return "\n".join(rows)


def inserted(text: str, made: str) -> str:
    """The page with the table written anew.

    Raises:
        ValueError: a mark is missing.
    """
    if START not in text or END not in text:
        raise ValueError(f"{PAGE.name} lacks {START} … {END}")
    head, rest = text.split(START, 1)
    return f"{head}{START}\n{made}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    stacks = {name: planned(name, {}) for name in ("dev", "prod")}
    PAGE.write_text(inserted(PAGE.read_text("utf-8"), table(stacks)), "utf-8")
