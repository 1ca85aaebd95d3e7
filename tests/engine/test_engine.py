"""The real engine over a small program, with the stand-in providers: the life of a stack."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pulumi import log

from ops.engine.cli_binary import find_engine
from ops.engine.local_stack import LocalStack
from ops.engine.paths import ROOT
from ops.engine.result import PropertyChange, RunResult
from ops.engine.standin.outputs import OFFLINE_ACCOUNT_ID
from ops.engine.workspace import _without_debug_messages, offline
from ops.errors import OpsError, UsageError

# On a machine without an engine the first test gets one, which may mean to build it.
pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

FIXTURE = Path(__file__).parent / "fixture"
CHILDREN = 6
"""Resources of the fixture, its component among them."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The fixture program, up; tests of this module may look at it but leave it as it is."""
    find_engine()
    before = {path.name: path.read_bytes() for path in FIXTURE.iterdir() if path.is_file()}
    local = LocalStack(FIXTURE, "dev", tmp_path_factory.mktemp("stack"))
    result = local.up()
    assert result.counts() == {"create": CHILDREN}
    assert result.outputs == {
        "account": OFFLINE_ACCOUNT_ID,
        "bucket": "arn:aws:s3:::fixture-site",
        "logs": next(r.id for r in local.resources() if r.name == "logs"),
        "password": "[secret]",
    }
    yield local
    after = {path.name: path.read_bytes() for path in FIXTURE.iterdir() if path.is_file()}
    assert after == before, "a run with a state of its own wrote into the project"


def planned(overrides: dict[str, str]) -> RunResult:
    with offline("dev", overrides, root=FIXTURE) as session:
        return session.run("preview")


def test_a_second_run_changes_nothing(stack: LocalStack) -> None:
    assert stack.preview().counts() == {"same": CHILDREN}


def test_a_change_of_configuration_shows_exactly_its_difference(stack: LocalStack) -> None:
    result = stack.preview({"label": "second", "retention": "60"})
    assert {step.name: step.changes for step in result.changed()} == {
        "logs": (PropertyChange("retentionInDays", "update", False, 30, 60),),
        "site-bucket": (PropertyChange("tags.label", "update", False, "first", "second"),),
    }
    assert result.counts() == {"same": CHILDREN - 2, "update": 2}


@pytest.mark.slow
def test_a_rename_that_would_replace_a_protected_resource_is_refused(stack: LocalStack) -> None:
    for run in (stack.preview, stack.up):
        with pytest.raises(OpsError, match="'site-bucket' is protected: this change would replace it"):
            run({"bucketKey": "other"})
    assert stack.preview().counts() == {"same": CHILDREN}


@pytest.mark.slow
def test_protected_resources_stop_a_destroy_before_anything_is_deleted(stack: LocalStack) -> None:
    with pytest.raises(OpsError, match=r"nothing was deleted.*'site-bucket'"):
        stack.destroy()
    assert stack.preview().counts() == {"same": CHILDREN}


@pytest.mark.slow
def test_a_refresh_finds_what_the_state_knows(stack: LocalStack) -> None:
    assert stack.refresh().counts() == {"same": CHILDREN}


def test_the_state_tells_inputs_outputs_and_options(stack: LocalStack) -> None:
    resources = {resource.name: resource for resource in stack.resources()}
    assert sorted(resources) == ["logs", "password", "site", "site-bucket", "site-note", "site-versioning"]
    bucket = resources["site-bucket"]
    assert (bucket.id, bucket.protect, bucket.parent) == ("fixture-site", True, resources["site"].urn)
    assert bucket.inputs == {"bucket": "fixture-site", "tags": {"label": "first"}}
    assert bucket.outputs["bucketRegionalDomainName"] == "fixture-site.s3.eu-central-1.amazonaws.com"
    assert len(resources["password"].outputs["result"]) == 24
    # The file was found by its relative path, though the engine works in another folder.
    assert resources["site-note"].inputs["source"]["hash"]


@pytest.mark.slow
def test_a_stack_comes_changes_and_goes(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    shutil.copy(FIXTURE / "Pulumi.dev.yaml", program)
    shutil.copy(FIXTURE / "Pulumi.yaml", program)
    (program / "__main__.py").write_text(
        "import pulumi\nfrom pulumi_aws import cloudwatch\nconfig = pulumi.Config()\n"
        "group = cloudwatch.LogGroup('logs', name=config.require('label'))\n"
        "pulumi.export('name', group.name)\n"
    )
    local = LocalStack(program, "dev", tmp_path / "state")
    assert local.up().outputs == {"name": "first"}
    changed = local.up({"label": "second"})
    assert changed.counts() == {"replace": 1}
    assert changed.steps[0].changes == (PropertyChange("name", "update", True, "first", "second"),)
    assert changed.outputs == {"name": "second"}
    assert local.destroy().counts() == {"delete": 1}
    assert local.resources() == []
    local.remove()
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_two_previews_at_once_do_not_meet(stack: LocalStack) -> None:
    code = (
        "from pathlib import Path; import sys; from ops.engine.workspace import offline\n"
        "with offline('dev', {}, root=Path(sys.argv[1])) as s: print(s.run('preview').counts())"
    )

    def one(_: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, str(FIXTURE)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(2))) == [f"{{'create': {CHILDREN}}}\n"] * 2


@pytest.mark.slow
def test_a_killed_run_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; import sys; from ops.engine.local_stack import LocalStack\n"
        "LocalStack(Path(sys.argv[1]), 'dev', Path(sys.argv[2])).up()"
    )
    state = tmp_path / "state"
    process = subprocess.Popen([sys.executable, "-c", code, str(FIXTURE), str(state)], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not list(state.rglob("locks/**/*.json")):
        assert time.monotonic() < deadline, "the run never locked its state"
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    # The engine it started notices that its program is gone and ends by itself.
    result = LocalStack(FIXTURE, "dev", state).up()
    assert sum(result.counts().values()) == CHILDREN


@pytest.mark.slow
def test_a_state_has_one_run_at_a_time(tmp_path: Path) -> None:
    local = LocalStack(FIXTURE, "dev", tmp_path)
    with local._open({}), pytest.raises(OpsError, match="another run holds the local stack"):
        LocalStack(FIXTURE, "dev", tmp_path).preview()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (
            "key",
            r"'site-versioning': versioning_configuration\.statis: is no property .*did you mean 'status'",
        ),
        ("lookup", r"the program looks up aws:ec2/getElasticIp:getElasticIp.*\n  at __main__\.py:\d+"),
        ("program", r"RuntimeError: the fixture was told to fail\n  at __main__\.py:\d+"),
        ("text", r"(?s)Calling __str__ on an Output\[T\] is not supported.*at __main__\.py:\d+"),
        ("apply", r"(?s)ValueError: invalid literal.*at __main__\.py:\d+"),
    ],
)
def test_a_mistake_in_the_program_is_told_with_its_place(mistake: str, message: str) -> None:
    with pytest.raises(OpsError, match=message) as caught:
        planned({"mistake": mistake})
    assert caught.value.exit_code == 1
    assert "Traceback" not in caught.value.message


@pytest.mark.slow
def test_a_wrong_type_in_the_configuration_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'retention' must be of type 'integer'; mend it with"):
        planned({"retention": "many"})


@pytest.mark.slow
def test_outputs_of_new_resources_are_unknown_in_a_preview() -> None:
    with offline("dev", {}, root=FIXTURE) as session:
        result = session.run("preview")
        assert session.hidden == ("fixture:token",)
        assert session.standin is not None
        assert list(map(str, session.standin.lookups)) == ["getCallerIdentity()"]
    assert result.outputs["bucket"] == "[unknown]"
    assert result.outputs["account"] == OFFLINE_ACCOUNT_ID


def test_the_sdk_s_debug_messages_are_left_out_for_the_time_of_a_run() -> None:
    real = log.debug
    with _without_debug_messages():
        assert log.debug is not real
        log.debug("said to nobody", None, stream_id=1)
    assert log.debug is real
    with contextlib.suppress(KeyError), _without_debug_messages():
        raise KeyError
    assert log.debug is real
