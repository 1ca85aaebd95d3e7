"""The price file and the usage file as data."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ops.errors import UsageError, did_you_mean

PRICES = Path(__file__).with_name("prices.toml")
USAGE = Path(__file__).with_name("usage.toml")


@dataclass(frozen=True, kw_only=True)
class Price:
    """One billing dimension.

    Attributes:
        key: its name in the price file.
        usd: price of one unit.
        unit: what is counted.
        source: AWS page.
        date: when it was last compared, ISO.
        confidence: ``high``, ``medium`` or ``low``.
        free: always-free units a month and account.
        note: what one should know.
    """

    key: str
    usd: float
    unit: str
    source: str
    date: str
    confidence: str
    free: float = 0.0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A month of use; the units are in usage.toml beside each value.

    Attributes:
        name: of the profile.
        requests: of the API.
    """

    name: str
    requests: float
    hours: float
    model_share: float
    model_seconds: float
    short_seconds: float
    input_tokens: float
    output_tokens: float
    request_kb: float
    response_kb: float
    model_kb: float
    peak_factor: float
    requests_per_task_second: float
    site_requests_per_api_request: float
    site_response_kb: float
    edge_cache_hits: float
    site_gb: float
    site_puts: float
    table_writes_per_request: float
    table_reads_per_request: float
    table_gb_per_million: float
    app_log_kb: float
    access_log_kb: float
    firewall_log_kb: float
    firewall_logged_share: float
    flow_log_kb: float
    log_compression: float
    custom_metrics: float
    agent_metrics: float
    insights_metrics_service: float
    insights_metrics_task: float
    secret_calls_per_hour: float
    kms_requests_per_request: float
    emails: float
    health_check_seconds: float

    @property
    def seconds(self) -> float:
        """How long a request takes on average."""
        return self.model_share * self.model_seconds + (1 - self.model_share) * self.short_seconds

    def at(self, name: str, requests: float) -> Usage:
        """The same month with another number of requests."""
        return replace(self, name=name, requests=requests)


def load_prices(path: Path = PRICES) -> dict[str, Price]:
    """Every price by key; an instance type's key is ``instance:<type>``."""
    raw = tomllib.loads(path.read_text("utf-8"))
    instances = raw.pop("instances")
    prices = {key: Price(key=key, **entry) for key, entry in raw.items()}
    by_type: Mapping[str, float] = instances.pop("usd")
    for type_, usd in by_type.items():
        key = f"instance:{type_}"
        prices[key] = Price(key=key, usd=usd, unit=f"{type_}-hour", **instances)
    return prices


def load_usage(path: Path | None = None) -> dict[str, Usage]:
    """Every profile by name, in the order of the file.

    Args:
        path: a file of the same shape whose values replace those of usage.toml; its profiles,
            if it names any, replace all.

    Raises:
        UsageError: the file is not there, no TOML, or has unknown keys or impossible values, all at once.
    """
    base = tomllib.loads(USAGE.read_text("utf-8"))
    own: dict[str, Any] = {}
    if path is not None:
        try:
            own = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise UsageError(f"--usage {path}: {error.strerror or error}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"--usage {path} is no TOML: {error}") from None
        _reject(path, own, base)
    assumptions = {**base["assumptions"], **own.get("assumptions", {})}
    profiles = own.get("profiles") or base["profiles"]
    return {
        name: Usage(name=name, requests=float(requests), **{k: float(v) for k, v in assumptions.items()})
        for name, requests in profiles.items()
    }


def _reject(path: Path, own: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    known = {f.name for f in fields(Usage)} - {"name", "requests"}
    problems = [
        f"[{section}] is unknown; known: {', '.join(base)}{did_you_mean(section, base)}"
        for section in own.keys() - base.keys()
    ]
    for section in ("assumptions", "profiles"):
        values = own.get(section, {})
        if not isinstance(values, Mapping):
            problems.append(f"{section} must be a table")
            continue
        for key, value in values.items():
            if section == "assumptions" and key not in known:
                problems.append(f"{key} is unknown{did_you_mean(key, known)}")
            elif isinstance(value, bool) or not isinstance(value, int | float) or not _possible(key, value):
                limit = "0 to 1" if key in _SHARES else "0 or more"
                problems.append(f"{key} = {value!r}: a number, {limit}")
    if problems:
        raise UsageError(f"--usage {path}:\n" + "\n".join(f"  {p}" for p in sorted(problems)))


_SHARES = frozenset({"model_share", "edge_cache_hits", "firewall_logged_share", "log_compression"})


def _possible(key: str, value: float) -> bool:
    return math.isfinite(value) and 0 <= value <= (1 if key in _SHARES else math.inf)
