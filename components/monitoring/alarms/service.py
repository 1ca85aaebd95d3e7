"""Alarms on what the API says of itself in its embedded metrics; health checks are not counted there."""

from __future__ import annotations

from components.monitoring.metrics import API_NAMESPACE, Metric, metric
from components.monitoring.spec import HOUR, MINUTE, AlarmSpec, Watched, rate

LATENCY_MS = 45_000
"""Three quarters of the 60 s CloudFront waits for a byte. An answer takes seconds to tens of seconds,
as a model writes it; near this limit requests begin to be cut off."""


def own(watched: Watched, name: str, stat: str) -> Metric:
    """An embedded metric of the API over all requests."""
    assert watched.api is not None
    return metric(API_NAMESPACE, name, stat, {}, namespace=watched.api.metric_namespace)


def alarms(watched: Watched) -> list[AlarmSpec]:
    """Errors and latency as the API counts them, and what it spends."""
    api = watched.api
    if api is None:
        return []
    counts = {"errors": own(watched, "Errors", "Sum"), "requests": own(watched, "Requests", "Sum")}
    found = [
        # Where health checks come every few seconds, the rate in front of the API drowns ten failing
        # requests an hour; here they are not counted.
        AlarmSpec(
            key="api-errors",
            title="The API keeps failing its callers",
            meaning="At least 10 % of the requests ended in 5xx in three of six five-minute periods, most "
            "often "
            "because the model, the table or the secret cannot be reached.",
            metrics=counts,
            expression=rate(["errors"], ["requests"]),
            periods=6,
            datapoints=3,
            threshold=10,
            severity="page",
        ),
        AlarmSpec(
            key="api-latency",
            title="One request in twenty takes too long",
            meaning=f"The 95th percentile of the API's answers lay above {LATENCY_MS // 1000} s in three "
            "of four "
            "quarters of an hour.",
            metrics={"m": own(watched, "Latency", "p95")},
            period_s=15 * MINUTE,
            periods=4,
            datapoints=3,
            threshold=LATENCY_MS,
            production_only=True,
        ),
        AlarmSpec(
            key="spend",
            title="The models spend a day's money in an hour",
            meaning=f"In one hour the models cost at least {hourly_limit(watched.monthly_budget_usd):.2f} "
            "USD, "
            "a thirtieth of the monthly budget.",
            metrics={"m": own(watched, "Usd", "Sum")},
            period_s=HOUR,
            threshold=hourly_limit(watched.monthly_budget_usd),
        ),
    ]
    if api.rest_api is None and api.load_balancer is None:
        # Nothing in front of the API reports: the API's own counts must see a sudden outage too.
        found.insert(
            0,
            AlarmSpec(
                key="api-errors-fast",
                title="Half of all API requests end in a server error",
                meaning="The API answered 5xx to at least half of the requests in 4 of 5 minutes.",
                metrics=counts,
                expression=rate(["errors"], ["requests"]),
                period_s=MINUTE,
                periods=5,
                datapoints=4,
                threshold=50,
                severity="page",
                page="api-errors",
            ),
        )
    return found


def hourly_limit(monthly_budget_usd: float) -> float:
    """USD an hour from which the spend alarm speaks: a day's share of the monthly budget."""
    return round(monthly_budget_usd / 30, 4)
