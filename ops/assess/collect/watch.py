"""What watches the site and the bill."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ops.assess.model import CDN_REGION, Request, Unread
from ops.assess.reader import Read, Reader


def collect(reader: Reader) -> dict[str, Any]:
    """Alarms where CloudFront's metrics are, and the log groups of the home Region."""
    return reader.ask_all(
        {
            "alarms": Read(
                service="cloudwatch",
                operation="DescribeAlarms",
                params={"AlarmTypes": ["MetricAlarm"]},
                region=CDN_REGION,
                result="MetricAlarms",
                pages=True,
            ),
            "log_groups": Read(service="logs", operation="DescribeLogGroups", result="logGroups", pages=True),
        }
    )


def billing(reader: Reader, request: Request, identity: Any, now: datetime) -> dict[str, Any]:
    """Budgets, and with ``request.costs`` what Cost Explorer says (0.01 USD a call).

    https://docs.aws.amazon.com/cost-management/latest/userguide/ce-what-is.html
    """
    if isinstance(identity, Unread):
        return dict.fromkeys(("budgets", "costs", "anomaly_monitors"), identity)
    reads = {
        "budgets": Read(
            service="budgets",
            operation="DescribeBudgets",
            params={"AccountId": identity["Account"]},
            absent=("NotFoundException",),
            result="Budgets",
            pages=True,
        )
    }
    if request.costs:
        start = now.date().replace(day=1)
        reads["anomaly_monitors"] = Read(
            service="ce", operation="GetAnomalyMonitors", result="AnomalyMonitors"
        )
        reads["costs"] = Read(
            service="ce",
            operation="GetCostAndUsage",
            params={
                # The end is exclusive, and may not be the start: on the first of a month that is tomorrow.
                "TimePeriod": {"Start": str(start), "End": str(now.date() + timedelta(days=1))},
                "Granularity": "MONTHLY",
                "Metrics": ["UnblendedCost"],
                "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
            },
            result="ResultsByTime",
        )
    facts = reader.ask_all(reads)
    if facts["budgets"] is None:
        facts["budgets"] = []
    if isinstance(facts.get("costs"), list):
        facts["costs"] = {
            group["Keys"][0]: round(float(group["Metrics"]["UnblendedCost"]["Amount"]), 4)
            for period in facts["costs"]
            for group in period.get("Groups", [])
        }
    return facts
