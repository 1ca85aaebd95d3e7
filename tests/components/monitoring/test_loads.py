"""Every alarm judged at ten, a thousand and a hundred thousand requests an hour."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from components.interfaces import ApiTelemetry, SecretsTelemetry
from components.monitoring.alarms import EVERYTHING, every_alarm
from components.monitoring.spec import Watched
from tests.components.monitoring.cloudwatch import ALARM, World, first_alarm, states
from tests.components.monitoring.support import BACKENDS, site
from tests.components.monitoring.traffic import GOOD, Minute, at_random, even, publish

LOADS = (10, 1000, 100_000)
START = 60
"""Minute the trouble begins, after a good hour."""


def watched(backend: str, production: bool = True, budget: float = 3000) -> Watched:
    name: Any = "rotate"
    path = "/" if backend == "none" else "/api/v1/health"
    return Watched(
        site=site(health_path=None) if backend == "none" else site(),
        api=BACKENDS[backend](),
        secrets=SecretsTelemetry(rotation_function_name=name),
        health_checks={path: f"check:{path}"} if production else {},
        monthly_budget_usd=budget,
        production=production,
    )


def live(
    backend: str,
    load: float,
    story: Callable[[int], Minute],
    *,
    minutes: int = START + 90,
    production: bool = True,
    phase: int = 0,
) -> World:
    api: ApiTelemetry | None = BACKENDS[backend]()
    return publish(
        site(),
        api,
        minutes=minutes,
        site_load=even(load, phase),
        api_load=even(load, phase + 2),
        story=story,
        health_checks=production,
    )


def from_start(trouble: Minute) -> Callable[[int], Minute]:
    return lambda minute: trouble if minute >= START else GOOD


def rung(watch: Watched, world: World) -> dict[str, float]:
    """Key to minutes from START, of every alarm that rang."""
    times = {spec.key: first_alarm(spec, world, START) for spec in every_alarm(watch)}
    return {key: time for key, time in times.items() if time < math.inf}


def paged(watch: Watched, world: World) -> float:
    """Minutes until "the service is down" rings: the first of its members."""
    found = rung(watch, world)
    return min(
        (found[s.key] for s in every_alarm(watch) if s.severity == "page" and s.key in found),
        default=math.inf,
    )


# --- total outages


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
@pytest.mark.parametrize(
    ("trouble", "minutes"),
    [
        (Minute(crash=1, lambda_throttled=0, healthy=0, unhealthy=2), 5),
        (Minute(unreachable=True), 5),
    ],
    ids=["process", "dns"],
)
def test_production_is_paged_in_minutes(backend: str, load: int, trouble: Minute, minutes: int) -> None:
    assert 0 < paged(watched(backend), live(backend, load, from_start(trouble))) <= minutes


@pytest.mark.parametrize(("load", "minutes"), [(10, 30), (1000, 15), (100_000, 15)])
@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
@pytest.mark.parametrize("production", [True, False])
def test_a_model_that_fails_every_request_is_paged_though_health_checks_pass(
    backend: str, load: int, minutes: int, production: bool
) -> None:
    for phase in range(6) if load == 10 else (0,):
        world = live(backend, load, from_start(Minute(model_fails=1)), production=production, phase=phase)
        assert 0 < paged(watched(backend, production), world) <= minutes, phase


@pytest.mark.parametrize(
    ("backend", "load", "minutes"),
    [
        ("lambda", 10, 30),
        ("lambda", 1000, 5),
        ("lambda", 100_000, 5),
        ("fargate", 10, 5),
        ("fargate", 1000, 5),
        ("ec2", 10, 30),
        ("ec2", 1000, 15),
        ("ec2", 100_000, 15),
    ],
)
def test_without_health_checks_the_load_itself_shows_a_dead_process(
    backend: str, load: int, minutes: int
) -> None:
    trouble = Minute(crash=1, healthy=0)
    for phase in range(6) if load == 10 else (0,):
        world = live(backend, load, from_start(trouble), production=False, phase=phase)
        assert 0 < paged(watched(backend, False), world) <= minutes, phase


@pytest.mark.slow
def test_ten_requests_an_hour_at_random_times_are_enough() -> None:
    """No health checks, Poisson arrivals: of 100 outages at least 95 % are paged within the hour."""
    seen = 0
    for seed in range(100):
        world = publish(
            site(),
            BACKENDS["lambda"](),
            minutes=START + 60,
            site_load=at_random(10, seed),
            api_load=at_random(10, seed + 1000),
            story=from_start(Minute(crash=1)),
            health_checks=False,
        )
        seen += paged(watched("lambda", production=False), world) <= 60
    assert seen >= 95


def test_outside_production_nothing_tells_a_dns_failure_from_a_quiet_night() -> None:
    """What docs/operations.md says is not seen: no request, no metric, and no health check in dev."""
    world = live("lambda", 1000, from_start(Minute(unreachable=True)), production=False)
    assert rung(watched("lambda", production=False), world) == {}


# --- one case for each alarm


@dataclass(frozen=True)
class Case:
    """Trouble at a load, the alarms it must ring, and within how many minutes."""

    trouble: Minute
    rings: dict[str, float]
    loads: tuple[int, ...] = LOADS
    backend: str = "lambda"
    silent: tuple[str, ...] = ()
    minutes: int = START + 120


ERRORS, THROTTLES = "bedrock-errors-us-amazon-nova-lite-v1-0", "bedrock-throttles-us-amazon-nova-lite-v1-0"
BUSY = (1000, 100_000)

CASES: dict[str, Case] = {
    "process": Case(Minute(crash=1), {"gateway-errors-fast": 5, "gateway-errors": 30, "health-check-api": 3}),
    "site alone": Case(Minute(site_5xx=1), {"site-errors": 30, "health-check-site": 3}, backend="none"),
    "site alone, busy": Case(Minute(site_5xx=1), {"site-errors-fast": 5}, BUSY, backend="none"),
    "site beside an API that lives": Case(
        Minute(site_5xx=1), {"site-errors": 30}, silent=("health-check-api", "gateway-errors", "api-errors")
    ),
    "one in ten fails": Case(
        Minute(model_fails=0.12), {"gateway-errors": 20, "api-errors": 20, ERRORS: 20}, BUSY
    ),
    "bedrock fails": Case(Minute(model_fails=1), {"api-errors": 30, ERRORS: 30}),
    "bedrock throttles": Case(Minute(model_throttled=1), {THROTTLES: 30, "api-errors": 30}, silent=(ERRORS,)),
    "lambda throttles": Case(Minute(lambda_throttled=1), {"function-throttles": 30}),
    "no targets": Case(Minute(healthy=None, crash=1), {"no-healthy-target": 5}, backend="fargate"),
    "unhealthy targets": Case(Minute(healthy=0, unhealthy=2), {"no-healthy-target": 3}, backend="fargate"),
    "balancer": Case(
        Minute(crash=1), {"balancer-errors-fast": 5, "balancer-errors": 30}, backend="fargate"
    ),
    "one target of two": Case(
        Minute(healthy=1, unhealthy=1),
        {"unhealthy-target": 15},
        backend="fargate",
        silent=("no-healthy-target",),
    ),
    "a task short": Case(Minute(tasks=1), {"tasks-missing": 15}, backend="fargate"),
    "no tasks": Case(Minute(tasks=0, healthy=None), {"tasks-missing": 15}, backend="fargate"),
    "task memory": Case(Minute(memory=95), {"task-memory": 20}, backend="fargate"),
    "instance": Case(Minute(status_check=1), {"instance-down": 6}, backend="ec2"),
    "disk": Case(Minute(disk=91), {"disk-full": 35}, backend="ec2"),
    "instance memory": Case(Minute(memory=95), {"instance-memory": 20}, backend="ec2"),
    "failing api on an instance": Case(
        Minute(model_fails=1), {"api-errors-fast": 5}, BUSY, backend="ec2"
    ),
    "slow": Case(Minute(latency_ms=50_000), {"api-latency": 60}),
    "concurrency": Case(Minute(concurrency=19), {"function-concurrency": 10}),
    "failure queue": Case(Minute(queue=1), {"failure-queue": 5}),
    "dropped work": Case(Minute(dropped=1), {"background-work-lost": 5}),
    "table": Case(Minute(table_throttles=5), {"table-throttles": 15}),
    "rotation": Case(Minute(rotation_errors=1), {"rotation-failed": 5}),
    "spend": Case(Minute(usd=25), {"spend": 60}),
    "spend of many": Case(Minute(usd=0.2), {"spend": 60}, BUSY),
    "401 storm": Case(Minute(status={"401": 1}), {"unauthorized-storm": 15}, BUSY),
    "401 for a third": Case(Minute(status={"401": 0.34}), {"unauthorized-storm": 15}, BUSY),
    "404 storm": Case(Minute(status={"404": 1}), {"not-found-storm": 15}, BUSY),
    "429 storm": Case(Minute(status={"429": 0.5}), {"rate-limited-storm": 15}, BUSY),
    "locked out at a low load": Case(
        Minute(status={"401": 1}), {"locked-out": 120}, (10,), silent=("unauthorized-storm",)
    ),
    "missing release": Case(Minute(site_404=1), {"site-not-found": 15}, BUSY),
    "firewall": Case(Minute(blocked=4000), {"firewall-spike": 15}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_trouble_rings(name: str) -> None:
    case = CASES[name]
    for load in case.loads:
        found = rung(
            watched(case.backend), live(case.backend, load, from_start(case.trouble), minutes=case.minutes)
        )
        for key, within in case.rings.items():
            assert 0 < found.get(key, math.inf) <= within, (load, key, found)
        for key in case.silent:
            assert key not in found, (load, key)


def test_every_alarm_has_a_case() -> None:
    """A new alarm comes with the trouble it is for."""
    told = {key for case in CASES.values() for key in case.rings} | {"certificate-expiry"}
    for backend in ("lambda", "fargate", "ec2"):
        keys = {spec.key for spec in every_alarm(watched(backend))}
        without_second_model = {key for key in keys if "nova-pro" not in key}
        assert without_second_model <= told, without_second_model - told
    assert {spec.runbook for spec in every_alarm(EVERYTHING)} <= {
        spec.runbook for backend in ("lambda", "fargate", "ec2") for spec in every_alarm(watched(backend))
    }


# --- what must not ring


@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
def test_a_quiet_night_rings_nothing(backend: str, production: bool) -> None:
    """Eight hours of two requests an hour, some bots, one failure, a blocked probe, and a lone 401."""
    for seed in range(2):

        def story(minute: int, seed: int = seed) -> Minute:
            if minute == 200 + seed * 7:
                return Minute(model_fails=1, crash=0)
            if minute == 333 + seed:
                return Minute(site_5xx=1, status={"401": 1})
            bots = 3 if minute % 20 == seed else 0
            return Minute(site_404=0.5, blocked=bots, status={"404": 0.3})

        world = publish(
            site(),
            BACKENDS[backend](),
            minutes=8 * 60,
            site_load=at_random(6, seed),
            api_load=at_random(2, seed + 50),
            story=story,
            health_checks=production,
        )
        assert rung(watched(backend, production), world) == {}


def pausing() -> Watched:
    """A development stack on Fargate that stops at night."""
    watch = watched("fargate", production=False)
    assert watch.api is not None
    assert watch.api.service is not None
    return replace(watch, api=replace(watch.api, service=replace(watch.api.service, pauses=True)))


def test_a_service_that_stops_at_night_rings_nothing_then() -> None:
    """Six minutes in which the last targets drain, then a night without any, then a start."""

    def story(minute: int) -> Minute:
        if START <= minute < START + 6:
            return Minute(tasks=1, healthy=0)
        if START + 6 <= minute < START + 600:
            return Minute(tasks=0, healthy=None)
        if START + 600 <= minute < START + 603:
            return Minute(tasks=1, healthy=0)
        return GOOD

    world = live("fargate", 0, story, minutes=START + 700, production=False)
    assert rung(pausing(), world) == {}
    assert {"no-healthy-target", "tasks-missing"} <= set(rung(watched("fargate", production=False), world))


@pytest.mark.parametrize(
    ("trouble", "key", "within"),
    [
        (Minute(healthy=0, unhealthy=2), "no-healthy-target", 11),
        (Minute(tasks=1), "tasks-missing", 15),
    ],
)
def test_a_service_that_stops_at_night_rings_when_it_fails_by_day(
    trouble: Minute, key: str, within: float
) -> None:
    world = live("fargate", 0, from_start(trouble), production=False)
    assert 0 < rung(pausing(), world).get(key, math.inf) <= within


@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
def test_a_night_without_a_single_request_rings_nothing(backend: str) -> None:
    world = live(backend, 0, lambda _: GOOD, minutes=12 * 60)
    assert rung(watched(backend), world) == {}


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
def test_a_deployment_rings_nothing(backend: str, load: int) -> None:
    """Two minutes of nothing but errors, within a five-minute period and across two."""
    for shift in (0, 3, 4):
        begin = START + shift

        def story(minute: int, begin: int = begin) -> Minute:
            if begin <= minute < begin + 2:
                return Minute(crash=1, healthy=0, unhealthy=2, tasks=1)
            return GOOD

        assert rung(watched(backend), live(backend, load, story)) == {}, shift


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
def test_a_normal_day_rings_nothing(backend: str, load: int) -> None:
    """0.3 % server errors, 1 % without a key, 4 % not found, 0.5 % limited, a few blocked."""
    usual = Minute(
        model_fails=0.002,
        crash=0.001,
        status={"401": 0.01, "404": 0.04, "429": 0.005},
        site_404=0.03,
        site_5xx=0.001,
        blocked=load // 60 // 20,
        latency_ms=20_000,
        usd=0.0004,
    )
    assert rung(watched(backend), live(backend, load, lambda _: usual, minutes=8 * 60)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["lambda", "fargate", "ec2"])
def test_single_failures_at_random_do_not_add_up(backend: str) -> None:
    """Twelve hours, a request a minute, one in five hundred fails; with and without health checks."""
    for seed, production in enumerate((True, False)):
        fails = at_random(60 / 500, seed + 7)
        world = publish(
            site(),
            BACKENDS[backend](),
            minutes=12 * 60,
            site_load=at_random(60, seed),
            api_load=at_random(60, seed + 1),
            story=lambda minute, fails=fails: Minute(model_fails=1) if fails(minute) else GOOD,
            health_checks=production,
        )
        assert rung(watched(backend, production), world) == {}


# --- missing data


def spec_of(key: str, backend: str = "lambda"):
    return next(spec for spec in every_alarm(watched(backend)) if spec.key == key)


def test_the_certificate_alarm_stays_once_the_certificate_has_ended() -> None:
    day = 1440
    certificate = {"CertificateArn": site().certificate_arn}
    world = World(20 * day)
    for half in range(2 * 10):
        world.put(half * day // 2, "AWS/CertificateManager", "DaysToExpiry", certificate, 31.5 - half / 2)
    found = states(spec_of("certificate-expiry"), world)
    assert [minute // day for minute, state in found if state == ALARM] == list(range(3, 21))


def test_a_silent_agent_is_told() -> None:
    world = live("ec2", 100, lambda _: GOOD, minutes=START + 120)
    world.silence("agent/prod", range(START, START + 120))
    assert rung(watched("ec2"), world) == {"disk-full": pytest.approx(40, abs=10)}


def test_the_table_alarm_ends_with_the_throttling() -> None:
    def story(minute: int) -> Minute:
        return Minute(table_throttles=50 if START <= minute < START + 30 else 0)

    found = states(spec_of("table-throttles"), live("lambda", 100, story))
    ringing = [minute for minute, state in found if state == ALARM]
    assert ringing[0] == START + 10
    assert ringing[-1] == START + 35


def test_a_queue_that_stops_reporting_keeps_its_alarm_until_it_is_emptied() -> None:
    def story(minute: int) -> Minute:
        return Minute(queue=1 if START <= minute < START + 100 else 0)

    world = live("lambda", 100, story, minutes=START + 180)
    world.silence("AWS/SQS", range(START + 20, START + 100))
    ringing = [m for m, state in states(spec_of("failure-queue"), world) if state == ALARM]
    assert (ringing[0], ringing[-1]) == (START + 5, START + 100)
