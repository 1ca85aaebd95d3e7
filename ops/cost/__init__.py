"""The monthly price of a stack, from the resources it plans.

Prices are list prices of us-east-1 with source and date (prices.toml); what is
assumed of a month stands in usage.toml. Always-free allowances are taken off as
if the stack were alone in its account; 12-month offers and credits are not.
What models cost is no resource and stands apart (``bedrock``).
"""

from __future__ import annotations

from ops.cost import pricers  # noqa: F401  (registers what each type costs)
from ops.cost.model import PRICED, Estimate, Line, World
from ops.cost.pricers.free import FREE, UNPRICED
from ops.cost.prices import Price, Usage, load_prices, load_usage
from ops.plan import Plan, PlannedResource

__all__ = ["Estimate", "Line", "Price", "Usage", "estimate", "load_prices", "load_usage", "monthly_line"]

PRICED_REGION = "us-east-1"


def estimate(plan: Plan, usage: Usage | None = None, *, count_free: bool = True) -> Estimate:
    """What a stack costs in a month.

    Args:
        plan: of a rehearsal.
        usage: the month; None: the profile ``idle``.
        count_free: take always-free allowances off.

    Returns:
        Every charge; types that are free, unpriced or unknown are named.
    """
    usage = usage or load_usage()["idle"]
    prices = load_prices()
    world = World(plan, usage)
    allowance = {key: price.free if count_free else 0.0 for key, price in prices.items()}
    lines: list[Line] = []
    free: dict[str, str] = {}
    unpriced: dict[str, str] = {}
    missing: set[str] = set()
    for resource in plan.custom():
        if resource.type in PRICED:
            lines += _lines(resource, world, prices, allowance, unpriced)
        elif resource.type in FREE:
            free[resource.type] = FREE[resource.type]
        elif resource.type in UNPRICED:
            unpriced[resource.type] = UNPRICED[resource.type]
        else:
            missing.add(resource.type)
    return Estimate(
        stack=plan.stack,
        usage=usage,
        lines=tuple(lines),
        free_types=free,
        unpriced=unpriced,
        missing=tuple(sorted(missing)),
        notes=_notes(plan, world),
    )


def _lines(
    resource: PlannedResource,
    world: World,
    prices: dict[str, Price],
    allowance: dict[str, float],
    unpriced: dict[str, str],
) -> list[Line]:
    service, pricer = PRICED[resource.type]
    lines = []
    for charge in pricer(resource, world):
        price = prices.get(charge.price)
        if price is None:
            unpriced[charge.price] = f"{resource.name}: {charge.price} is not in the price file"
            continue
        if not charge.quantity:
            continue
        free = min(allowance[price.key], charge.quantity)
        allowance[price.key] -= free
        lines.append(
            Line(
                component=component(resource),
                service=service,
                type=resource.type,
                resource=resource.name,
                price=price.key,
                unit=price.unit,
                quantity=charge.quantity,
                free=free,
                usd=(charge.quantity - free) * price.usd,
                note=charge.note,
                common=charge.common,
            )
        )
    return lines


def component(resource: PlannedResource) -> str:
    """The outermost component a resource belongs to, by its URN: ``OrchestratorApi``."""
    chain = resource.urn.split("::")[2] if resource.urn.count("::") >= 3 else ""
    first = chain.split("$")[0]
    return first.rsplit(":", 1)[-1] if "$" in chain else "program"


def _notes(plan: Plan, world: World) -> tuple[str, ...]:
    notes = []
    if plan.region != PRICED_REGION:
        notes.append(f"the stack is in {plan.region}; the prices are those of {PRICED_REGION}")
    checks = world.checks + world.site_checks
    if checks:
        notes.append(f"health checks make {checks:,.0f} requests a month, counted like any other")
    return tuple(notes)


def monthly_line(plan: Plan) -> str:
    """The last line of a preview: what the stack costs when nobody uses it, and of what."""
    idle = estimate(plan)
    parts = [f"{service} {usd:.2f}" for service, usd in idle.by("service").items() if usd >= 0.01]
    text = f"idle ≈ ${idle.total:.2f}/month"
    if parts:
        text += f" ({', '.join(parts[:4])}{', …' if len(parts) > 4 else ''})"
    if idle.missing:
        text += f"; without {', '.join(idle.missing)}"
    return f"{text}; with traffic: python -m ops cost --stack {plan.stack}"
