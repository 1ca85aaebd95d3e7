"""Alarms on what nobody calls an error: storms of 401, 404 and 429, and callers who are locked out."""

from __future__ import annotations

from components.monitoring.alarms.service import own
from components.monitoring.spec import HOUR, AlarmSpec, Watched, rate

STORM = 20
"""Refused requests in five minutes below which it is weather, not a storm."""


def alarms(watched: Watched) -> list[AlarmSpec]:
    """Shares of refused requests, judged with a floor; a slow one for few requests."""
    if watched.api is None:
        return []

    def storm(key: str, counter: str, share: float, title: str, meaning: str) -> AlarmSpec:
        return AlarmSpec(
            key=key,
            title=title,
            meaning=meaning,
            metrics={
                "refused": own(watched, counter, "Sum"),
                "requests": own(watched, "Requests", "Sum"),
            },
            expression=rate(["refused"], ["requests"], at_least=STORM),
            periods=3,
            datapoints=2,
            threshold=share,
            production_only=True,
        )

    return [
        storm(
            "unauthorized-storm",
            "Unauthorized",
            20,
            "Many API requests carry no valid key",
            "At least 20 % of the requests got 401 in two of three five-minute periods: someone guesses "
            "keys, "
            "or a key was rotated away from under a client.",
        ),
        storm(
            "not-found-storm",
            "NotFound",
            50,
            "Many API requests ask for what does not exist",
            "At least half of the requests got 404 in two of three five-minute periods: a scan, or a client "
            "with a wrong address.",
        ),
        storm(
            "rate-limited-storm",
            "RateLimited",
            20,
            "Many API requests run into a limit",
            "At least 20 % of the requests got 429 in two of three five-minute periods: a client runs "
            "wild, or "
            "a limit is too low.",
        ),
        AlarmSpec(
            key="locked-out",
            title="Hardly anyone gets past the key",
            meaning="At least 90 % of the requests of an hour, five or more, got 401, two hours in a row: at "
            "a low load that is what a wrong rotation looks like.",
            metrics={
                "refused": own(watched, "Unauthorized", "Sum"),
                "requests": own(watched, "Requests", "Sum"),
            },
            expression=rate(["refused"], ["requests"], at_least=5),
            period_s=HOUR,
            periods=2,
            datapoints=2,
            threshold=90,
            production_only=True,
        ),
    ]
