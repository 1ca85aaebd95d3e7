"""docs/security.md lists the policies and exceptions that are in force."""

from __future__ import annotations

import pytest

from ops.guardrails import POLICIES, table


def test_the_page_is_what_the_code_says():
    text = table.PAGE.read_text("utf-8")
    assert table.inserted(text) == text, "run: python -m ops.guardrails.table"


def test_every_policy_has_a_row_with_a_link():
    rows = [line for line in table.policies().splitlines() if line.startswith("| `")]
    assert len(rows) == len(POLICIES)
    assert all("](https://docs.aws.amazon.com/" in row for row in rows)


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="policies"):
        table.inserted("# Security")
