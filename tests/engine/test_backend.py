"""The real engine and a backend of the user: what exists is opened, nothing is made or written unasked."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import pytest

from ops.engine import applying, workspace
from ops.engine.applying import apply
from ops.engine.cli_binary import find_engine
from ops.engine.commands import add_arguments, run
from ops.engine.credentials import pulumi_backend
from ops.engine.failures import NOT_LOGGED_IN, MissingStackError
from ops.engine.previewing import preview
from ops.engine.rehearsal import Rehearsal, rehearse_here
from ops.errors import OpsError, UsageError
from ops.guardrails.model import Finding, Severity
from ops.plan import Plan

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

PROJECT = "name: small\nruntime: python\nconfig:\n  label:\n    default: first\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without resources, stacks dev and prod, and a login to an empty backend."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text(PROJECT)
    for stack in ("dev", "prod"):
        (root / f"Pulumi.{stack}.yaml").write_text("config:\n  aws:region: us-east-1\n")
    (root / "__main__.py").write_text(
        "import pulumi\npulumi.export('label', pulumi.Config().require('label'))\n"
    )
    (tmp_path / "backend").mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", (tmp_path / "backend").as_uri())
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    return root


def pulumi(root: Path, *arguments: str) -> str:
    """The official command line in the project."""
    command = [find_engine().path, *arguments, "--non-interactive"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def files(*folders: Path) -> dict[Path, bytes]:
    """Every file below, the engine's own logs left out."""
    found = {p: p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}
    return {path: data for path, data in found.items() if "logs" not in path.parts}


def act(operation: str, project: Path) -> None:
    """A preview through the session alone, the others as the command does them."""
    if operation != "preview":
        apply(operation, stack="dev", overrides={}, yes=True, root=project)
        return
    with workspace.online("dev", root=project) as session:
        session.run("preview")


SLOW = [pytest.param(operation, marks=pytest.mark.slow) for operation in ("refresh", "destroy")]


@pytest.mark.parametrize("operation", ["preview", *SLOW])
def test_a_stack_that_is_not_in_the_backend_is_told_and_not_made(
    project: Path, tmp_path: Path, operation: str
) -> None:
    pulumi(project, "stack", "init", "prod", "--no-select")
    before = files(tmp_path)
    with pytest.raises(MissingStackError) as caught:
        act(operation, project)
    assert caught.value.message == (
        f"the backend {(tmp_path / 'backend').as_uri()} has no stack 'dev'; of this project it has: prod.\n"
        "Make it once:  pulumi stack init dev\n"
        "and commit Pulumi.dev.yaml, which then holds the key of its secrets.\n"
        "Its plan without a backend:  python -m ops preview --stack dev --offline"
    )
    assert caught.value.exit_code == 2
    assert files(tmp_path) == before


@pytest.mark.slow
def test_a_preview_writes_nothing_and_selects_nothing(project: Path, tmp_path: Path) -> None:
    pulumi(project, "stack", "init", "dev", "--no-select")
    pulumi(project, "stack", "init", "prod")
    before = files(tmp_path)
    for overrides, label in (({}, "first"), ({"label": "second"}, "second")):
        with workspace.online("dev", overrides, root=project) as session:
            assert session.run("preview").outputs == {"label": label}
    assert files(tmp_path) == before
    assert pulumi(project, "stack", "--show-name").strip() == "prod"


@pytest.mark.slow
def test_an_offline_preview_does_not_come_near_the_users_backend(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi(project, "stack", "init", "dev", "--no-select")
    pulumi(project, "config", "set", "--secret", "token", "hunter2", "--stack", "dev")
    pulumi(project, "stack", "init", "prod")
    before = files(tmp_path)
    # Neither the passphrase nor the token of the user has to be right, or is asked for.
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-0000")
    with workspace.offline("dev", {"label": "second"}, root=project) as session:
        environment = dict(session.stack.workspace.env_vars)
        assert session.run("preview").outputs == {"label": "second"}
    assert files(tmp_path) == before
    state = Path(environment["PULUMI_BACKEND_URL"].removeprefix("file://")).parent
    assert environment["PULUMI_HOME"] == str(state / "home")
    assert environment["PULUMI_ACCESS_TOKEN"] == ""
    assert not state.exists()
    assert pulumi(project, "stack", "--show-name").strip() == "prod"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        (None, "encrypted with a passphrase, and none is set"),
        ("y", "is not the one this stack was made with"),
    ],
)
def test_a_missing_and_a_wrong_passphrase_are_wrong_usage(
    project: Path, monkeypatch: pytest.MonkeyPatch, phrase: str | None, message: str
) -> None:
    pulumi(project, "stack", "init", "dev")
    pulumi(project, "config", "set", "--secret", "token", "hunter2", "--stack", "dev")
    if phrase is None:
        monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    else:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", phrase)
    with pytest.raises(UsageError, match=message):
        act("preview", project)


@pytest.mark.slow
def test_up_makes_the_stack_after_a_question_and_says_what_to_commit(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(question: str) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(applying.console, "interactive", lambda: True)
    monkeypatch.setattr(applying.console, "confirm", answer)
    pulumi(project, "stack", "ls")  # the engine marks an empty backend as its own at first sight
    before = files(tmp_path)
    assert apply("up", stack="dev", overrides={}, yes=False, root=project) == 0
    assert asked == [f"The backend {(tmp_path / 'backend').as_uri()} has no stack 'dev' yet. Make it?"]
    assert files(tmp_path) == before

    # An empty stack has nothing that guardrails could look at, so the plan is not rehearsed here.
    monkeypatch.setattr("ops.engine.previewing.BackgroundRehearsal", NoRehearsal)
    assert apply("up", stack="dev", overrides={}, yes=True, root=project) == 0
    assert "Commit Pulumi.dev.yaml: it now holds the key" in capsys.readouterr().err
    assert "encryptionsalt" in (project / "Pulumi.dev.yaml").read_text()
    assert pulumi(project, "stack", "output", "label", "--stack", "dev").strip() == "first"


@pytest.mark.slow
def test_a_plan_the_guardrails_could_not_look_at_fails_a_preview_and_stops_an_up(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi(project, "stack", "init", "dev", "--no-select")
    monkeypatch.setattr("ops.engine.previewing.BackgroundRehearsal", NoRehearsal)
    monkeypatch.setattr(NoRehearsal, "unchecked", "KeyError: 'x'")
    assert preview(stack="dev", overrides={}, offline=False, json_file=None, root=project) == 1
    assert "error: the guardrails could not look at the plan: KeyError: 'x'" in capsys.readouterr().err
    with pytest.raises(OpsError, match="nothing was changed: the guardrails could not look at the plan"):
        apply("up", stack="dev", overrides={}, yes=True, root=project)
    monkeypatch.setattr(NoRehearsal, "unchecked", "")
    assert preview(stack="dev", overrides={}, offline=False, json_file=None, root=project) == 0


@pytest.mark.slow
@pytest.mark.parametrize("severity", ["mandatory", "advisory"])
def test_what_a_mandatory_guardrail_objects_to_fails_a_preview_and_is_not_carried_out(
    severity: Severity, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi(project, "stack", "init", "dev", "--no-select")
    finding = Finding(
        policy="no-wildcard-action",
        severity=severity,
        resource="r",
        message="m",
        mend="n",
        source="https://s",
    )
    monkeypatch.setattr("ops.engine.previewing.BackgroundRehearsal", NoRehearsal)
    monkeypatch.setattr(NoRehearsal, "findings", (finding,))
    mandatory = severity == "mandatory"
    assert preview(stack="dev", overrides={}, offline=False, json_file=None, root=project) == int(mandatory)
    shown = capsys.readouterr()
    assert f"{severity} no-wildcard-action: r" in shown.out
    assert ("1 mandatory guardrail(s) object" in shown.err) is mandatory
    if mandatory:
        with pytest.raises(OpsError, match="nothing was changed: a mandatory guardrail objects"):
            apply("up", stack="dev", overrides={}, yes=True, root=project)
        assert pulumi(project, "stack", "output", "--json", "--stack", "dev").strip() == "{}"
    else:
        assert apply("up", stack="dev", overrides={}, yes=True, root=project) == 0
        assert pulumi(project, "stack", "output", "label", "--stack", "dev").strip() == "first"


@pytest.mark.parametrize("provider", ["awskms://alias/state", None])
def test_a_new_stack_gets_the_secrets_provider_its_file_names(
    project: Path, monkeypatch: pytest.MonkeyPatch, provider: str | None
) -> None:
    if provider:
        (project / "Pulumi.dev.yaml").write_text(f"secretsprovider: {provider}\n")
    asked: list[list[str]] = []
    monkeypatch.setattr(
        workspace._UsersWorkspace, "_run_pulumi_cmd_sync", lambda self, args: asked.append(args)
    )
    workspace.make("dev", root=project)
    option = ["--secrets-provider", provider] if provider else []
    assert asked == [["stack", "init", "dev", "--no-select", *option]]


class NoRehearsal:
    """Stands for a rehearsal that found nothing, unless a test says so."""

    unchecked = ""
    findings: tuple[Finding, ...] = ()

    def __init__(self, *_: object) -> None:
        pass

    def result(self) -> Rehearsal:
        return Rehearsal(unchecked=self.unchecked, findings=list(self.findings))

    def stop(self) -> None:
        pass


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AWS credentials and no Pulumi login."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PULUMI_BACKEND_URL", "PULUMI_HOME", "PULUMI_CREDENTIALS_PATH", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def given(command: str, *options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.set_defaults(command=command)
    add_arguments(parser, command)
    return parser.parse_args(options)


@pytest.mark.usefixtures("signed_in")
def test_without_a_login_a_preview_is_offline_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[bool] = []

    def previewed(*, offline: bool, **_: object) -> int:
        seen.append(offline)
        return 0

    monkeypatch.setattr("ops.engine.previewing.preview", previewed)
    run(given("preview"))
    told = capsys.readouterr().err
    assert "there are AWS credentials but no Pulumi login, so this plan is offline" in told
    assert "pulumi login s3://YOUR-STATE-BUCKET" in told
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    run(given("preview"))
    run(given("preview", "--offline"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    run(given("preview"))
    assert seen == [True, False, True, True]
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("command", ["up", "refresh", "destroy"])
def test_without_a_login_nothing_that_changes_aws_runs(command: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(given(command, "--yes"))
    assert caught.value.message == f"`{command}`: {NOT_LOGGED_IN}"


def test_where_the_login_is_found(tmp_path: Path) -> None:
    def found(**environment: str) -> str:
        return pulumi_backend(tmp_path, {"HOME": str(tmp_path), **environment})

    assert found() == ""
    assert found(PULUMI_ACCESS_TOKEN="t") == "https://api.pulumi.com"
    (tmp_path / ".pulumi").mkdir()
    (tmp_path / ".pulumi" / "credentials.json").write_text('{"current": "s3://home"}')
    assert found(PULUMI_ACCESS_TOKEN="t") == "s3://home"
    (tmp_path / "other").mkdir()
    assert found(PULUMI_HOME=str(tmp_path / "other")) == ""
    (tmp_path / "other" / "credentials.json").write_text("no JSON")
    assert found(PULUMI_CREDENTIALS_PATH=str(tmp_path / "other")) == ""
    (tmp_path / "Pulumi.yaml").write_text("name: x\nbackend:\n  url: s3://project\n")
    assert found() == "s3://project"
    assert found(PULUMI_BACKEND_URL="s3://env") == "s3://env"


def test_a_stack_that_cannot_be_made_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    with pytest.raises(UsageError, match="encrypted with a passphrase, and none is set"):
        workspace.make("dev", root=project)
    with pytest.raises(UsageError, match="there is no stack 'dve': did you mean 'dev'"):
        workspace.make("dve", root=project)


def test_a_broken_guardrail_leaves_the_estimate_and_the_other_way_round(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(plan: object) -> str:
        raise KeyError("x")

    empty = Plan(stack="dev", region="us-east-1", resources=(), config={})
    monkeypatch.setattr("ops.engine.recorder.rehearse", lambda *_: empty)
    with monkeypatch.context() as patch:
        patch.setattr("ops.guardrails.check", broken)
        found = rehearse_here(project, "dev", {})
    assert (found.unchecked, found.problem, bool(found.cost)) == ("KeyError: 'x'", "", True)
    monkeypatch.setattr("ops.cost.monthly_line", broken)
    found = rehearse_here(project, "dev", {})
    assert (found.unchecked, found.problem, found.cost) == ("", "KeyError: 'x'", "")
