"""The environment, read once; every problem in one message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api_handler.auth import ApiKey, parse_keys
from api_handler.configtext import strict_json
from api_handler.limits import Limits, PublicChat, parse_limits, parse_public_chat
from api_handler.registry import Registry, load_registry

DEFAULT_MODELS = ("global.anthropic.claude-haiku-5-5",)
_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]{0,2047}")


class SettingsError(Exception):
    """The environment is wrong.

    Args:
        problems: one sentence each; no value of a secret is quoted.
    """

    def __init__(self, problems: list[str]) -> None:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"The environment of the API is wrong ({len(problems)}):{lines}")
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the API was told.

    Attributes:
        api_keys: keys from ``API_KEYS``; they win over ``api_key_secret_arn``.
        api_key_secret_arn: ARN of the secret with the keys, or None.
        origin_verify: values of ``ORIGIN_VERIFY``; None: not set.
        origin_verify_secret_arn: ARN of the secret with those values, or None.
        table_name: DynamoDB table, or None for memory.
        models: models the agents may use; the first is the default.
        model_kind: ``bedrock``, or ``scripted`` when ``MODEL`` says so.
        public_chat: caps of the chat without a key; None: off.
        limits: ceilings of every request.
        registry: the agents.
        log_prompts: whether prompts and answers are logged.
        backend: ``lambda``, ``fargate``, ``ec2`` or ``local``; only told, never decided upon.
        function_name: the Lambda function this is, or None.
        worker_qualifier: alias through which the function invokes itself for runs.
        metric_namespace: CloudWatch namespace of the embedded metrics.
        max_concurrency: requests with a model that run at once; 0: no bound.
        site_index: path or URL of the site's search index, or None.
        alarm_prefix: beginning of the names of this deployment's alarms.
    """

    api_keys: tuple[ApiKey, ...] | None = None
    api_key_secret_arn: str | None = None
    origin_verify: tuple[str, ...] | None = None
    origin_verify_secret_arn: str | None = None
    table_name: str | None = None
    models: tuple[str, ...] = DEFAULT_MODELS
    model_kind: str = "bedrock"
    public_chat: PublicChat | None = None
    limits: Limits
    registry: Registry
    log_prompts: bool = False
    backend: str = "local"
    function_name: str | None = None
    worker_qualifier: str | None = None
    metric_namespace: str = "Orchestrator"
    max_concurrency: int = 0
    site_index: str | None = None
    alarm_prefix: str = ""


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the environment.

    An empty value counts as an unset one.

    Raises:
        SettingsError: with all problems at once.
    """
    reader = _Reader(environ)
    models = reader.models()
    settings: dict[str, Any] = {
        "api_keys": reader.parsed("API_KEYS", parse_keys),
        "api_key_secret_arn": reader.matching("API_KEY_SECRET_ARN", _ARN, "the ARN of a secret"),
        "origin_verify": reader.parsed("ORIGIN_VERIFY", parse_origin_verify),
        "origin_verify_secret_arn": reader.matching("ORIGIN_VERIFY_SECRET_ARN", _ARN, "the ARN of a secret"),
        "table_name": reader.matching("TABLE_NAME", _TABLE, "a DynamoDB table name of 3 to 255 characters"),
        "models": models,
        "model_kind": reader.choice("MODEL", ("bedrock", "scripted")),
        "public_chat": reader.parsed("PUBLIC_CHAT", parse_public_chat),
        "limits": reader.parsed("LIMITS", parse_limits) or Limits(),
        "registry": reader.registry(models),
        "log_prompts": reader.flag("LOG_PROMPTS"),
        "backend": environ.get("BACKEND") or _backend(environ),
        "function_name": environ.get("AWS_LAMBDA_FUNCTION_NAME") or None,
        "worker_qualifier": environ.get("WORKER_QUALIFIER") or None,
        "metric_namespace": environ.get("METRIC_NAMESPACE") or "Orchestrator",
        "max_concurrency": reader.whole("MAX_CONCURRENCY", 0, 100_000),
        "site_index": environ.get("SITE_INDEX") or None,
        "alarm_prefix": environ.get("ALARM_PREFIX") or "",
    }
    if reader.problems:
        raise SettingsError(reader.problems)
    return Settings(**settings)


def parse_origin_verify(text: str) -> tuple[str, ...]:
    """The accepted origin-verify values: a JSON list of strings.

    Raises:
        ValueError: with what is wrong, never with a value.
    """
    values = strict_json(text)
    if not isinstance(values, list) or not values:
        raise ValueError("must be a JSON list with at least one string")
    if not all(
        isinstance(value, str) and value and value.isascii() and value.isprintable() for value in values
    ):
        raise ValueError("must hold strings of printable ASCII only, none of them empty")
    return tuple(values)


def _backend(environ: Mapping[str, str]) -> str:
    if environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return "lambda"
    if environ.get("ECS_CONTAINER_METADATA_URI_V4"):
        return "fargate"
    return "local"


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def _wrong(self, key: str, problem: object) -> None:
        self.problems.append(f"{key} {problem}")

    def parsed(self, key: str, parse: Any) -> Any:
        text = self._environ.get(key)
        if not text:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self._wrong(key, error)
            return None

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str | None:
        text = self._environ.get(key)
        if not text:
            return None
        if not pattern.fullmatch(text):
            self._wrong(key, f"is {text[:100]!r}, which is not {what}")
        return text

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        text = self._environ.get(key) or allowed[0]
        if text not in allowed:
            self._wrong(key, f"is {text[:100]!r}; allowed: {', '.join(allowed)}")
        return text

    def flag(self, key: str) -> bool:
        text = (self._environ.get(key) or "false").lower()
        if text not in ("true", "false", "1", "0"):
            self._wrong(key, f"is {text[:100]!r}; allowed: true, false, 1, 0")
        return text in ("true", "1")

    def whole(self, key: str, default: int, maximum: int) -> int:
        text = self._environ.get(key)
        if not text:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > maximum:
            self._wrong(key, f"is {text[:100]!r}; allowed: a whole number from 0 to {maximum}")
            return default
        return int(text)

    def models(self) -> tuple[str, ...]:
        def parse(text: str) -> tuple[str, ...]:
            values = strict_json(text)
            if not isinstance(values, list) or not values:
                raise ValueError("must be a JSON list with at least one model id")
            for value in values:
                if not isinstance(value, str) or not _MODEL.fullmatch(value):
                    raise ValueError(
                        f"holds {str(value)[:100]!r}, which is not a model or inference-profile id"
                    )
            return tuple(dict.fromkeys(values))

        return self.parsed("BEDROCK_MODELS", parse) or DEFAULT_MODELS

    def registry(self, models: tuple[str, ...]) -> Registry | None:
        path = self._environ.get("AGENTS_FILE")
        source = Path(path) if path else Path(__file__).with_name("agents.toml")
        try:
            return load_registry(source.read_bytes(), models)
        except OSError as error:
            self._wrong("AGENTS_FILE", f"is {str(source)!r}, which cannot be read: {error.strerror}")
        except ValueError as error:
            for line in str(error).splitlines():
                self._wrong("AGENTS_FILE", line)
        return None
