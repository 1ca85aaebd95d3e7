"""What a stack publishes minute by minute, under a given load and given trouble."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from components.interfaces import ApiTelemetry, SiteTelemetry
from components.monitoring.metrics import model_dimension
from tests.components.monitoring.cloudwatch import World

COUNTERS = {"401": "Unauthorized", "404": "NotFound", "429": "RateLimited"}

Arrivals = Callable[[int], int]

CHECKS = 12
"""Health checks a minute: three Regions with two checkers each, every 30 seconds."""


def even(per_hour: float, phase: int = 0) -> Arrivals:
    """Requests in a minute when they come evenly; ``phase`` minutes later at a low load."""

    def count(minute: int) -> int:
        at = minute + phase
        return int((at + 1) * per_hour / 60) - int(at * per_hour / 60)

    return count


def at_random(per_hour: float, seed: int) -> Arrivals:
    """Requests in a minute when they come independently of one another (Poisson, low rates)."""
    dice = random.Random(seed)
    drawn: dict[int, int] = {}

    def count(minute: int) -> int:
        if minute not in drawn:
            # Knuth: as many as uniform numbers can be multiplied before falling below exp(-rate).
            number, product, floor = 0, dice.random(), math.exp(-per_hour / 60)
            while product > floor:
                number, product = number + 1, product * dice.random()
            drawn[minute] = number
        return drawn[minute]

    return count


@dataclass(frozen=True, kw_only=True)
class Minute:
    """How one minute goes; shares are of the requests.

    Attributes:
        crash: share of API requests the front door answers 5xx itself (no process, no record of the API).
        model_fails, model_throttled: share of API requests that end in 502 as Bedrock fails or throttles.
        status: share of API requests refused with 401, 404, 429.
        lambda_throttled: share of invocations Lambda refuses (5xx at the gateway).
        site_5xx, site_404: share of site requests.
        blocked: requests the firewall blocks, on top.
        unreachable: nothing arrives at all.
        healthy, unhealthy: targets; None: the target group has none, and reports nothing.
        tasks: running tasks.
        latency_ms: of every API request.
        usd: cost of one API request.
        status_check: of the instance; disk, memory in percent.
    """

    crash: float = 0
    model_fails: float = 0
    model_throttled: float = 0
    status: Mapping[str, float] = field(default_factory=dict)
    lambda_throttled: float = 0
    site_5xx: float = 0
    site_404: float = 0
    blocked: int = 0
    unreachable: bool = False
    healthy: int | None = 2
    unhealthy: int = 0
    tasks: int = 2
    latency_ms: float = 8000
    usd: float = 0.0005
    status_check: int = 0
    disk: float = 40
    memory: float = 50
    concurrency: int = 1
    queue: int = 0
    dropped: int = 0
    table_throttles: int = 0
    rotation_errors: int = 0
    certificate_days: float | None = 200


GOOD = Minute()


def publish(
    site: SiteTelemetry,
    api: ApiTelemetry | None,
    *,
    minutes: int,
    site_load: Arrivals,
    api_load: Arrivals,
    story: Callable[[int], Minute] = lambda _: GOOD,
    health_checks: bool = True,
) -> World:
    """The metrics of a stack over ``minutes``.

    Args:
        site, api: the stack.
        minutes: how long.
        site_load, api_load: requests by minute.
        story: what happens in each minute.
        health_checks: whether Route 53 probes.
    """
    world = World(minutes)
    carried = _Carry()
    for minute in range(minutes):
        now = story(minute)
        pages, calls = site_load(minute), api_load(minute) if api is not None else 0
        checks = CHECKS if health_checks else 0
        to_api = checks if api is not None else 0
        if now.unreachable:
            pages, calls, checks, to_api = 0, 0, 0, 0
        crashed = carried.share("crash", calls, now.crash)
        throttled = carried.share("throttled", calls - crashed, now.lambda_throttled)
        failed = carried.share("model", calls - crashed - throttled, now.model_fails)
        model_throttled = carried.share("model429", calls - crashed - throttled - failed, now.model_throttled)
        left = calls - crashed - throttled - failed - model_throttled
        refused = {s: carried.share(s, left, share) for s, share in now.status.items()}
        served = calls - crashed - throttled
        gateway_5xx = calls - served + round(to_api * max(now.crash, now.lambda_throttled))
        page_5xx = carried.share("site5", pages, now.site_5xx)
        page_404 = carried.share("site4", pages, now.site_404)

        edge_total = pages + calls + checks
        edge_5xx = page_5xx + gateway_5xx + failed + model_throttled
        edge_4xx = page_404 + sum(refused.values())
        _edge(world, minute, site, now, edge_total, edge_5xx, edge_4xx)
        if health_checks:
            broken = {"/": now.site_5xx >= 0.5, "/api/v1/health": max(now.crash, now.lambda_throttled) >= 0.5}
            for path, bad in broken.items():
                if (path == "/") != (api is None):
                    continue
                up = 0 if now.unreachable or bad else 1
                world.put(minute, "AWS/Route53", "HealthCheckStatus", {"HealthCheckId": f"check:{path}"}, up)
        world.put(minute, "AWS/Lambda", "Errors", {"FunctionName": "rotate"}, now.rotation_errors,
                  1 if now.rotation_errors else 0)  # fmt: skip
        if api is None:
            continue
        _front(world, minute, api, now, calls + checks, gateway_5xx, failed + model_throttled)
        _own(world, minute, api, now, served, failed + model_throttled, refused)
        _bedrock(world, minute, api, served - failed - model_throttled - sum(refused.values()),
                 failed, model_throttled)  # fmt: skip
        checks_refused = round(checks * now.lambda_throttled)
        _compute(world, minute, api, now, served + checks - checks_refused, throttled + checks_refused)
    return world


class _Carry:
    """Turns shares of few requests into whole ones: what is left over waits for the next minute."""

    def __init__(self) -> None:
        self._rest: dict[str, float] = {}

    def share(self, what: str, number: int, share: float) -> int:
        if share >= 1:
            return number
        exact = number * share + self._rest.get(what, 0.0)
        whole = min(number, int(exact + 1e-9))
        self._rest[what] = exact - whole
        return whole


def _edge(
    world: World, minute: int, site: SiteTelemetry, now: Minute, total: int, bad: int, refused: int
) -> None:
    distribution = {"DistributionId": site.distribution_id, "Region": "Global"}
    total_seen = total + now.blocked
    if total_seen:
        world.put(minute, "AWS/CloudFront", "Requests", distribution, total_seen)
        for name, count in (("5xxErrorRate", bad), ("4xxErrorRate", refused + now.blocked)):
            world.put(minute, "AWS/CloudFront", name, distribution, 100 * count / total_seen, total_seen)
    if site.web_acl_name is not None:
        acl = {"WebACL": site.web_acl_name, "Rule": "ALL"}
        world.put(minute, "AWS/WAFV2", "AllowedRequests", acl, total, 1 if total else 0)
        world.put(minute, "AWS/WAFV2", "BlockedRequests", acl, now.blocked, 1 if now.blocked else 0)
    if site.certificate_arn is not None and minute % 720 == 0 and now.certificate_days is not None:
        arn = {"CertificateArn": site.certificate_arn}
        world.put(minute, "AWS/CertificateManager", "DaysToExpiry", arn, now.certificate_days)


def _front(
    world: World, minute: int, api: ApiTelemetry, now: Minute, total: int, own: int, behind: int
) -> None:
    if api.rest_api is not None:
        stage = {"ApiName": api.rest_api.api_name, "Stage": api.rest_api.stage_name}
        world.put(minute, "AWS/ApiGateway", "5XXError", stage, 1, own + behind)
        world.put(minute, "AWS/ApiGateway", "5XXError", stage, 0, total - own - behind)
    if api.load_balancer is not None:
        balancer = {"LoadBalancer": api.load_balancer.load_balancer}
        targets = {**balancer, "TargetGroup": api.load_balancer.target_group}
        for name, count in (
            ("RequestCount", total - own),
            ("HTTPCode_Target_5XX_Count", behind),
            ("HTTPCode_ELB_5XX_Count", own),
        ):
            world.put(minute, "AWS/ApplicationELB", name, balancer, count, 1 if count else 0)
        if now.healthy is not None:
            world.put(minute, "AWS/ApplicationELB", "HealthyHostCount", targets, now.healthy)
            world.put(minute, "AWS/ApplicationELB", "UnHealthyHostCount", targets, now.unhealthy)


def _own(
    world: World,
    minute: int,
    api: ApiTelemetry,
    now: Minute,
    served: int,
    failed: int,
    refused: Mapping[str, int],
) -> None:
    space = api.metric_namespace
    good = served - failed - sum(refused.values())
    world.put(minute, space, "Requests", {}, 1, served)
    for status, count in refused.items():
        world.put(minute, space, COUNTERS[status], {}, 1, count)
    world.put(minute, space, "Errors", {}, 1, failed)
    world.put(minute, space, "Errors", {}, 0, served - failed)
    world.put(minute, space, "Latency", {}, now.latency_ms, good)
    world.put(minute, space, "Usd", {}, now.usd, good)


def _bedrock(world: World, minute: int, api: ApiTelemetry, good: int, failed: int, throttled: int) -> None:
    model = {"ModelId": model_dimension(api.models[0])}
    for name, count in (
        ("Invocations", good),
        ("InvocationServerErrors", failed),
        ("InvocationThrottles", throttled),
    ):
        world.put(minute, "AWS/Bedrock", name, model, 1, count)


def _compute(world: World, minute: int, api: ApiTelemetry, now: Minute, runs: int, throttled: int) -> None:
    if api.function is not None:
        name = {"FunctionName": api.function.function_name}
        queue = {"QueueName": api.function.failure_queue_name}
        world.put(minute, "AWS/Lambda", "Invocations", name, 1, runs)
        world.put(minute, "AWS/Lambda", "Throttles", name, throttled, 1 if throttled else 0)
        world.put(minute, "AWS/Lambda", "ConcurrentExecutions", name, now.concurrency, 1 if runs else 0)
        world.put(minute, "AWS/Lambda", "AsyncEventsDropped", name, now.dropped, 1 if now.dropped else 0)
        world.put(minute, "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, now.queue)
    if api.table_name is not None:
        throttles = now.table_throttles
        world.put(minute, "AWS/DynamoDB", "WriteThrottleEvents", {"TableName": api.table_name}, throttles,
                  1 if throttles else 0)  # fmt: skip
    if api.service is not None:
        service = {"ClusterName": api.service.cluster_name, "ServiceName": api.service.service_name}
        world.put(minute, "AWS/ECS", "CPUUtilization", service, 30, now.tasks)
        world.put(minute, "AWS/ECS", "MemoryUtilization", service, now.memory, now.tasks)
    if api.instance is not None:
        instance = {"InstanceId": api.instance.instance_id}
        world.put(minute, "AWS/EC2", "StatusCheckFailed", instance, now.status_check)
        world.put(minute, api.instance.namespace, "disk_used_percent", instance, now.disk)
        world.put(minute, api.instance.namespace, "mem_used_percent", instance, now.memory)
