"""Live settings → the written file → what the provider sends: nothing is lost on the way."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.static_site.adopted.inputs import planned_inputs
from components.static_site.adoption import Adopted, load
from ops.assess.adopting.document import document, header_values, text_of
from ops.assess.model import Request, Snapshot
from tests.components.static_site.adopted.generated import Maker, many
from tests.components.static_site.adopted.provider import expand, meaning
from tests.components.static_site.adopted.test_inputs import NOT_CARRIED

# Spaces, escapes and other alphabets: what a text loses when it is parsed and written anew.
POLICIES = (
    None,
    '{"Version":"2012-10-17","Statement":[]}',
    '{\r\n\t"Statement" : [ {"Sid":"Öffentlich \\u00fc","Effect":"Allow","Principal":"*",'
    '"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"} ], "Version":"2008-10-17" }  ',
)
AT = datetime(2026, 11, 28, tzinfo=UTC)
WORDS = ("Team", "cost center", "größe", 'a"b\\c', "aws:x/y=z", "日本")


def live(seed: int) -> Snapshot:
    """An account with one made-up distribution and its bucket, as the collectors read it."""
    chance = random.Random(seed)
    config = Maker(seed, left_out=frozenset(NOT_CARRIED)).make()
    config["CallerReference"] = "made at creation"
    for origin in config["Origins"]["Items"]:
        names = chance.sample(["X-Verify", "Referer", "x-key"], chance.randint(0, 3))
        origin["CustomHeaders"] = many(
            [{"HeaderName": name, "HeaderValue": f"hunter{chance.randint(10**9, 10**10)}"} for name in names]
        )
    facts: dict[str, Any] = {
        "caller": {"Account": "123456789012"},
        "distribution": {"Id": "E1LIVE", "DomainName": "d1.cloudfront.net", "DistributionConfig": config},
        "distribution_tags": {word: chance.choice(WORDS) for word in chance.sample(WORDS, 3)},
        "bucket": {"Name": "b", "BucketRegion": "eu-central-1"},
        "bucket_tags": dict.fromkeys(chance.sample(WORDS, chance.randint(0, 2)), ""),
        "bucket_policy": chance.choice(POLICIES),
        "zone_records": [{"Name": "example.com.", "Type": "A"}],
    }
    return Snapshot(request=Request(domain="example.com", stack="web"), facts=facts, at=AT)


def through_the_file(snapshot: Snapshot, path: Path) -> Adopted:
    """Written as ``ops adopt`` writes it, read as the program reads it."""
    path.write_text(text_of(document(snapshot, ["tls"], ["www.example.com"])), encoding="utf-8")
    return load(path, header_values(snapshot["distribution"]["DistributionConfig"]))


def sent(adopted: Adopted) -> dict[str, Any]:
    """The DistributionConfig the provider sends for the file, before upgrades."""
    values: Mapping[str, Any] = adopted.headers
    result = planned_inputs(adopted.config, lambda origin, name: values[f"{origin}/{name}"])
    assert result.lost == ()
    return expand(result.inputs)


def lost_nothing(seed: int, path: Path) -> None:
    snapshot = live(seed)
    adopted = through_the_file(snapshot, path)
    config = snapshot["distribution"]["DistributionConfig"]
    assert meaning(sent(adopted)) == meaning(config)
    assert adopted.distribution_id == "E1LIVE"
    assert adopted.policy == (snapshot["bucket_policy"] or "")
    assert (adopted.bucket, adopted.bucket_region) == ("b", "eu-central-1")
    assert adopted.distribution_tags == snapshot["distribution_tags"]
    assert adopted.bucket_tags == snapshot["bucket_tags"]
    assert adopted.aliases == ("www.example.com",)
    assert adopted.records == {("example.com", "A")}
    assert adopted.upgrades == {"tls"}
    # What may be a password is nowhere in it, and every other origin setting is.
    text = path.read_text(encoding="utf-8")
    assert "hunter" not in text
    assert "made at creation" not in text


SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
FEW = settings(max_examples=40, deadline=None, suppress_health_check=SLOW_IS_FINE)
MANY = settings(max_examples=1000, deadline=None, suppress_health_check=SLOW_IS_FINE)
SEEDS = given(st.integers(min_value=0, max_value=2**32))


@FEW
@SEEDS
def test_live_to_file_to_plan_is_the_same(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    lost_nothing(seed, tmp_path_factory.getbasetemp() / "web.json")


@pytest.mark.slow
@MANY
@SEEDS
def test_live_to_file_to_plan_is_the_same_a_thousand_times(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    lost_nothing(seed, tmp_path_factory.getbasetemp() / "web.json")


def test_what_did_not_change_on_the_site_does_not_change_in_the_file() -> None:
    # A review shows what happened to the site, not the order in which AWS listed the tags.
    first, second = live(5), live(5)
    facts = dict(second.facts)
    facts["distribution_tags"] = dict(reversed(list(facts["distribution_tags"].items())))
    shuffled = dataclasses.replace(second, facts=facts)
    assert text_of(document(shuffled, ["tls", "https"], [])) == text_of(document(first, ["https", "tls"], []))
    facts["distribution_tags"]["Team"] = "another"
    assert text_of(document(shuffled, [], [])) != text_of(document(first, [], []))
