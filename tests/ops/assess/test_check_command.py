"""``ops check`` as it is typed: options, exit codes, what goes where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.assess import check_command
from ops.cli import main
from tests.ops.assess.accounts import healthy, plain_site
from tests.ops.assess.aws_shapes import DOMAIN, NS
from tests.ops.assess.fake_aws import FakeAws

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Any]:
    """The answers the command gets; to be filled by the test."""
    answers: dict[tuple[str, str], Any] = {}
    monkeypatch.setattr(
        "ops.assess.reader.boto_clients", lambda **_: lambda s, r: FakeAws(answers).client(s, r)
    )
    monkeypatch.setattr("ops.assess.collect.lookup", lambda _: NS)
    monkeypatch.setattr(check_command, "ROOT", ROOT)
    return answers


def test_high_findings_end_with_one(account: dict[Any, Any], capsys: pytest.CaptureFixture[str]) -> None:
    account.update(plain_site())
    assert main(["check", "--domain", DOMAIN, "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["summary"]["high"] == 3
    assert found["domain"] == DOMAIN
    assert "Reading the account" in err


def test_none_ends_with_zero_and_the_page_is_written(
    account: dict[Any, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    account.update(healthy())
    file = tmp_path / "report.html"
    assert main(["check", "--domain", f"{DOMAIN.upper()}.", "--html", str(file)]) == 0
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert "0 high, 0 medium, 0 low, 0 info" in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_an_error(
    account: dict[Any, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    account.update(healthy())
    assert main(["check", "--html", str(tmp_path / "no" / "report.html")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_with_no_target_the_only_distribution_is_taken(
    account: dict[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    account.update(plain_site())
    assert main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["bucket"] == DOMAIN


def test_a_stack_gives_names_models_and_region(
    account: dict[Any, Any],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: orchestrator\nconfig: {}\n")
    (tmp_path / "Pulumi.web.yaml").write_text(
        "config:\n  aws:region: us-east-1\n  orchestrator:domain: yourdomain.com\n"
        "  orchestrator:apiBackend: fargate\n  orchestrator:apiSubdomain: ai\n"
        "  orchestrator:bedrockModels: [amazon.nova-lite-v1:0]\n"
    )
    monkeypatch.setattr(check_command, "ROOT", tmp_path)
    account.update(plain_site())
    assert main(["check", "--stack", "web", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["stack"] == "web"
    assert found["recommendation"]["backend"] == "fargate"
    evidence = [f["evidence"] for f in found["findings"] if f["check"] == "cloudfront-aliases"]
    assert evidence[1] == "ai.yourdomain.com is not among yourdomain.com"
    assert [f["resource"] for f in found["findings"] if f["check"] == "secrets-api-key"] == [
        "orchestrator/web/api-key"
    ]


def test_an_unknown_stack_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--stack", "nope"]) == 2
    assert "there is no stack 'nope'" in capsys.readouterr().err


def test_without_credentials_it_is_wrong_usage_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--domain", DOMAIN]) == 2
    assert "there are no AWS credentials" in capsys.readouterr().err


def test_an_unknown_profile_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--profile", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


def test_the_policy_is_printed_without_asking_aws(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--print-policy", "--bucket", f"s3://{DOMAIN}"]) == 0
    policy = json.loads(capsys.readouterr().out)
    assert policy["Statement"][1]["Resource"] == f"arn:aws:s3:::{DOMAIN}"


@pytest.mark.parametrize("command", ["check", "adopt"])
def test_help_names_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    shown = capsys.readouterr().out
    for option in ("--domain", "--bucket", "--distribution-id", "--stack", "--region", "--profile"):
        assert option in shown


def test_the_script_is_the_command() -> None:
    # A process of its own: it must find its modules from anywhere.
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "aws_infrastructure_check.py"), "--print-policy"],
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Version"] == "2012-10-17"
