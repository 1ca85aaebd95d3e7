"""The backends side by side: what each costs at every load, against the estimates the project began with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ops.cost import estimate
from ops.cost.model import Estimate
from ops.cost.prices import Usage
from ops.plan import Plan

API = "OrchestratorApi"
"""The component whose resources are the backend's own."""

AGREED_LOAD = "1 million"
"""The profile the estimates below are for."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to run the API.

    Attributes:
        title: of the column.
        settings: over those of the stack.
        expected_usd: the estimate the project began with, a month at the agreed load, without Bedrock.
        expected_of: what that estimate was made of.
        limit: share of it that the backend may cost; None: no limit was set.
    """

    title: str
    settings: Mapping[str, str]
    expected_usd: float
    expected_of: str
    limit: float | None = None


VARIANTS: tuple[Variant, ...] = (
    Variant(
        title="Lambda",
        settings={"apiBackend": "lambda"},
        expected_usd=3.70,
        expected_of="Lambda 0.20 + API Gateway 3.50",
    ),
    Variant(
        title="Fargate, public-ip",
        settings={"apiBackend": "fargate", "egress": "public-ip", "apiMinTasks": "2"},
        expected_usd=80.0,
        expected_of="2 tasks 60 + load balancer 20",
        limit=0.60,
    ),
    Variant(
        title="Fargate, nat",
        settings={"apiBackend": "fargate", "egress": "nat", "apiMinTasks": "2"},
        expected_usd=80.0,
        expected_of="2 tasks 60 + load balancer 20",
        limit=1.00,
    ),
    Variant(
        title="EC2, nat-instance",
        settings={"apiBackend": "ec2", "egress": "nat-instance"},
        expected_usd=32.0,
        expected_of="t3.medium 30 + volume 2",
        limit=0.70,
    ),
)
"""The columns of ``ops cost --compare``."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A variant and its estimates by profile."""

    variant: Variant
    estimates: Mapping[str, Estimate]

    def backend(self, profile: str) -> float:
        """USD a month of the backend's own resources: without what the API has on every backend alike."""
        return sum(
            line.usd for line in self.estimates[profile].lines if line.component == API and not line.common
        )

    def common(self, profile: str) -> float:
        """USD a month of the API's table, its own logs and metrics."""
        return self.estimates[profile].of(API) - self.backend(profile)

    @property
    def share(self) -> float | None:
        """Backend's own price at the agreed load, as a share of the first estimate."""
        if AGREED_LOAD not in self.estimates:
            return None
        return self.backend(AGREED_LOAD) / self.variant.expected_usd

    @property
    def within(self) -> bool | None:
        """Whether the limit is kept; None: there is none, or the load is not among the profiles."""
        if self.variant.limit is None or self.share is None:
            return None
        return self.share <= self.variant.limit


def compare(
    planned: Callable[[Mapping[str, str]], Plan],
    profiles: Mapping[str, Usage],
    *,
    count_free: bool = True,
    variants: Sequence[Variant] = VARIANTS,
) -> list[Column]:
    """Plans the stack once a variant and prices it at every load.

    Args:
        planned: settings over those of the stack to the plan.
        profiles: loads by name.
        count_free: take always-free allowances off.
        variants: the columns.
    """
    columns = []
    for variant in variants:
        plan = planned(variant.settings)
        columns.append(
            Column(
                variant=variant,
                estimates={
                    name: estimate(plan, usage, count_free=count_free) for name, usage in profiles.items()
                },
            )
        )
    return columns
