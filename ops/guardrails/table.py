"""The table of policies in docs/security.md; ``python -m ops.guardrails.table`` writes it anew."""

from __future__ import annotations

from pathlib import Path

from ops.guardrails import POLICIES, exceptions
from ops.guardrails.model import Policy, control_page

PAGE = Path(__file__).parents[2] / "docs" / "security.md"


def policies() -> str:
    """A Markdown table of every policy, mandatory ones first."""
    rows = ["| policy | what must hold | severity | source |", "| --- | --- | --- | --- |"]
    for item in sorted(POLICIES.values(), key=lambda p: (p.severity != "mandatory", p.id)):
        rows.append(f"| `{item.id}` | {item.title} | {item.severity} | {_sources(item)} |")
    return "\n".join(rows)


def reasons() -> str:
    """A Markdown table of the exceptions file."""
    rows = ["| exception | of policy | for | reason |", "| --- | --- | --- | --- |"]
    for entry in sorted(exceptions.load(), key=lambda e: (e.policy, e.id)):
        reason = f"{entry.reason} ([AWS]({entry.source}))" if entry.source else entry.reason
        rows.append(f"| `{entry.id}` | `{entry.policy}` | `{entry.resource.replace('|', '/')}` | {reason} |")
    return "\n".join(rows)


def _sources(item: Policy) -> str:
    controls = [f"[{c}]({control_page(c)})" for c in item.controls]
    pages = [f"[AWS]({page})" for page in item.sources[len(item.controls) :]]
    return ", ".join(controls + pages)


def inserted(text: str) -> str:
    """The page with both tables written anew.

    Raises:
        ValueError: a mark is missing.
    """
    for name, table in (("policies", policies()), ("exceptions", reasons())):
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if start not in text or end not in text:
            raise ValueError(f"{PAGE.name} lacks {start} … {end}")
        head, rest = text.split(start, 1)
        text = f"{head}{start}\n{table}\n{end}{rest.split(end, 1)[1]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(inserted(PAGE.read_text("utf-8")), "utf-8")
