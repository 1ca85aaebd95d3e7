"""Alarms on Amazon Bedrock, one set a model: errors, throttles."""

from __future__ import annotations

import re

from components.monitoring.metrics import Metric, metric, model_dimension
from components.monitoring.spec import AlarmSpec, Watched, rate


def slug(model: str) -> str:
    """A model's name as part of an alarm's key: ``us.amazon.nova:0`` gives ``us-amazon-nova-0``."""
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")


def alarms(watched: Watched) -> list[AlarmSpec]:
    """Share of failed and of throttled invocations, by model.

    Throttled calls count neither as invocations nor as errors, errors not as invocations
    (https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html):
    a total outage shows as nothing but errors.
    """
    if watched.api is None:
        return []
    found = []
    for model in dict.fromkeys(map(model_dimension, watched.api.models)):

        def bedrock(name: str, model: str = model) -> Metric:
            return metric("AWS/Bedrock", name, "Sum", {"ModelId": model})

        found += [
            AlarmSpec(
                key=f"bedrock-errors-{slug(model)}",
                title=f"Bedrock fails for {model}",
                meaning="At least 10 % of the calls failed in three of six five-minute periods: no access to "
                "the model, a refused request, or trouble at Bedrock.",
                metrics={
                    "server": bedrock("InvocationServerErrors"),
                    "client": bedrock("InvocationClientErrors"),
                    "good": bedrock("Invocations"),
                },
                expression=rate(["server", "client"], ["server", "client", "good"]),
                periods=6,
                datapoints=3,
                threshold=10,
                production_only=True,
                page="bedrock-errors",
            ),
            AlarmSpec(
                key=f"bedrock-throttles-{slug(model)}",
                title=f"Bedrock throttles {model}",
                meaning="At least 10 % of the calls were throttled in three of six five-minute periods: the "
                "account's quota for the model is used up.",
                metrics={"throttled": bedrock("InvocationThrottles"), "good": bedrock("Invocations")},
                expression=rate(["throttled"], ["throttled", "good"]),
                periods=6,
                datapoints=3,
                threshold=10,
                production_only=True,
                page="bedrock-throttles",
            ),
        ]
    return found
