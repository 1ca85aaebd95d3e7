"""Alarms on the API's state."""

from __future__ import annotations

from components.monitoring.metrics import metric
from components.monitoring.spec import AlarmSpec, Watched


def alarms(watched: Watched) -> list[AlarmSpec]:
    """Throttling of the table."""
    if watched.api is None or watched.api.table_name is None:
        return []
    table = {"TableName": watched.api.table_name}
    return [
        # CloudWatch ignores missing data of AWS/DynamoDB whatever an alarm asks for, and the counters have no
        # data point without a throttle: on the bare metric the alarm would never end. FILL gives it zeros.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
        AlarmSpec(
            key="table-throttles",
            title="DynamoDB throttles the API",
            meaning="At least 10 reads or writes were throttled in two of three five-minute periods: one key "
            "takes too much of the traffic, or the table's limit is reached.",
            metrics={
                "reads": metric("AWS/DynamoDB", "ReadThrottleEvents", "Sum", table),
                "writes": metric("AWS/DynamoDB", "WriteThrottleEvents", "Sum", table),
            },
            expression="FILL(reads, 0) + FILL(writes, 0)",
            periods=3,
            datapoints=2,
            threshold=10,
            production_only=True,
        )
    ]
