"""What the models cost: no resource of the plan, and often the larger part of a bill."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ops.cost.model import World
from ops.cost.prices import Usage
from ops.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Models:
    """A month of model calls.

    Attributes:
        model: the stack's default model.
        calls: a month.
        usd_per_thousand: of calls as long as the usage file assumes.
        known: whether the price table knows the model, or its dearest price was taken.
        date: of that table.
    """

    model: str
    calls: float
    usd_per_thousand: float
    known: bool
    date: str

    @property
    def usd(self) -> float:
        """USD a month."""
        return self.calls * self.usd_per_thousand / 1000


def models(plan: Plan, usage: Usage) -> Models | None:
    """The price of the default model at a load; None for a stack without models.

    The price table is the one by which the API bounds what a request may spend.
    """
    from api_handler import prices

    raw = plan.config.get("orchestrator:bedrockModels") or plan.config.get("bedrockModels") or "[]"
    names = json.loads(raw) if isinstance(raw, str) else list(raw)
    world = World(plan, usage)
    if not names or not world.has_api:
        return None
    price = prices.price_of(names[0])
    one = price.usd(input_tokens=int(usage.input_tokens), output_tokens=int(usage.output_tokens))
    return Models(
        model=names[0],
        calls=world.model_calls,
        usd_per_thousand=one * 1000,
        known=price.known,
        date=prices.DATE,
    )
