"""A bucket policy gains statements and loses not a byte."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.static_site.adopted.policy import POLICY_LIMIT, statements, with_statements

OURS = {"Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}

_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
_statement = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]), "Action": st.lists(_text, max_size=3)},
    optional={"Sid": _text, "Condition": st.dictionaries(_text, st.dictionaries(_text, _text, max_size=2))},
)


@given(
    st.lists(_statement, min_size=1, max_size=4, unique_by=lambda s: json.dumps(s, sort_keys=True)),
    st.sampled_from([None, 2, "\t"]),
    st.booleans(),
    st.booleans(),
)
def test_existing_statements_keep_every_byte(
    found: list[dict[str, Any]], indent: Any, ascii_: bool, statement_first: bool
) -> None:
    document: dict[str, Any] = {"Version": "2012-10-17", "Id": 'x"] } Statement', "Statement": found}
    if statement_first:
        document = {"Statement": found, "Version": "2012-10-17"}
    before = json.dumps(document, indent=indent, ensure_ascii=ascii_)
    after = with_statements(before, [OURS])
    assert statements(after)[: len(found)] == found
    assert {**statements(after)[-1], "Sid": "TlsOnly"} == OURS
    assert len(statements(after)) == len(found) + 1
    # The list's text up to its last statement stands in the new policy as it stood in the old one.
    begin = before.index(
        "[", before.index('"Statement": ', before.index("Version") if not statement_first else 0)
    )
    end = begin + len(json.dumps(found, indent=indent, ensure_ascii=ascii_)) if indent is None else None
    if end:
        assert before[: end - 1] in after
        assert after.endswith(before[end - 1 :])


def test_a_single_statement_becomes_the_first_of_a_list() -> None:
    before = '{"Version":"2012-10-17", "Statement" : {"Effect":"Allow"} }'
    after = with_statements(before, [OURS])
    assert after.startswith('{"Version":"2012-10-17", "Statement" : [{"Effect":"Allow"},')
    assert after.endswith("] }")


def test_nothing_is_added_twice() -> None:
    once = with_statements('{"Statement":[]}', [OURS])
    assert with_statements(once, [{**OURS, "Sid": "AnotherName"}]) == once
    assert with_statements(once, []) == once


def test_a_sid_that_is_taken_gets_a_number() -> None:
    before = '{"Statement":[{"Sid":"TlsOnly","Effect":"Allow"},{"Sid":"TlsOnly2","Effect":"Allow"}]}'
    assert [s["Sid"] for s in statements(with_statements(before, [OURS]))] == [
        "TlsOnly",
        "TlsOnly2",
        "TlsOnly3",
    ]


def test_no_policy_begins_one() -> None:
    assert json.loads(with_statements("", [OURS])) == {"Version": "2012-10-17", "Statement": [OURS]}
    assert with_statements("", []) == ""
    assert statements("") == []


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no statements"):
        with_statements(text, [OURS])


def test_a_policy_that_grows_too_long_is_refused() -> None:
    long = json.dumps({"Statement": [{"Effect": "Allow", "Sid": "x" * (POLICY_LIMIT - 60)}]})
    with pytest.raises(ValueError, match=r"would have \d+ bytes, 20480 are allowed"):
        with_statements(long, [OURS])
