"""Which services publish to a stack's topics, and what they need: shared by the topics and their keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from components.iam import Statement, allow_principal

Publisher = Literal["cloudwatch", "events", "budgets", "costalerts"]
EDGE_REGION = "us-east-1"


def publishers(region: str, home: str, *, events: bool, anomalies: bool) -> tuple[Publisher, ...]:
    """Who publishes to the topic in ``region``, with the stack in ``home``.

    Alarms publish in their own Region, and so do EventBridge rules, which exist at home alone. Budgets and
    Cost Anomaly Detection live in us-east-1.

    Args:
        region, home: Region of the topic, of the stack.
        events: whether the stack has EventBridge rules.
        anomalies: whether it has a cost-anomaly monitor.
    """
    at_home: tuple[Publisher, ...] = ("events",) if events and region == home else ()
    of_money: tuple[Publisher, ...] = ("budgets", "costalerts") if anomalies else ("budgets",)
    return ("cloudwatch", *at_home, *(of_money if region == EDGE_REGION else ()))


def topic_key_statements(
    who: Sequence[Publisher], *, account_id: str, region: str, prefix: str
) -> list[Statement]:
    """What the policy of a customer-managed key needs so that ``who`` may publish to a topic under it.

    Without them a message is dropped in silence.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services

    Args:
        who, account_id, region, prefix: services, account (12 digits), the key's Region, and
            how the names of the stack's alarms begin.
    """
    return [
        allow_principal(
            f"TopicFor{service}",
            {"Service": f"{service}.amazonaws.com"},
            ["kms:Decrypt", "kms:GenerateDataKey"],
            ["*"],
            only_from(service, account_id, region, prefix),
        )
        for service in who
    ]


def only_from(
    service: Publisher, account_id: str, region: str, prefix: str
) -> dict[str, dict[str, Any]] | None:
    """The condition that holds a publisher to this account's own sources; None where there can be none."""
    if service == "events":
        # "You can't use Condition blocks in Amazon SNS topic policies for EventBridge": its calls, to KMS
        # as well, carry neither source, and a condition would drop every message in silence.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
        return None
    source = {
        "cloudwatch": f"arn:aws:cloudwatch:{region}:{account_id}:alarm:{prefix}-*",
        "budgets": f"arn:aws:budgets::{account_id}:*",
        "costalerts": f"arn:aws:ce::{account_id}:anomalysubscription/*",
    }[service]
    return {"StringEquals": {"aws:SourceAccount": account_id}, "ArnLike": {"aws:SourceArn": source}}
