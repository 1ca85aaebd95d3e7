"""An estimate as plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ops.cost.prices import Usage
from ops.plan import Plan, PlannedResource


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What a resource uses of one billing dimension in a month.

    Attributes:
        price: key in the price file.
        quantity: in the price's unit.
        note: what the quantity is made of, in a few words.
        common: whether the API has it on every backend alike (its table, its own logs and metrics).
    """

    price: str
    quantity: float
    note: str = ""
    common: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """A charge with its price.

    Attributes:
        component: the component of the program, ``OrchestratorApi``.
        service: as on a bill, ``Lambda``.
        type, resource: type token and logical name.
        price, unit: of the price file.
        quantity: all of it; ``free`` of it is within an always-free allowance.
        usd: what is left to pay.
        note: what the quantity is made of.
        common: of the charge.
    """

    component: str
    service: str
    type: str
    resource: str
    price: str
    unit: str
    quantity: float
    free: float
    usd: float
    note: str = ""
    common: bool = False


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A month of one stack.

    Attributes:
        stack, usage: which.
        lines: every charge, in the order of the plan.
        free_types: planned types that cost nothing, with the reason.
        unpriced: planned types that cost something that is not in the figures, with the reason.
        missing: planned types of which nothing is known; the figures are then too low.
        notes: what else to know.
    """

    stack: str
    usage: Usage
    lines: tuple[Line, ...]
    free_types: Mapping[str, str] = field(default_factory=dict)
    unpriced: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """USD a month."""
        return sum(line.usd for line in self.lines)

    def by(self, attribute: str) -> dict[str, float]:
        """USD a month by ``component``, ``service``, ``type`` or ``resource``, dearest first."""
        sums: dict[str, float] = {}
        for line in self.lines:
            key = getattr(line, attribute)
            sums[key] = sums.get(key, 0.0) + line.usd
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def of(self, *components: str) -> float:
        """USD a month of these components."""
        return sum(line.usd for line in self.lines if line.component in components)


class World:
    """What pricing a resource may look at: the plan, the month, and what follows from both."""

    def __init__(self, plan: Plan, usage: Usage) -> None:
        self.plan = plan
        self.usage = usage

    def all(self, type_: str) -> list[PlannedResource]:
        """Every planned resource of this type."""
        return self.plan.all(type_)

    def _checks(self, *, api: bool) -> float:
        """Requests of the Route 53 health checks of the API, or of the site: they pass what a viewer's pass.

        A check at 30 s from all Regions arrives every 2 to 3 seconds
        (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html).
        """
        total = 0.0
        for check in self.all("aws:route53/healthCheck:HealthCheck"):
            if str(check.inputs.get("resourcePath", "/")).startswith("/api") is not api:
                continue
            regions = check.inputs.get("regions") or ()
            share = len(regions) / 8 if regions else 1.0
            fast = 30 / float(check.inputs.get("requestInterval", 30))
            total += self.usage.hours * 3600 / self.usage.health_check_seconds * share * fast
        return total

    @cached_property
    def checks(self) -> float:
        """Requests of health checks that reach the API."""
        return self._checks(api=True)

    @cached_property
    def site_checks(self) -> float:
        """Requests of health checks that reach the site."""
        return self._checks(api=False)

    @cached_property
    def requests(self) -> float:
        """Requests that reach the API: those of people and those of health checks."""
        return (self.usage.requests + self.checks) if self.has_api else 0.0

    @cached_property
    def has_api(self) -> bool:
        """Whether the plan has anything that answers the API's requests."""
        return any(
            self.all(t)
            for t in (
                "aws:apigateway/restApi:RestApi",
                "aws:ecs/service:Service",
                "aws:ec2/instance:Instance",
            )
        )

    @property
    def model_calls(self) -> float:
        """Calls of a model; a health check makes none."""
        return self.usage.requests * self.usage.model_share if self.has_api else 0.0

    @property
    def busy_seconds(self) -> float:
        """Seconds that requests take, all together."""
        return self.usage.requests * self.usage.seconds + self.checks * self.usage.short_seconds

    @property
    def site_requests(self) -> float:
        """Requests for the site."""
        return self.usage.requests * self.usage.site_requests_per_api_request + self.site_checks

    @property
    def edge_requests(self) -> float:
        """Requests to the distribution."""
        return self.requests + self.site_requests

    @property
    def in_use(self) -> bool:
        """Whether anybody calls the API: metrics cost only in hours in which they have data."""
        return self.usage.requests > 0

    @property
    def gb(self) -> float:
        """KB in a GB, as AWS counts."""
        return 1024.0 * 1024.0


Pricer = Callable[[PlannedResource, World], Iterable[Charge]]

PRICED: dict[str, tuple[str, Pricer]] = {}
"""Type to (service, pricer); filled by ``ops.cost.pricers``."""


def priced(service: str, *types: str) -> Callable[[Pricer], Pricer]:
    """Registers a pricer for resource types."""

    def register(pricer: Pricer) -> Pricer:
        for type_ in types:
            if type_ in PRICED:
                raise ValueError(f"{type_} is priced twice")
            PRICED[type_] = (service, pricer)
        return pricer

    return register


def nested(value: Any, *path: str | int) -> Any:
    """A nested value or None."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
