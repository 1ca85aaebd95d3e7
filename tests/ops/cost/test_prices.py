"""The price and the usage file: complete, dated, sourced, and what a bad file is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.cost.model import PRICED
from ops.cost.pricers.free import FREE, UNPRICED
from ops.cost.prices import load_prices, load_usage
from ops.errors import UsageError


def test_every_price_has_source_date_and_confidence():
    for price in load_prices().values():
        assert price.usd > 0, price.key
        assert price.unit, price.key
        assert re.fullmatch(r"https://aws\.amazon\.com/[a-z0-9/-]+/", price.source), price.key
        assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d", price.date), price.key
        assert price.confidence in {"high", "medium", "low"}, price.key
        assert price.confidence != "low" or price.note, f"{price.key}: say how it was derived"


def test_no_type_is_in_two_lists():
    assert not set(PRICED) & set(FREE)
    assert not set(PRICED) & set(UNPRICED)
    assert not set(FREE) & set(UNPRICED)


def test_the_profiles_are_those_the_documents_name():
    assert {name: usage.requests for name, usage in load_usage().items()} == {
        "idle": 0,
        "10 thousand": 10_000,
        "1 million": 1_000_000,
        "10 million": 10_000_000,
    }


def test_average_time_of_a_request():
    usage = load_usage()["idle"]
    assert usage.seconds == pytest.approx(0.1 * 4 + 0.9 * 0.05)


def test_an_own_file_replaces_what_it_names(tmp_path: Path):
    path = tmp_path / "month.toml"
    path.write_text("[assumptions]\nmodel_share = 1\n[profiles]\nmine = 5000\n")
    (mine,) = load_usage(path).values()
    assert (mine.name, mine.requests, mine.model_share) == ("mine", 5000, 1)
    assert mine.hours == load_usage()["idle"].hours


def test_a_bad_file_is_told_everything_at_once(tmp_path: Path):
    path = tmp_path / "month.toml"
    path.write_text(
        "[assumptions]\nmodel_shares = 1\nedge_cache_hits = 1.5\nhours = -1\ninput_tokens = true\n"
        "site_gb = inf\n[profiles]\nbig = 'many'\n[asumptions]\nx = 1\n"
    )
    with pytest.raises(UsageError) as error:
        load_usage(path)
    text = str(error.value)
    for part in (
        "model_shares is unknown (did you mean 'model_share'?)",
        "edge_cache_hits = 1.5: a number, 0 to 1",
        "hours = -1: a number, 0 or more",
        "input_tokens = True",
        "site_gb = inf",
        "big = 'many'",
        "[asumptions] is unknown",
    ):
        assert part in text


@pytest.mark.parametrize("content", [None, b"[assumptions", b"\xff\xfe"])
def test_an_unreadable_file_is_a_usage_error(tmp_path: Path, content: bytes | None):
    path = tmp_path / "month.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"month\.toml"):
        load_usage(path)
