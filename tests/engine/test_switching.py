"""Switching the backend of a running stack, through the real engine: what comes and goes, in which order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from ops.engine.local_stack import LocalStack
from ops.engine.paths import ROOT
from ops.engine.result import RunResult

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]

BACKENDS = ("lambda", "fargate", "ec2")

KEPT = {
    "api-table",
    "secrets-api-key",
    "secrets-origin-verify",
    "site-bucket",
    "site-distribution",
    "site-kvs",
}
"""What holds data or names; as far as a stack has it."""

OWN = {
    "lambda": {"api-function", "api-rest-api", "api-rest-stage", "api-function-failures"},
    "fargate": {"api-service", "api-balancer", "api-balancer-origin", "api-cluster"},
    "ec2": {"api-instance", "api-release", "api-instance-origin"},
}
"""What a backend alone has."""

DOOR = {"lambda": "api-rest-stage", "fargate": "api-balancer-origin", "ec2": "api-instance-origin"}
"""What CloudFront connects to."""


@pytest.fixture(scope="module")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalStack]:
    """The stack on a backend, up; made once for each."""
    made: dict[str, LocalStack] = {}

    def stack(backend: str) -> LocalStack:
        if backend not in made:
            made[backend] = LocalStack(ROOT, "dev", tmp_path_factory.mktemp(backend))
            assert set(made[backend].up({"apiBackend": backend}).counts()) == {"create"}
            # The engine ran the hook that waits for a new instance's agent, and the provider answered.
            asked = [lookup for lookup in made[backend].lookups if lookup.startswith("getInstances(")]
            assert len(asked) == (1 if backend == "ec2" else 0)
        return made[backend]

    return stack


def ops(result: RunResult) -> dict[str, str]:
    """Name to what is done, of what changes."""
    return {step.name: step.op for step in result.changed()}


def assert_nothing_goes_before_all_has_come(result: RunResult) -> None:
    names = [step.op for step in result.changed()]
    deletions = [index for index, op in enumerate(names) if op == "delete"]
    arrivals = [index for index, op in enumerate(names) if op in ("create", "update", "replace")]
    assert not deletions or max(arrivals) < min(deletions)


@pytest.mark.parametrize(("old", "new"), list(permutations(BACKENDS, 2)))
def test_a_switch(old: str, new: str, brought_up: Callable[[str], LocalStack]) -> None:
    stack = brought_up(old)
    result = stack.preview({"apiBackend": new})
    done = ops(result)
    assert done["site-distribution"] == "update"
    assert {name for name in KEPT if done.get(name, "same") != "same"} == {"site-distribution"}
    assert {name: done.get(name) for name in OWN[new]} == dict.fromkeys(OWN[new], "create")
    assert {name: done.get(name) for name in OWN[old]} == dict.fromkeys(OWN[old], "delete")
    assert_nothing_goes_before_all_has_come(result)
    order = [step.name for step in result.changed()]
    assert order.index(DOOR[new]) < order.index("site-distribution")
    network = {step.name: step.op for step in result.steps if step.name == "api-vpc"}
    if "lambda" not in (old, new):
        assert network == {"api-vpc": "same"}  # both stand in the same VPC


@pytest.mark.parametrize("backend", BACKENDS)
def test_to_the_site_alone_and_back(backend: str, brought_up: Callable[[str], LocalStack]) -> None:
    """Without an API its table and its keys go too. In production all three are protected."""
    done = ops(brought_up(backend).preview({"apiBackend": "none"}))
    assert done["site-distribution"] == "update"
    assert {name: done.get(name) for name in OWN[backend]} == dict.fromkeys(OWN[backend], "delete")
    assert {name for name in KEPT if done.get(name) in ("delete", "replace")} == {
        "api-table",
        "secrets-api-key",
        "secrets-origin-verify",
    }


@pytest.mark.parametrize(("live", "beside"), list(permutations(BACKENDS, 2)))
def test_a_standby_comes_beside_what_answers(
    live: str, beside: str, brought_up: Callable[[str], LocalStack]
) -> None:
    done = ops(brought_up(live).preview({"apiBackend": live, "apiStandby": beside}))
    assert {name: done.get(name) for name in OWN[beside]} == dict.fromkeys(OWN[beside], "create")
    changed = {name: op for name, op in done.items() if op != "create"}
    expected = {"site-distribution": "update", "site-viewer-address": "update"}
    if (live, beside) == ("fargate", "ec2"):
        # Both share a way out, and an instance never has an address of its own: new tasks take the place
        # of the old ones, in private subnets.
        expected["api-service"] = "update"
    assert changed == expected


@pytest.mark.parametrize(("old", "new"), [("lambda", "fargate"), ("fargate", "ec2")])
def test_a_switch_with_a_standby_moves_the_route_and_nothing_else(
    old: str, new: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = LocalStack(ROOT, "dev", tmp_path_factory.mktemp("standby"))
    stack.up({"apiBackend": old})

    beside = ops(stack.up({"apiBackend": old, "apiStandby": new}))
    assert "delete" not in beside.values()
    assert {name: beside.get(name) for name in OWN[new]} == dict.fromkeys(OWN[new], "create")

    moved = ops(stack.up({"apiBackend": new, "apiStandby": old}))
    assert moved["site-distribution"] == "update"
    assert not [name for name in moved if name.startswith("api-")], moved

    last = ops(stack.up({"apiBackend": new}))
    assert {name: last.get(name) for name in OWN[old]} == dict.fromkeys(OWN[old], "delete")
    assert not OWN[new] & set(last), last
    assert last.get("api-table", "same") == "same"


def test_a_new_instance_comes_before_the_old_one_goes(brought_up: Callable[[str], LocalStack]) -> None:
    """A changed type stands for all that replaces an instance: its image, its first script."""
    stack = brought_up("ec2")
    result = stack.preview({"apiBackend": "ec2", "instanceType": "t4g.medium"})
    done = ops(result)
    assert (done["api-instance"], done["api-instance-origin"]) == ("replace", "replace")
    # A new association: the provider waits for what it creates, never for what it updates.
    assert (done["api-release"], done["site-distribution"]) == ("replace", "update")
    order = [step.name for step in result.changed()]
    places = [
        order.index(name)
        for name in ("api-instance", "api-release", "api-instance-origin", "site-distribution")
    ]
    assert places == sorted(places)


def test_a_new_release_is_a_new_association_and_touches_nothing_else(
    brought_up: Callable[[str], LocalStack],
) -> None:
    """Its environment stands for its code: both are parameters of the association."""
    stack = brought_up("ec2")
    assert ops(stack.preview({"apiBackend": "ec2", "apiMaxConcurrency": "7"})) == {"api-release": "replace"}
    # A preview never waits for an instance.
    assert not [lookup for lookup in stack.lookups if lookup.startswith("getInstances(")]
