"""Releases on an instance, for real: the association's script, processes, a local S3, failures injected."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.orchestrator_api import instance_setup
from tests.components.orchestrator_api.local_s3 import LocalS3
from tests.components.orchestrator_api.machine import Machine
from tests.timing import PATIENCE_S, until

START_S = 5.0
"""Long enough to start on any machine, and short enough to wait for the end of: a start takes 0.3 s."""


@pytest.fixture
def machine(tmp_path: Path, s3: LocalS3) -> Iterator[Machine]:
    made = Machine(tmp_path, s3)
    yield made
    for port in made.running():
        with contextlib.suppress(ProcessLookupError):
            made.kill(port)


def test_a_first_release_and_the_next(machine: Machine):
    one, two = machine.publish("one"), machine.publish("two")
    code, text = machine.deploy(one)
    assert (code, machine.answers(machine.live)) == (0, "one"), text
    first = machine.live
    assert machine.front() == str(first)
    code, text = machine.deploy(two)
    assert (code, machine.answers(machine.live)) == (0, "two"), text
    assert machine.live != first
    assert machine.front() == str(machine.live)
    assert machine.running() == {machine.live}
    assert len(machine.releases()) == 2  # the one before stays, to go back to
    # Even when it says that something of the first start went wrong.
    assert set((machine.root / "cloud-init").read_text().splitlines()) == {"cloud-init status --wait"}
    assert [path.name for path in (machine.root / "run/api").iterdir()] == ["release.py"]
    assert machine.calls()[-1] == f"stop --no-block api@{first}"  # its streams may end
    assert machine.calls().index(f"enable api@{machine.live}") < machine.calls().index(f"disable api@{first}")
    assert machine.deploy(machine.publish("three"))[0] == 0
    assert len(machine.releases()) == 2


def test_the_same_release_again_changes_nothing(machine: Machine):
    one = machine.publish("one")
    machine.deploy(one)
    asked = len(machine.s3.asked)
    code, text = machine.deploy(one)
    assert (code, "answers on port" in text) == (0, True)
    assert len(machine.s3.asked) == asked


@pytest.mark.slow
def test_another_environment_is_another_release(machine: Machine):
    one = machine.publish("one")
    machine.deploy(one)
    first = machine.live
    assert machine.deploy(one, mode="x")[0] == 0
    assert machine.live != first
    env = (machine.root / f"opt/api/slots/{machine.live}/env").read_text()
    assert env == "BEDROCK_MODELS='[\"a b\", \"c\"]'\nMODE='x'\n"


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (["flip"], "has SHA-256"),
        (["cut"] * 9, "the download was cut"),
        pytest.param(["403"], "S3 answered 403", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_fetched_leaves_all_as_it_was(machine: Machine, failure: list[str], message: str):
    machine.deploy(machine.publish("one"))
    before, calls = machine.live, len(machine.calls())
    two = machine.publish("two")
    machine.s3.failures = failure
    # Waiting between attempts is for the network; here it is cut short.
    program = instance_setup.release_program().replace("min(2**attempt, 10)", "0")
    instance_setup_program = instance_setup.release_program
    try:
        instance_setup.release_program = lambda: program
        code, text = machine.deploy(two)
    finally:
        instance_setup.release_program = instance_setup_program
    assert (code, text.startswith("not deployed: "), message in text) == (1, True, True), text
    assert (machine.live, machine.answers(before)) == (before, "one")
    assert len(machine.calls()) == calls
    assert len(machine.releases()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["ill", "crash"])
def test_a_release_that_never_gets_healthy_is_taken_back(machine: Machine, mode: str):
    machine.deploy(machine.publish("one"))
    before = machine.live
    code, text = machine.deploy(machine.publish("two"), mode=mode, start_timeout_s=0.8)
    assert (code, "did not get healthy in 0.8 s" in text) == (1, True), text
    assert (machine.live, machine.answers(before)) == (before, "one")
    assert machine.running() == {before}
    assert machine.deploy(machine.publish("three"))[0] == 0
    assert machine.answers(machine.live) == "three"


@pytest.mark.slow
def test_a_release_that_falls_ill_after_the_switch_is_taken_back(machine: Machine):
    machine.deploy(machine.publish("one"))
    before = machine.live
    code, text = machine.deploy(machine.publish("two"), mode="falls ill", settle_s=PATIENCE_S)
    assert (code, "the one before answers again" in text) == (1, True), text
    assert (machine.live, machine.front(), machine.answers(before)) == (before, str(before), "one")
    assert machine.running() == {before}


@pytest.mark.slow
def test_a_first_release_that_fails_leaves_nothing_live(machine: Machine):
    code, text = machine.deploy(machine.publish("one"), mode="crash", start_timeout_s=0.5)
    assert code == 1, text
    assert not (machine.root / "var/lib/api/live").exists()
    assert machine.running() == set()
    assert machine.deploy(machine.publish("two"))[0] == 0


def test_a_full_disk_is_said_and_changes_nothing(machine: Machine):
    machine.deploy(machine.publish("one"))
    before = machine.live
    code, text = machine.deploy(machine.publish("two"), reserve=10**15)
    assert (code, "the disk is full: " in text) == (1, True), text
    assert (machine.answers(before), len(machine.releases())) == ("one", 1)


@pytest.mark.slow
def test_a_short_disk_is_cleared_of_what_nobody_runs(machine: Machine):
    machine.deploy(machine.publish("one"))
    stale = machine.root / "opt/api/releases/0123-stale"
    stale.mkdir()
    (machine.root / "opt/api/releases/4567.part").mkdir()
    machine.deploy(machine.publish("two"), reserve=10**15)
    assert [name for name in machine.releases() if "stale" in name or "part" in name] == []


@pytest.mark.slow
def test_two_deployments_at_once_come_one_after_the_other(machine: Machine):
    one, two = machine.publish("one"), machine.publish("two")
    machine.deploy(machine.publish("zero"))
    processes = [machine.start(one), machine.start(two)]
    results = [(p.communicate(timeout=60), p.returncode) for p in processes]
    assert [code for _, code in results] == [0, 0], results
    assert machine.answers(machine.live) in ("one", "two")
    assert machine.running() == {machine.live}


@pytest.mark.slow
def test_a_deployment_that_waits_too_long_for_another_gives_up(machine: Machine):
    one = machine.publish("one")
    slow = machine.start(one, mode="ill", start_timeout_s=3 * PATIENCE_S)
    until(machine.running)
    code, text = machine.deploy(machine.publish("two"), lock_timeout_s=0.3)
    assert (code, text) == (1, "not deployed: another deployment is still running")
    slow.kill()
    slow.communicate(timeout=PATIENCE_S)


@pytest.mark.slow
def test_a_deployment_that_was_killed_is_done_by_the_next(machine: Machine):
    machine.deploy(machine.publish("one"))
    before, two = machine.live, machine.publish("two")
    killed = machine.start(two, mode="ill", start_timeout_s=3 * PATIENCE_S)
    until(lambda: len(machine.running()) == 2)
    killed.kill()
    killed.communicate(timeout=PATIENCE_S)
    assert machine.answers(before) == "one"
    code, text = machine.deploy(two)
    assert (code, machine.answers(machine.live)) == (0, "two"), text
    assert machine.running() == {machine.live}


@pytest.mark.slow
def test_a_dead_release_is_restarted(machine: Machine):
    one = machine.publish("one")
    machine.deploy(one)
    machine.kill(machine.live)
    code, text = machine.deploy(one, start_timeout_s=START_S)
    assert (code, "was restarted" in text, machine.answers(machine.live)) == (0, True, "one"), text


@pytest.mark.slow
def test_a_release_beyond_repair_gives_way_to_the_one_before(machine: Machine):
    two = machine.publish("two")
    machine.deploy(machine.publish("one"))
    machine.deploy(two)
    broken = machine.live
    (machine.root / f"opt/api/slots/{broken}/app/api_handler/__main__.py").write_text("raise SystemExit(1)\n")
    machine.kill(broken)
    code, text = machine.deploy(two, start_timeout_s=START_S)
    assert (code, "the one before, answers now" in text) == (1, True), text
    assert (machine.answers(machine.live), machine.front()) == ("one", str(machine.live))


def test_a_unit_that_cannot_be_started_is_taken_back(machine: Machine):
    machine.deploy(machine.publish("one"))
    before = machine.live
    (machine.root / "systemd-fails").touch()
    code, text = machine.deploy(machine.publish("two"))
    assert (code, "systemctl restart api@" in text, "Failed to start" in text) == (1, True, True), text
    assert (machine.live, machine.answers(before)) == (before, "one")


@pytest.mark.slow
def test_a_value_that_would_leave_its_quotes_is_refused(machine: Machine):
    code, text = machine.deploy(machine.publish("one"), mode="a'b")
    assert (code, text) == (1, "not deployed: the value of MODE has a quote or a line break")
    assert machine.releases() == []
