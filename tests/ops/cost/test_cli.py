"""``ops cost``: what is printed, what is told apart, what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from ops import stackfiles
from ops.cli import main
from ops.cost import cli
from tests.ops.cost.plans import plan, res

MODELS = {"orchestrator:bedrockModels": '["global.anthropic.claude-haiku-4-5-20251001-v1:0"]'}


def made_up(stack: str, settings: Mapping[str, str]):
    """A plan whose price follows the settings: 10 secrets for Fargate with NAT, one otherwise."""
    count = 10 if settings.get("egress") == "nat" else 1
    secrets = [res("aws:secretsmanager/secret:Secret", f"s{n}") for n in range(count)]
    api = res("aws:apigateway/restApi:RestApi", "api")
    site = res("aws:kms/key:Key", "k", _of="StaticSite")
    return plan(*secrets, api, site, config=MODELS)


@pytest.fixture(autouse=True)
def _planned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli, "planned", made_up)


def test_the_table_has_a_column_a_load_and_a_total(capsys: pytest.CaptureFixture[str]):
    assert main(["cost"]) == 0
    out = capsys.readouterr().out
    heading, *_ = (line for line in out.splitlines() if "component" in line)
    assert [h in heading for h in ("idle", "10 thousand", "1 million", "10 million")] == [True] * 4
    total = next(line for line in out.splitlines() if line.startswith("total"))
    # A secret 0.40 and its calls 0.04, a key 1.00 and its requests beyond 20,000, the API 3.50 a million.
    assert total.split() == ["total", "1.40", "1.48", "5.03", "37.88"]
    assert "Always-free allowances are counted" in out
    assert "Bedrock is no resource" in out


def test_json_is_json_alone(capsys: pytest.CaptureFixture[str]):
    assert main(["cost", "--json", "--no-free"]) == 0
    idle, *_ = json.loads(capsys.readouterr().out)
    assert idle["profile"] == "idle"
    assert idle["usd"] == pytest.approx(1.40)
    assert idle["by_component"] == {"StaticSite": 1.0, "OrchestratorApi": 0.4}
    assert {"resource", "price", "quantity", "free", "usd", "note"} <= set(idle["lines"][0])


def test_compare_puts_the_backends_side_by_side(capsys: pytest.CaptureFixture[str]):
    assert main(["cost", "--compare"]) == 0
    out = capsys.readouterr().out
    for text in (
        "Lambda",
        "Fargate, public-ip",
        "Fargate, nat",
        "EC2, nat-instance",
        "backend, 1 million",
        "limit 60%",
    ):
        assert text in out
    backend = next(line for line in out.splitlines() if line.startswith("backend, idle"))
    assert backend.split()[2:] == ["0.40", "0.40", "4.00", "0.40"]


def test_compare_as_data_says_which_limits_are_kept(capsys: pytest.CaptureFixture[str]):
    assert main(["cost", "--compare", "--json"]) == 0
    columns = {c["title"]: c for c in json.loads(capsys.readouterr().out)}
    assert columns["Lambda"]["within"] is None
    assert columns["EC2, nat-instance"]["within"] is True
    assert columns["EC2, nat-instance"]["share"] == pytest.approx(
        columns["EC2, nat-instance"]["backend"]["1 million"] / 32
    )


def test_a_limit_that_is_missed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    dear = plan(*[res("aws:secretsmanager/secret:Secret", f"s{n}") for n in range(500)])
    monkeypatch.setattr(cli, "planned", lambda stack, settings: dear)
    main(["cost", "--compare"])
    assert capsys.readouterr().out.count("MISSED") == 3


def test_a_type_without_a_price_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(cli, "planned", lambda stack, settings: plan(res("aws:rds/instance:Instance")))
    assert main(["cost"]) == 1
    assert "No price is known for aws:rds/instance:Instance" in capsys.readouterr().out
    assert main(["cost", "--compare"]) == 1


def test_compare_chooses_the_backend_itself(capsys: pytest.CaptureFixture[str]):
    assert main(["cost", "--compare", "--set", "apiBackend=ec2"]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_a_wrong_usage_file_is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    assert main(["cost", "--usage", "nothing.toml"]) == 2
    assert "nothing.toml" in capsys.readouterr().err


def test_values_that_could_not_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(stackfiles, "encrypted_keys", lambda root, stack, overrides: ("vendor:token",))
    assert main(["cost", "--json"]) == 0
    shown = capsys.readouterr()
    json.loads(shown.out)
    assert shown.err == ("warning: Encrypted values were not read; a placeholder stands for: vendor:token.\n")
