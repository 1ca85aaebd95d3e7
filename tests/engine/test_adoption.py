"""The real engine over sites that run: it imports, updates and creates; it replaces and deletes nothing.

The stand-in finds every setup as it runs, so what the engine calls a difference is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.static_site.adopted.inputs import planned_inputs
from components.static_site.adopted.upgrade import UPGRADES
from ops.engine.cli_binary import find_engine
from ops.engine.local_stack import LocalStack
from ops.engine.result import RunResult
from ops.engine.standin.server import EXISTING
from tests.components.static_site.adopted.generated import header_values
from tests.components.static_site.adopted.setups import SETUPS, numbered

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(1800)]

FIXTURE = Path(__file__).parent / "adoption"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "adopt.md"
BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
THEIRS = (BUCKET, POLICY, DISTRIBUTION)
API = {"api": "true"}


@pytest.fixture(autouse=True)
def running() -> Iterator[None]:
    """Every setup as it runs, before anything is adopted."""
    find_engine()
    for number, (bucket, setup) in enumerate(numbered()):
        values = header_values(setup["config"])
        inputs = planned_inputs(setup["config"], lambda o, h, values=values: values[o, h]).inputs
        EXISTING[DISTRIBUTION, f"E{number:04}"] = {**camel(inputs), "tags": {"Team": "web"}}
        EXISTING[BUCKET, bucket] = {"bucket": bucket, "tags": {"Team": "web"}}
        if setup["policy"]:
            EXISTING[POLICY, bucket] = {"bucket": bucket, "policy": setup["policy"]}
    yield
    EXISTING.clear()


def camel(value: Any) -> Any:
    """snake_case inputs as the engine names them."""
    if isinstance(value, dict):
        return {re.sub(r"_([a-z])", lambda m: m[1].upper(), k): camel(v) for k, v in value.items()}
    return [camel(one) for one in value] if isinstance(value, list) else value


def changed(result: RunResult, type_: str) -> set[str]:
    """Top-level properties that change on resources of a type."""
    return {
        re.split(r"[.\[]", change.path)[0]
        for step in result.steps
        if step.type == type_
        for change in step.changes
    }


def theirs(stack: LocalStack) -> dict[str, Any]:
    """What is sent for bucket, policy and distribution."""
    return {one.type: one.inputs for one in stack.resources() if one.type in THEIRS}


def lost(result: RunResult) -> list[tuple[str, str]]:
    """What would be replaced, or deleted though it ran before."""
    # A bucket that had no policy got one with an upgrade, and loses it with the upgrade.
    made_by_us = {
        f"site{number}-bucket-policy" for number, (_, setup) in enumerate(numbered()) if not setup["policy"]
    }
    return [
        (step.op, step.name)
        for step in result.steps
        if step.op == "replace"
        or any(change.replaces for change in step.changes)
        or (
            step.op == "delete"
            and step.type in THEIRS
            and step.name not in made_by_us
            and not step.name.endswith(("-logs", "-logs-policy"))
        )
    ]


def test_the_walk_of_every_setup_to_the_api_and_back(tmp_path: Path) -> None:
    stack = LocalStack(FIXTURE, "dev", tmp_path)

    # Taking over: nothing of a distribution differs but the tags.
    first = stack.up()
    assert set(first.counts()) <= {"import", "create", "update"}
    assert changed(first, DISTRIBUTION) == {"tags"}
    assert changed(first, BUCKET) == {"tags", "forceDestroy"}  # forceDestroy is Pulumi's own, not S3's
    assert changed(first, POLICY) <= {"policy"}
    created = {step.type for step in first.steps if step.op == "create"}
    assert created <= {"orchestrator:index:StaticSite", POLICY}
    assert len([r for r in stack.resources() if r.type == DISTRIBUTION and r.protect]) == len(SETUPS)

    # The API beside it.
    second = stack.up(API)
    assert set(second.counts()) <= {"same", "create", "update"}
    assert changed(second, DISTRIBUTION) == {"origins", "orderedCacheBehaviors", "customErrorResponses"}
    assert lost(second) == []

    # Every upgrade at once, where the setup can take it; then all of them taken back.
    third = stack.up({**API, "upgrades": " ".join(UPGRADES)})
    assert set(third.counts()) <= {"same", "create", "update"}
    assert lost(third) == []
    back = stack.preview(API)
    assert lost(back) == []
    assert changed(back, DISTRIBUTION) == changed(third, DISTRIBUTION)


PLAIN = list(SETUPS).index("public bucket, as in the tutorials")


def test_offline_a_site_is_imported_though_nobody_can_look_at_it(tmp_path: Path) -> None:
    EXISTING.clear()
    stack = LocalStack(FIXTURE, "dev", tmp_path)
    plan = stack.up({**API, "only": str(PLAIN)})
    assert {step.type: step.op for step in plan.steps if step.type in THEIRS} == dict.fromkeys(
        THEIRS, "import"
    )
    bucket = next(one for one in stack.resources() if one.type == BUCKET)
    name = numbered()[PLAIN][0]
    assert (bucket.id, bucket.outputs["bucket"]) == (name, name)
    assert bucket.outputs["bucketRegionalDomainName"] == f"{name}.s3.us-east-1.amazonaws.com"


STEPS = {
    "take over": {},
    "api": API,
    "edge function": {**API, "upgrades": "edge-function"},
    "private bucket": {**API, "upgrades": "edge-function oac"},
    "tls": {**API, "upgrades": "edge-function oac tls http3"},
}
OTHERS = {
    "error pages": ("single-page error pages", "edge-function", "edge-function error-pages"),
    "identity": ("origin access identity", "", "oac"),
    "cache policies": ("legacy cache settings", "", "cache-policies"),
    "the rest": (
        "plain HTTP allowed, IPv4, HTTP/1.1, disabled compression",
        "",
        "https ipv6 headers compress logging",
    ),
}
"""Plan on the page to: a setup that can take it, the upgrades it has, the upgrades it gets."""


def test_the_page_shows_the_plans_the_engine_makes(tmp_path: Path) -> None:
    stack = LocalStack(FIXTURE, "dev", tmp_path)
    shown = dict(
        re.findall(r"<!-- plan: ([a-z ]+) -->\n```\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    )
    made = {}
    for name, options in STEPS.items():
        made[name] = plan_text(stack.up({"only": str(PLAIN), **options}))
    for name, (setup, before, after) in OTHERS.items():
        other = LocalStack(FIXTURE, "dev", tmp_path / name.replace(" ", "-"))
        options = {**API, "only": str(list(SETUPS).index(setup))}
        other.up({**options, "upgrades": before})
        ran = theirs(other)
        made[name] = plan_text(other.up({**options, "upgrades": after}))
        assert theirs(other) != ran, name
        # And the way back: everything is as it was.
        back = other.up({**options, "upgrades": before})
        assert lost(back) == [], name
        assert theirs(other) == ran, name
    assert made == shown


def plan_text(result: RunResult) -> str:
    """One line for every resource that is not the same: operation, type, changed properties."""
    lines = set()
    for step in result.steps:
        if step.op == "same" or not step.custom:
            continue
        paths = sorted({re.split(r"[.\[]", change.path)[0] for change in step.changes})
        kind = step.type.rsplit(":", 1)[-1]
        lines.add(f"{step.op:<7} {kind:<24} {', '.join(paths)}".rstrip())
    order = {"import": 0, "update": 1, "create": 2}
    return "".join(
        f"{line}\n" for line in sorted(lines, key=lambda line: (order.get(line.split()[0], 9), line))
    )
