"""Every key is typed, declared and checked; all mistakes come in one message."""

from __future__ import annotations

import ast
import json
from contextvars import ContextVar
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import config as runtime_config

from components.settings import KEYS, Settings, SettingsError, from_pulumi, load
from ops.stackfiles import effective_config, stack_names

ROOT = Path(__file__).parents[2]
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
DIGEST = "sha256:" + "a" * 64


def settings(stack: str = "dev", **values: str) -> Settings:
    config = {"aws:region": "us-east-1"}
    config.update({f"orchestrator:{key}": value for key, value in values.items()})
    return load(config, stack=stack)


def problems(**values: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        settings(**values)
    return {p.key: p.text("dev") for p in caught.value.problems}


def test_the_minimal_configuration_is_the_defaults() -> None:
    s = settings()
    assert (s.api_backend, s.region, s.secret_prefix) == ("lambda", "us-east-1", "orchestrator/dev")
    assert s.tags == {"Project": "orchestrator", "Stack": "dev", "ManagedBy": "pulumi"}
    assert s.site_origins == ()
    assert settings(domain="example.com").site_origins == ("https://example.com",)


def test_pulumi_yaml_declares_the_same_keys_types_and_defaults() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert list(declared) == [key.name for key in KEYS]
    for key in KEYS:
        entry = declared[key.name]
        # Pulumi's project schema knows no "number"; the program checks it.
        assert entry["type"] == ("string" if key.kind == "number" else key.kind), key.name
        default = float(entry["default"]) if key.kind == "number" else entry["default"]
        expected = list(key.default) if key.kind == "array" else key.default
        assert default == expected, key.name
        assert len(entry["description"]) > 15, key.name


def test_every_key_is_handed_to_a_component() -> None:
    tree = ast.parse((ROOT / "components" / "program.py").read_text())
    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "s"
    }
    assert {key.field for key in KEYS} - read == set()
    known = {f.name for f in fields(Settings)} | {
        n for n, v in vars(Settings).items() if isinstance(v, property)
    }
    assert read <= known


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stack_files_are_accepted_and_hold_only_what_differs(stack: str) -> None:
    config = effective_config(ROOT, stack, {})
    s = load(config, stack=stack)
    assert s.protect_data is (stack == "prod")
    defaults = {f"orchestrator:{key.name}": key for key in KEYS}
    own = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    for name, value in own.items():
        if name in defaults:
            assert value != defaults[name].default, f"{name} repeats the default"


def test_every_stack_file_names_a_stack(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.pr.7.yaml", "other.yaml"):
        (tmp_path / name).touch()
    assert stack_names(tmp_path) == ["dev", "pr.7"]


def test_there_are_two_stacks_and_prod_takes_the_short_secret_name() -> None:
    assert stack_names(ROOT) == ["dev", "prod"]
    prod = load(effective_config(ROOT, "prod", {}), stack="prod")
    assert prod.secret_prefix == "orchestrator"
    assert (prod.customer_key, prod.log_retention_days, prod.api_key_rotation_days) == (True, 365, 90)


def test_all_mistakes_come_in_one_message_with_value_and_mend() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(apiBckend="fargate", waf="yes", monthlyBudgetUsd="0", logRetentionDays="31")
    text = str(caught.value)
    assert text.startswith("4 problem(s) in the configuration of stack 'dev':")
    assert (
        "orchestrator:apiBckend = 'fargate': there is no such key; did you mean apiBackend?. Mend: "
        "pulumi config rm apiBckend --stack dev && pulumi config set apiBackend 'fargate' --stack dev"
    ) in text
    assert "orchestrator:waf = 'yes': allowed are: true, false." in text
    assert "orchestrator:monthlyBudgetUsd = '0': allowed is 0.01 to 10,000,000." in text
    assert "orchestrator:logRetentionDays = '31': allowed are: 1, 3, 5" in text


def messages(secret: set[str], **values: str) -> str:
    config = {"aws:region": "us-east-1", **{f"orchestrator:{key}": value for key, value in values.items()}}
    with pytest.raises(SettingsError) as caught:
        load(config, stack="dev", secret_keys={f"orchestrator:{key}" for key in secret})
    return str(caught.value)


def test_no_message_shows_an_encrypted_value() -> None:
    text = messages({"alarmEmial"}, alarmEmial="ops hunter2")
    assert (
        "orchestrator:alarmEmial = '[secret]': there is no such key; did you mean alarmEmail?. Mend: "
        "pulumi config rm alarmEmial --stack dev && pulumi config set --secret alarmEmail <value> --stack dev"
    ) in text
    # A known key of the wrong form, and a rule of another key that quotes it.
    text = messages(
        {"domain", "bedrockModels"}, domain="hunter2", apiSubdomain="a.b", bedrockModels='["hunter2"]'
    )
    assert "orchestrator:domain = '[secret]'" in text
    assert "orchestrator:bedrockModels = '[secret]'" in text
    assert "orchestrator:apiSubdomain = 'a.b'" in text
    assert "hunter2" not in text
    # As long as it is not encrypted the value helps to find the mistake.
    assert "orchestrator:alarmEmial = 'ops hunter2'" in messages(set(), alarmEmial="ops hunter2")


@pytest.mark.parametrize("name", ["databasePassword", "slackToken", "originHeaders"])
def test_what_looks_like_a_secret_is_not_shown_either(name: str) -> None:
    text = messages(set(), **{name: "hunter2"})
    assert f"orchestrator:{name} = '[secret]': there is no such key; the keys are: alarmEmail, " in text
    assert "hunter2" not in text


def test_only_a_slip_of_the_finger_gets_a_suggestion() -> None:
    assert "did you mean apiMemoryMb?" in messages(set(), apiMemory="1024")
    assert "did you mean" not in messages(set(), memory="1024")
    assert "the keys are: alarmEmail, " in messages(set(), apiTimeout="10")


def test_the_running_program_knows_which_keys_are_encrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"aws:region": "us-east-1", "orchestrator:tokn": "hunter2"}
    monkeypatch.setattr(runtime_config, "CONFIG", ContextVar("config", default=values))
    monkeypatch.setattr(runtime_config, "_SECRET_KEYS", ContextVar("keys", default=frozenset(values)))
    monkeypatch.setattr("pulumi.get_stack", lambda: "dev")
    monkeypatch.setattr("pulumi.get_project", lambda: "orchestrator")
    with pytest.raises(SettingsError, match=r"tokn = '\[secret\]'") as caught:
        from_pulumi()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("apiBackend", "lamda", "allowed are: lambda, fargate, ec2, none"),
        ("apiBackend", "", "allowed are"),
        ("wwwRedirect", "True", "allowed are: true, false"),
        ("wafRateLimit", "9", "allowed is 10 to 2,000,000,000"),
        ("wafRateLimit", "1.5", "a whole number"),
        ("wafRateLimit", "", "a whole number"),
        ("monthlyBudgetUsd", "nan", "a finite number"),
        ("monthlyBudgetUsd", "-5", "allowed is"),
        ("monthlyBudgetUsd", "abc", "a number is wanted"),
        ("bedrockModels", "[]", "at least one"),
        ("bedrockModels", "claude", "a list of strings"),
        ("bedrockModels", '["a b"]', "a model id or inference profile"),
        ("bedrockModels", '["x.y","x.y"]', "no value may stand twice"),
        ("bedrockModels", '["", "x.y"]', "non-empty"),
        ("domain", "https://example.com", "without scheme"),
        ("domain", "example.com/", "without scheme"),
        ("domain", "example.com:443", "without scheme"),
        ("domain", "www.example.com", "the apex is wanted, www is added by wwwRedirect: example.com"),
        ("domain", "api.example.com", "the apex is wanted, api. is added by apiSubdomain: example.com"),
        ("domain", "bücher.example", "the ASCII form is wanted: xn--bcher-kva.example"),
        ("domain", "xn--zzzzzzzz9999999.example", "is not valid punycode"),
        ("domain", "Example.com", "lower case is wanted: example.com"),
        ("domain", "example.com.", "no dot at either end"),
        ("domain", "*.example.com", "no wildcard"),
        ("domain", "localhost", "it is not a domain name"),
        ("domain", "10.0.0.1", "an address is no domain name"),
        ("domain", "a" * 64 + ".com", "it is not a domain name"),
        ("domain", " example.com", "no blanks at the ends"),
        ("apiSubdomain", "api.example", "one label"),
        ("apiSubdomain", "www", "www is taken"),
        ("certificateArn", CERTIFICATE, "it means nothing without a domain"),
        ("hostedZoneId", "Z123", "it means nothing without a domain"),
        ("alarmEmail", "ops", "one e-mail address"),
        ("alarmEmail", "a@b.c, d@e.f", "one e-mail address"),
        ("apiKeyRotationDays", "-1", "allowed is 0 to 1,000"),
        ("originVerifyGeneration", "0", "allowed is 1 to"),
        ("secretPrefix", "/x/", "a path of letters"),
        ("secretPrefix", "aws/x", "not under aws/"),
        ("secretPrefix", "a" * 401, "at most 400 characters"),
        ("apiImage", f"nginx@{DIGEST}", "only Fargate runs an image"),
        ("vpcId", "vpc-0123456789abcdef0", "vpcId and subnetIds belong together"),
        ("apiMinTasks", "9", "it is more than apiMaxTasks"),
        ("apiCpu", "300", "allowed are: 0, 256"),
        ("apiWorkHours", "18-08 Europe/Berlin", "two-digit hours, the later one last"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_key_value_and_what_is_allowed(key: str, value: str, part: str) -> None:
    found = problems(**{key: value})
    text = " ".join(found.values())
    assert part in text
    assert "Mend: pulumi config" in text
    assert "--stack dev" in text


@pytest.mark.parametrize(
    ("values", "key", "part"),
    [
        ({"domain": "example.com", "dnsProvider": "external"}, "dnsProvider", "certificateArn is wanted"),
        (
            {"domain": "example.com", "certificateArn": CERTIFICATE.replace("us-east-1", "eu-west-1")},
            "certificateArn",
            "in us-east-1",
        ),
        (
            {
                "domain": "example.com",
                "dnsProvider": "external",
                "certificateArn": CERTIFICATE,
                "hostedZoneId": "Z0123",
            },
            "hostedZoneId",
            "no Route 53 zone is used",
        ),
        ({"domain": "example.com", "hostedZoneId": "/hostedzone/Z1"}, "hostedZoneId", "a hosted zone id"),
        (
            {"apiBackend": "fargate", "apiCpu": "256", "apiMemoryMb": "4096"},
            "apiMemoryMb",
            "with apiCpu 256 Fargate takes 512, 1024, 2048 MB",
        ),
        (
            {"apiBackend": "fargate", "apiCpu": "1024", "apiMemoryMb": "1024"},
            "apiMemoryMb",
            "with apiCpu 1024 Fargate takes 2048",
        ),
        ({"apiBackend": "lambda", "apiMemoryMb": "64"}, "apiMemoryMb", "128 to 10,240"),
        ({"apiBackend": "ec2", "instanceType": "t3.medium"}, "instanceType", "an arm64 (Graviton) type"),
        ({"apiBackend": "ec2", "egress": "public-ip"}, "egress", "only Fargate tasks"),
        ({"apiBackend": "fargate", "egress": "endpoints"}, "egress", "apiImage in a private ECR"),
        ({"apiBackend": "fargate", "apiImage": "nginx:latest"}, "apiImage", "an image by digest"),
        ({"apiBackend": "none", "publicChat": "true"}, "publicChat", "there is no API"),
        (
            {"vpcId": "vpc-1", "subnetIds": '["subnet-0123456789abcdef0","subnet-0123456789abcdef1"]'},
            "vpcId",
            "a VPC id",
        ),
        (
            {"vpcId": "vpc-0123456789abcdef0", "subnetIds": '["subnet-0123456789abcdef0"]'},
            "subnetIds",
            "at least two",
        ),
        ({"subnetIds": '["x","y"]'}, "subnetIds", "subnet ids are wanted"),
        (
            {"apiBackend": "fargate", "apiStandby": "lambda", "apiCpu": "4096", "apiMemoryMb": "16384"},
            "apiMemoryMb",
            "128 to 10,240",
        ),
        ({"apiStandby": "fargate", "apiMemoryMb": "3000"}, "apiMemoryMb", "with apiCpu 256 Fargate takes"),
        ({"apiStandby": "ec2", "instanceType": "t3.medium"}, "instanceType", "an arm64 (Graviton) type"),
        ({"apiStandby": "fargate", "egress": "endpoints"}, "egress", "apiImage in a private ECR"),
        ({"apiStandby": "ec2", "egress": "public-ip"}, "egress", "only Fargate tasks"),
    ],
)
def test_keys_that_do_not_go_together(values: dict[str, str], key: str, part: str) -> None:
    found = problems(**values)
    assert set(found) == {key}
    assert part in found[key]


@pytest.mark.parametrize(
    "values",
    [
        {"domain": "example.co.uk"},
        {"domain": "xn--bcher-kva.example"},
        {"domain": "app.example.com", "apiSubdomain": ""},
        {"domain": "example.com", "dnsProvider": "external", "certificateArn": CERTIFICATE},
        {"apiBackend": "fargate", "apiCpu": "1024"},
        {"apiBackend": "fargate", "apiImage": f"public.ecr.aws/x/api@{DIGEST}", "egress": "public-ip"},
        {
            "apiBackend": "fargate",
            "egress": "endpoints",
            "apiImage": f"123456789012.dkr.ecr.us-east-1.amazonaws.com/api@{DIGEST}",
        },
        {"apiBackend": "ec2", "instanceType": "c8gn.large", "egress": "endpoints"},
        {"apiBackend": "none"},
        {"apiStandby": "fargate", "apiMemoryMb": "2048"},
        {"apiBackend": "fargate", "apiMemoryMb": "1024", "instanceType": "t3.medium"},
        {"monthlyBudgetUsd": "12.5"},
        {"bedrockModels": '["amazon.nova-lite-v1:0","us.anthropic.claude-haiku-4-5-20251001-v1:0"]'},
    ],
)
def test_valid_combinations(values: dict[str, str]) -> None:
    s = settings(**values)
    for key, value in values.items():
        field = next(k.field for k in KEYS if k.name == key)
        assert getattr(s, field) == _typed(value, getattr(s, field)), key


def _typed(value: str, like: object) -> object:
    if isinstance(like, tuple):
        return tuple(json.loads(value))
    if isinstance(like, bool):
        return value == "true"
    return type(like)(value) if isinstance(like, int | float) else value


@pytest.mark.parametrize("stack", ["my-branch", "pr-123456", "Feature_1", "a" * 100])
def test_any_stack_has_its_own_secrets_without_being_asked(stack: str) -> None:
    assert settings(stack).secret_prefix == f"orchestrator/{stack}"


def test_a_stack_whose_name_aws_takes_nowhere_is_refused_with_one_it_takes() -> None:
    with pytest.raises(SettingsError) as caught:
        settings("pr.7")
    (problem,) = caught.value.problems
    assert problem.text("pr.7") == (
        "pulumi:stack = 'pr.7': letters, digits, '-' and '_' are allowed in a stack's name, which names in "
        "AWS carry. Mend: pulumi stack rename pr-7 --stack pr.7"
    )


def test_the_region_is_wanted() -> None:
    with pytest.raises(
        SettingsError, match=r"aws:region = '': .*pulumi config set aws:region us-east-1 --stack x"
    ):
        load({}, stack="x")


@pytest.mark.parametrize(
    "region",
    ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"],
)
def test_regions_of_other_partitions_are_refused_in_one_message(region: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"aws:region": region}, stack="dev")
    (problem,) = caught.value.problems
    assert problem.key == "aws:region"
    assert f"aws:region = '{region}': " in problem.text("dev")
    assert "not supported: certificate and web ACL live in us-east-1" in problem.text("dev")


@pytest.mark.parametrize("region", ["us-west-2", "eu-central-1", "mx-central-1", "ap-southeast-7"])
def test_regions_of_the_standard_partition_are_taken(region: str) -> None:
    assert load({"aws:region": region}, stack="dev").region == region


@given(st.sampled_from([k.name for k in KEYS]), st.text(max_size=200))
def test_no_text_makes_anything_but_settings_or_a_settings_error(key: str, value: str) -> None:
    try:
        settings(**{key: value})
    except SettingsError as caught:
        error = caught
    else:
        return
    assert f"{key} = '" in str(error)
