"""Every configuration key of the program, read once, all problems in one message.

``Pulumi.yaml`` declares the same keys with type, description and default; a test
holds the two together. Values reach a Python program as strings, structured
ones as JSON (pulumi/pulumi sdk/python/lib/pulumi/config.py).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import pulumi
from pulumi.runtime import config as runtime_config

from components.forms import EGRESS, RETENTION_DAYS, WAF_RATE_LIMITS
from components.settings_rules import Problem, check_together

NAMESPACE = "orchestrator"

BACKENDS = ("lambda", "fargate", "ec2", "none")
HIDDEN = "[secret]"
"""Stands in messages where an encrypted value would be."""
_TELLING = ("secret", "password", "passphrase", "token", "credential", "header", "apikey", "api_key")

DEFAULT_MODELS = ("global.anthropic.claude-haiku-5-5", "global.anthropic.claude-sonnet-5-5")


class SettingsError(ValueError):
    """The configuration cannot be used; the message lists every problem and its mend."""

    def __init__(self, problems: list[Problem], stack: str) -> None:
        self.problems = problems
        lines = [f"{len(problems)} problem(s) in the configuration of stack '{stack}':"]
        lines += [f"  - {p.text(stack)}" for p in problems]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The typed configuration of one stack; field names are the keys in snake_case.

    Three fields are not keys: ``stack``, ``project`` and ``region`` (``aws:region``).
    """

    stack: str
    project: str
    region: str
    api_backend: str
    domain: str
    api_subdomain: str
    www_redirect: bool
    hosted_zone_id: str
    dns_provider: str
    certificate_arn: str
    site_mode: str
    waf: bool
    waf_rate_limit: int
    bedrock_models: tuple[str, ...]
    api_memory_mb: int
    api_cpu: int
    api_min_tasks: int
    api_max_tasks: int
    instance_type: str
    egress: str
    vpc_id: str
    subnet_ids: tuple[str, ...]
    api_image: str
    alarm_email: str
    monthly_budget_usd: float
    cost_anomaly_monitor: bool
    log_retention_days: int
    protect_data: bool
    public_chat: bool
    api_key_rotation_days: int
    origin_verify_generation: int
    secret_prefix: str
    api_gateway_account_role: str
    customer_key: bool
    api_max_concurrency: int
    api_standby: str
    api_spot_share: int
    api_work_hours: str

    @property
    def tags(self) -> dict[str, str]:
        """What every taggable resource carries; budget and anomaly monitor select by ``Stack``."""
        return {"Project": self.project, "Stack": self.stack, "ManagedBy": "pulumi"}

    @property
    def site_origins(self) -> tuple[str, ...]:
        """Origins the public chat accepts; empty without a domain: same-origin requests only."""
        return (f"https://{self.domain}",) if self.domain else ()


@dataclass(frozen=True)
class Key:
    """One configuration key.

    Attributes:
        name: camelCase, without the namespace.
        kind: ``string``, ``boolean``, ``integer``, ``number`` or ``array`` (of strings).
        default: used when the key is not set.
        choices: the allowed values, when they are few.
        low, high: inclusive bounds of a number.
    """

    name: str
    kind: str
    default: Any
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def field(self) -> str:
        """The field of Settings, in snake_case."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in self.name)


KEYS: tuple[Key, ...] = (
    Key("apiBackend", "string", "lambda", choices=BACKENDS),
    Key("domain", "string", ""),
    Key("apiSubdomain", "string", "api"),
    Key("wwwRedirect", "boolean", True),
    Key("hostedZoneId", "string", ""),
    Key("dnsProvider", "string", "route53", choices=("route53", "external")),
    Key("certificateArn", "string", ""),
    Key("siteMode", "string", "static", choices=("static", "spa")),
    Key("waf", "boolean", True),
    Key("wafRateLimit", "integer", 1000, low=WAF_RATE_LIMITS[0], high=WAF_RATE_LIMITS[1]),
    Key("bedrockModels", "array", DEFAULT_MODELS),
    # 0: what suits the backend. Lambda 128-10,240 MB; Fargate pairs: settings_rules.py.
    Key("apiMemoryMb", "integer", 0, low=0, high=122_880),
    Key("apiCpu", "integer", 0, choices=(0, 256, 512, 1024, 2048, 4096, 8192, 16384)),
    Key("apiMinTasks", "integer", 1, low=1, high=1000),
    Key("apiMaxTasks", "integer", 4, low=1, high=1000),
    Key("instanceType", "string", "t4g.small"),
    Key("egress", "string", "auto", choices=EGRESS),
    Key("vpcId", "string", ""),
    Key("subnetIds", "array", ()),
    Key("apiImage", "string", ""),
    Key("alarmEmail", "string", ""),
    Key("monthlyBudgetUsd", "number", 50.0, low=0.01, high=10_000_000),
    Key("costAnomalyMonitor", "boolean", False),
    Key("logRetentionDays", "integer", 30, choices=RETENTION_DAYS),
    Key("protectData", "boolean", False),
    Key("publicChat", "boolean", False),
    # Secrets Manager rotates at most every 1,000 days.
    Key("apiKeyRotationDays", "integer", 0, low=0, high=1000),
    Key("originVerifyGeneration", "integer", 1, low=1, high=1_000_000),
    Key("secretPrefix", "string", ""),
    Key("apiGatewayAccountRole", "string", "create", choices=("create", "existing")),
    Key("customerKey", "boolean", False),
    Key("apiMaxConcurrency", "integer", 0, low=0, high=100_000),
    Key("apiStandby", "string", "", choices=("", "lambda", "fargate", "ec2")),
    Key("apiSpotShare", "integer", 0, low=0, high=100),
    Key("apiWorkHours", "string", ""),
)


def load(
    config: Mapping[str, str], *, stack: str, project: str = NAMESPACE, secret_keys: Collection[str] = ()
) -> Settings:
    """Reads, types and checks the whole configuration.

    Args:
        config: ``namespace:key`` to value as Pulumi hands it over.
        stack: name of the stack, for defaults and messages.
        project: name of the project.
        secret_keys: keys of ``config`` whose values are encrypted in the stack file; no message shows them.

    Raises:
        SettingsError: anything is wrong; all of it is in the message.
    """
    problems: list[Problem] = []
    raw = {
        key.removeprefix(f"{NAMESPACE}:"): value
        for key, value in config.items()
        if key.startswith(f"{NAMESPACE}:")
    }
    known = {key.name: key for key in KEYS}
    for name in sorted(set(raw) - set(known)):
        # From 0.75 on it is a slip of the finger; below, another word, for which the list of keys says more.
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        hint = f"did you mean {close[0]}?" if close else f"the keys are: {', '.join(sorted(known))}"
        encrypted = f"{NAMESPACE}:{name}" in secret_keys
        # A key nobody declared may hold anything, a password set without --secret too.
        told = not encrypted and (bool(close) or not any(word in name.lower() for word in _TELLING))
        mend = f"pulumi config rm {name}"
        if close:
            value = f"'{raw[name]}'" if told else "<value>"
            option = "--secret " if encrypted else ""
            mend += f" && pulumi config set {option}{close[0]} {value}"
        shown = raw[name] if told else HIDDEN
        problems.append(Problem(name, shown, f"there is no such key; {hint}", mend))

    values: dict[str, Any] = {}
    for key in KEYS:
        if key.name not in raw:
            values[key.field] = tuple(key.default) if key.kind == "array" else key.default
            continue
        value, reason = _read(key, raw[key.name])
        if reason:
            problems.append(Problem(key.name, raw[key.name], reason, _set_command(key)))
            # Cross-field rules go on with the default, so that one typo hides no other problem.
            value = tuple(key.default) if key.kind == "array" else key.default
        values[key.field] = value

    region = config.get("aws:region", "")
    values["secret_prefix"] = values["secret_prefix"] or f"{NAMESPACE}/{stack}"
    settings = Settings(stack=stack, project=project, region=region, **values)
    problems += check_together(settings)
    if problems:
        secret = {name: value for name, value in raw.items() if f"{NAMESPACE}:{name}" in secret_keys}
        raise SettingsError([_without(secret, problem) for problem in problems], stack)
    return settings


def from_pulumi() -> Settings:
    """The settings of the running program.

    Raises:
        SettingsError: anything is wrong; all of it is in the message.
    """
    # pulumi.Config answers single keys only; a misspelt key shows only in the whole.
    config = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    from_env = runtime_config.get_config_secret_keys_env()
    secret = {key for key in config if key in from_env or runtime_config.is_config_secret(key)}
    return load(config, stack=pulumi.get_stack(), project=pulumi.get_project(), secret_keys=secret)


def _without(secret: Mapping[str, str], problem: Problem) -> Problem:
    """The problem without the values of encrypted keys, whichever key it is about."""
    reason, mend = problem.reason, problem.mend
    for value in secret.values():
        for part in _texts(value):
            reason, mend = reason.replace(part, HIDDEN), mend.replace(part, HIDDEN)
    value = HIDDEN if problem.key in secret else problem.value
    return replace(problem, value=value, reason=reason, mend=mend)


def _texts(value: str) -> Iterator[str]:
    """What of an encrypted value could stand in a sentence: the whole, and the items of a list."""
    items, reason = _array(value)
    # A shorter one ("3", "no") is a part of other words and tells nothing.
    yield from (part for part in (value, *(() if reason else items or ())) if len(part) > 3)


def _read(key: Key, text: str) -> tuple[Any, str]:
    """The typed value, or why it is none."""
    value, reason = _PARSERS[key.kind](text)
    if reason:
        return None, reason
    if key.choices and value not in key.choices:
        return None, f"allowed are: {', '.join(str(c) for c in key.choices)}"
    if (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
        return None, f"allowed is {_number(key.low)} to {_number(key.high)}"
    return value, ""


def _boolean(text: str) -> tuple[bool | None, str]:
    if text in ("true", "false"):
        return text == "true", ""
    return None, "allowed are: true, false"


def _integer(text: str) -> tuple[int | None, str]:
    try:
        return int(text), ""
    except ValueError:
        return None, "a whole number is wanted"


def _float(text: str) -> tuple[float | None, str]:
    try:
        value = float(text)
    except ValueError:
        return None, "a number is wanted"
    if value != value or value in (float("inf"), float("-inf")):
        return None, "a finite number is wanted"
    return value, ""


def _string(text: str) -> tuple[str | None, str]:
    if text != text.strip() or any(ord(c) < 32 for c in text):
        return None, "no blanks at the ends and no control characters are allowed"
    return text, ""


def _array(text: str) -> tuple[tuple[str, ...] | None, str]:
    try:
        value = json.loads(text)
    except ValueError:
        return None, "a list of strings is wanted"
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        return None, "a list of non-empty strings is wanted"
    if len(set(value)) != len(value):
        return None, "no value may stand twice"
    return tuple(value), ""


_PARSERS: dict[str, Callable[[str], tuple[Any, str]]] = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _float,
    "string": _string,
    "array": _array,
}


def _number(value: float | None) -> str:
    return f"{value:,g}" if value is not None and value < 1e6 else f"{value:,.0f}"


def _set_command(key: Key) -> str:
    example = key.default
    if key.kind == "boolean":
        example = str(key.default).lower()
    if key.kind == "array":
        return f"pulumi config set --path '{key.name}[0]' <value>"
    if key.choices:
        example = key.default if key.default in key.choices else key.choices[0]
        example = str(example)
    return f"pulumi config set {key.name} {example if example != '' else '<value>'}"


assert {key.field for key in KEYS} | {"stack", "project", "region"} == {f.name for f in fields(Settings)}
