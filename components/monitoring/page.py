"""The table of alarms in docs/operations.md; ``python -m components.monitoring.page`` writes it anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from components.monitoring.alarms import EVERYTHING, RUNBOOKS, every_alarm
from components.monitoring.spec import AlarmSpec

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
START, END = "<!-- alarms -->", "<!-- end of alarms -->"


def table() -> str:
    """A Markdown table of every alarm a stack can have."""
    rows = [
        "| alarm | rings when | pages | where | made | metrics |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    assert EVERYTHING.api is not None
    # Without a gateway or load balancer the API's own counts take their place.
    alone = replace(EVERYTHING, api=replace(EVERYTHING.api, rest_api=None, load_balancer=None))
    specs = {spec.key: spec for spec in (*every_alarm(alone), *every_alarm(EVERYTHING))}
    for runbook in RUNBOOKS:
        rows += [_row(spec) for spec in specs.values() if spec.runbook == runbook]
    return "\n".join(rows)


def _row(spec: AlarmSpec) -> str:
    cells = (
        f"[`{spec.key.removesuffix('-model')}`](#{spec.runbook})",
        f"{spec.datapoints} of {spec.periods} × {_duration(spec.period_s)}: {spec.meaning}",
        "yes" if spec.severity == "page" else "no",
        "us-east-1" if spec.place == "edge" else "home",
        "production" if spec.production_only else "always",
        str(len(spec.metrics)),
    )
    return "| " + " | ".join(cells) + " |"


def _duration(seconds: int) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def inserted(text: str) -> str:
    """The page with the table written anew.

    Raises:
        ValueError: a mark is missing.
    """
    if START not in text or END not in text:
        raise ValueError(f"{PAGE.name} lacks {START} … {END}")
    head, rest = text.split(START, 1)
    return f"{head}{START}\n{table()}\n{END}{rest.split(END, 1)[1]}"


if __name__ == "__main__":
    PAGE.write_text(inserted(PAGE.read_text("utf-8")), "utf-8")
