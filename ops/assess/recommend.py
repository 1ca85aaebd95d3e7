"""Which backend fits what was seen, with the reasons for and against each."""

from __future__ import annotations

from dataclasses import dataclass

from ops.assess.checks.compute import MIN_CONCURRENCY
from ops.assess.model import Snapshot
from ops.assess.needed import missing

BACKENDS = ("lambda", "fargate", "ec2")

RESTING_USD = {"lambda": 1.0, "fargate": 78.0, "ec2": 20.0}
"""USD a month in us-east-1 before the first request, without model calls; `ops cost --compare` has the
itemised figure of the stack's own plan.

* lambda: two secrets and a few alarms; functions and API Gateway bill per request.
* fargate: two arm64 tasks of 0.5 vCPU and 1 GB (28.8), a load balancer (16.4), one NAT gateway (32.9).
* ec2: one t4g.small (12.3), 8 GB gp3 (0.6), one t4g.nano that translates addresses and its IPv4 (6.7).

https://aws.amazon.com/fargate/pricing/ https://aws.amazon.com/elasticloadbalancing/pricing/
https://aws.amazon.com/vpc/pricing/ https://aws.amazon.com/ec2/pricing/on-demand/
"""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One backend.

    Attributes:
        backend: value of ``apiBackend``.
        resting_usd: what it costs a month before the first request.
        pros, cons: sentences, those seen in the account first.
        blockers: why it cannot be brought up now.
    """

    backend: str
    resting_usd: float
    pros: tuple[str, ...]
    cons: tuple[str, ...]
    blockers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The backend to begin with, and all three side by side."""

    backend: str
    reasons: tuple[str, ...]
    options: tuple[Option, ...]


def recommend(snapshot: Snapshot) -> Recommendation:
    """Lambda unless the account speaks against it; a backend that was configured is kept."""
    options = tuple(_option(snapshot, backend) for backend in BACKENDS)
    chosen = snapshot.request.backend
    if chosen in BACKENDS:
        option = options[BACKENDS.index(chosen)]
        reasons = (f"stack '{snapshot.request.stack}' is configured for it.", *option.blockers, *option.pros)
        return Recommendation(backend=chosen, reasons=reasons, options=options)
    open_ = [option for option in options if not option.blockers] or list(options)
    # Whoever runs containers already has the network, the habits and the fixed costs.
    runs_containers = bool(snapshot["clusters"] and snapshot["load_balancers"])
    best = open_[0]
    if runs_containers and _few_functions(snapshot):
        best = next((option for option in open_ if option.backend == "fargate"), best)
    if best.blockers:
        reasons = best.blockers + best.pros
    else:
        out = tuple(f"{o.backend} is out for now: {'; '.join(o.blockers)}" for o in options if o.blockers)
        reasons = best.pros + out
    return Recommendation(backend=best.backend, reasons=reasons, options=options)


def _few_functions(s: Snapshot) -> bool:
    limit = (s["lambda_settings"] or {}).get("AccountLimit", {}).get("ConcurrentExecutions", MIN_CONCURRENCY)
    return limit < MIN_CONCURRENCY


def _option(s: Snapshot, backend: str) -> Option:
    pros, cons = {"lambda": _lambda, "fargate": _fargate, "ec2": _ec2}[backend](s)
    lacking = missing(s["simulation"], backend)
    other = set(missing(s["simulation"], "none"))
    own = [action for action in lacking if action not in other]
    blockers = (f"the caller may not {', '.join(own[:4])}{' …' if len(own) > 4 else ''}",) if own else ()
    return Option(
        backend=backend,
        resting_usd=RESTING_USD[backend],
        pros=tuple(pros),
        cons=tuple(cons),
        blockers=blockers,
    )


def _lambda(s: Snapshot) -> tuple[list[str], list[str]]:
    pros = [
        "nothing to pay while nobody asks, and nothing to patch.",
        "answers stream through a REST API for up to 15 minutes.",
    ]
    cons = ["the first request after a pause waits for a cold start."]
    if _few_functions(s):
        limit = s["lambda_settings"]["AccountLimit"]["ConcurrentExecutions"]
        cons.insert(0, f"this account runs {limit} functions at once until the quota is raised.")
    elif s["lambda_functions"]:
        pros.insert(0, f"{len(s['lambda_functions'])} functions run in this account already.")
    return pros, cons


def _fargate(s: Snapshot) -> tuple[list[str], list[str]]:
    pros = ["no cold start, no limit on the length of an answer, two zones."]
    cons = ["tasks, load balancer and NAT are paid by the hour, used or not."]
    if s["clusters"]:
        pros.insert(0, f"{len(s['clusters'])} ECS clusters run in this account already.")
    return pros, cons


def _ec2(s: Snapshot) -> tuple[list[str], list[str]]:
    pros = ["the cheapest that is always awake."]
    cons = ["one instance is one point of failure, and it must be patched."]
    if s["instances"]:
        pros.insert(0, f"{len(s['instances'])} instances run in this account already.")
    return pros, cons
