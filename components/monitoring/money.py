"""The budget and the cost-anomaly monitor of one stack, told from the rest of the account by its tag."""

from __future__ import annotations

import json
from typing import Any

import pulumi
from pulumi_aws import budgets, costexplorer

ANOMALY_USD = 5
"""Impact in USD from which an anomaly is told: below it, the learned baseline of a small stack is noise."""


def tag_filter(stack: str) -> str:
    """The budget's filter for the stack's tag: ``user:Stack$dev``.

    It finds costs from the day on which Stack is activated as a cost allocation tag
    (https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html).
    """
    return f"user:Stack${stack}"


def budget_notifications(topic_arn: pulumi.Input[str], email: str) -> list[budgets.BudgetNotificationArgs]:
    """80 % and 100 % spent, and 100 % foreseen: to the topic, and to the address where there is one.

    Args:
        topic_arn: topic in us-east-1.
        email: address, or "".
    """
    return [
        budgets.BudgetNotificationArgs(
            comparison_operator="GREATER_THAN",
            notification_type=kind,
            threshold=percent,
            threshold_type="PERCENTAGE",
            subscriber_sns_topic_arns=[topic_arn],
            subscriber_email_addresses=[email] if email else None,
        )
        for kind, percent in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
    ]


def monitor_specification(stack: str) -> str:
    """Cost Explorer expression of a CUSTOM monitor: the tag ``Stack`` has the stack's name.

    A DIMENSIONAL monitor of services watches the whole account, exists once in it, and AWS makes it itself
    for an account new to Cost Explorer: a stack cannot own it. A CUSTOM one takes one tag key
    (https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_AnomalyMonitor.html), in the
    management account alone (https://docs.aws.amazon.com/cost-management/latest/userguide/getting-started-ad.html).
    The empty parts are written out: AWS returns them, and a difference would replace the monitor.

    Args:
        stack: value of the tag.
    """
    expression: dict[str, Any] = {
        "And": None,
        "CostCategories": None,
        "Dimensions": None,
        "Not": None,
        "Or": None,
        "Tags": {"Key": "Stack", "MatchOptions": None, "Values": [stack]},
    }
    return json.dumps(expression)


def anomaly_threshold() -> costexplorer.AnomalySubscriptionThresholdExpressionArgs:
    """Told from ``ANOMALY_USD`` of impact on."""
    return costexplorer.AnomalySubscriptionThresholdExpressionArgs(
        dimension=costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
            key="ANOMALY_TOTAL_IMPACT_ABSOLUTE",
            match_options=["GREATER_THAN_OR_EQUAL"],
            values=[str(ANOMALY_USD)],
        )
    )
