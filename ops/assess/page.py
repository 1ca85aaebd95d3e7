"""The report as one self-contained page: no script, no request, reads well on paper too."""

from __future__ import annotations

import re
from html import escape
from itertools import groupby
from typing import Any

from ops.assess.model import AREAS, SEVERITIES
from ops.assess.page_style import STYLE

_WORDS = {"high": "High", "medium": "Medium", "low": "Low", "info": "Worth knowing"}
_STATES = {"done": ("✓", "done"), "open": ("○", "open"), "unknown": ("?", "not read")}


def render(report: dict[str, Any]) -> str:
    """The whole page as HTML; everything from the account is escaped."""
    subject = report["domain"] or report["distribution_id"] or report["bucket"] or "AWS account"
    body = "\n".join(
        (
            _header(report, subject),
            _tiles(report),
            _seen(report["seen"]),
            _findings(report["findings"], report["stack"] or "prod"),
            _recommendation(report["recommendation"]),
            _steps(report["steps"]),
            _costs(report["costs"]),
            _not_checked(report["not_checked"]),
            _passed(report["passed"]),
            _footer(report),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>Infrastructure assessment: {escape(subject)}</title>\n<style>{STYLE}</style>\n"
        f"</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _header(report: dict[str, Any], subject: str) -> str:
    facts = [
        ("Account", report["account"]),
        ("Region", report["region"]),
        ("Stack", report["stack"]),
        ("Read", report["at"].replace("T", " ").removesuffix("+00:00") + " UTC"),
    ]
    listed = "".join(
        f"<span><b>{escape(label)}</b> {escape(value)}</span>" for label, value in facts if value
    )
    return (
        f'<header><p class="eyebrow">Infrastructure assessment</p><h1>{escape(subject)}</h1>{listed}</header>'
    )


def _tiles(report: dict[str, Any]) -> str:
    summary = report["summary"]
    tiles = [(severity, _WORDS[severity], summary[severity]) for severity in SEVERITIES]
    tiles += [
        ("passed", "Checks passed", summary["passed"]),
        ("unread", "Not checked", summary["not_checked"]),
    ]
    inner = "".join(_tile(kind, word, count) for kind, word, count in tiles)
    return f'<section class="tiles" aria-label="Summary">{inner}</section>'


def _tile(kind: str, word: str, count: int) -> str:
    zero = "" if count else " zero"
    return f'<div class="tile {kind}{zero}"><strong>{count}</strong><span>{word}</span></div>'


def _seen(rows: list[dict[str, str]]) -> str:
    parts = []
    for area, group in groupby(rows, key=lambda row: row["area"]):
        listed = "".join(
            f"<dt>{escape(row['what'])}</dt><dd>{_breakable(row['value'])}</dd>" for row in group
        )
        parts.append(f"<div><h3>{escape(area)}</h3><dl>{listed}</dl></div>")
    return f'<section><h2>What is there</h2><div class="seen">{"".join(parts)}</div></section>'


def _findings(findings: list[dict[str, Any]], stack: str) -> str:
    if not findings:
        return "<section><h2>Findings</h2><p>Nothing was found.</p></section>"
    parts = []
    for severity, group in groupby(findings, key=lambda finding: finding["severity"]):
        cards = "".join(_finding(finding, stack) for finding in group)
        parts.append(f'<h3 class="band {severity}">{_WORDS[severity]}</h3>{cards}')
    return f"<section><h2>Findings</h2>{''.join(parts)}</section>"


def _finding(finding: dict[str, Any], stack: str) -> str:
    actions = ""
    if finding["command"]:
        actions += f"<pre>{escape(finding['command'])}</pre>"
    if finding["setting"]:
        actions += f"<pre>pulumi config set --stack {escape(stack)} {escape(finding['setting'])}</pre>"
    cost = f'<p class="cost">{escape(finding["cost"])}</p>' if finding["cost"] else ""
    return (
        f'<article class="{finding["severity"]}" id="{escape(finding["check"])}">'
        f"<h4>{escape(finding['title'])}<small>{escape(AREAS[finding['area']])}</small></h4>"
        f'<p class="evidence"><code>{_breakable(finding["resource"])}</code> '
        f"<span>{_breakable(finding['evidence'])}</span></p>"
        f"<p>{_prose(finding['why'])}</p>"
        f'<p class="mend"><b>Mend</b> {_prose(finding["mend"])}</p>{actions}{cost}'
        f'<p class="source"><code>{escape(finding["check"])}</code> '
        f'<a href="{escape(finding["source"], quote=True)}">AWS: {escape(_short(finding["source"]))}</a></p>'
        "</article>"
    )


def _recommendation(recommendation: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr class="{"chosen" if option["backend"] == recommendation["backend"] else ""}">'
        f"<th scope=row>{escape(option['backend'])}</th><td class=number>{option['resting_usd']:.0f}</td>"
        f"<td>{escape(' '.join(option['pros']))}</td>"
        f"<td>{escape(' '.join((*option['blockers'], *option['cons'])))}</td></tr>"
        for option in recommendation["options"]
    )
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in recommendation["reasons"])
    head = ("apiBackend", "#USD a month, at rest", "For", "Against")
    return (
        f"<section class=keep><h2>Recommended backend: {escape(recommendation['backend'])}</h2>"
        f"<ul class=reasons>{reasons}</ul>{_table('The backends side by side', head, rows)}</section>"
    )


def _table(label: str, head: tuple[str, ...], rows: str, foot: str = "") -> str:
    """A table the keyboard can scroll where it is wider than the screen; ``#`` marks a column of numbers."""
    cells = "".join(
        f"<th scope=col{' class=number' * name.startswith('#')}>{escape(name.lstrip('#'))}</th>"
        for name in head
    )
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{label}"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{rows}</tbody>{foot and f'<tfoot>{foot}</tfoot>'}</table></div>"
    )


def _steps(steps: list[dict[str, Any]]) -> str:
    done = sum(step["state"] == "done" for step in steps)
    parts = []
    for title, group in groupby(steps, key=lambda step: step["group"]):
        lines = "".join(_step(step) for step in group)
        parts.append(f"<div class=keep><h3>{escape(title)}</h3><ul class=steps>{lines}</ul></div>")
    return (
        f"<section><h2>Implementation steps <small>{done} of {len(steps)} done</small></h2>"
        f'<div class="bar"><i style="width:{100 * done // max(len(steps), 1)}%"></i></div>'
        f'<div class="columns">{"".join(parts)}</div></section>'
    )


def _step(step: dict[str, Any]) -> str:
    mark, word = _STATES[step["state"]]
    command = f"<code>{escape(step['command'])}</code>" if step["command"] else ""
    return (
        f'<li class="{step["state"]}"><i role="img" aria-label="{word}">{mark}</i>'
        f"<div>{escape(step['title'])}<small>{_prose(step['evidence'])}</small>{command}</div></li>"
    )


def _costs(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    total = sum(row["usd"] for row in rows)
    lines = "".join(
        f"<tr><td>{escape(row['service'])}</td><td class=number>{row['usd']:.2f}</td></tr>" for row in rows
    )
    foot = f"<tr><th scope=row>Total</th><td class=number>{total:.2f}</td></tr>"
    table = _table("Costs by service", ("Service", "#USD"), lines, foot)
    return f"<section class=keep><h2>Costs of this month so far</h2>{table}</section>"


def _not_checked(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    lines = "".join(
        f"<tr><td>{escape(row['title'])}</td><td>{escape('; '.join(row['reasons']))}</td></tr>"
        for row in rows
    )
    return (
        "<section><h2>Not checked</h2><p><code>python -m ops check --print-policy</code> prints the policy "
        f"with which everything can be.</p>{_table('Checks that were not made', ('Check', 'Reason'), lines)}"
        "</section>"
    )


def _passed(rows: list[dict[str, Any]]) -> str:
    parts = []
    for area, group in groupby(rows, key=lambda row: row["area"]):
        names = " ".join(f"<code>{escape(row['check'])}</code>" for row in group)
        parts.append(f"<dt>{escape(AREAS[area])}</dt><dd>{names}</dd>")
    if not parts:
        return ""
    return f"<section><h2>Checked, nothing found</h2><dl class=passed>{''.join(parts)}</dl></section>"


def _footer(report: dict[str, Any]) -> str:
    cut = "".join(f"<p>{escape(line)}</p>" for line in report["truncated"])
    return (
        f"<footer>{cut}<p>{report['summary']['checks']} checks over {report['calls']} read-only calls in "
        f"{report['seconds']} s, as {escape(report['caller'])}. Prices are AWS list prices of us-east-1 "
        "before "
        "tax.</p></footer>"
    )


def _short(url: str) -> str:
    return url.rsplit("/", 1)[-1].split("#")[0].removesuffix(".html").replace("-", " ") or url


def _breakable(text: str) -> str:
    """Escaped, with places where a long ARN or host may break."""
    return re.sub(r"([/:.])(?=\w)", r"\1<wbr>", escape(text))


def _prose(text: str) -> str:
    """Escaped, with what stands in backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
