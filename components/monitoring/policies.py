"""Who may publish to the topics, and use the key they are encrypted with: pure policy documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

Publisher = Literal["cloudwatch", "events", "budgets", "costalerts"]
EDGE_REGION = "us-east-1"


def partition(region: str) -> str:
    """The ARN partition of a Region."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def publishers(region: str, home: str, *, events: bool) -> tuple[Publisher, ...]:
    """Who publishes to the topic in ``region``, with the stack in ``home``; ``events``: whether it has rules.

    Alarms publish in their own Region, and so do EventBridge rules, which exist at home alone. Budgets and
    Cost Anomaly Detection live in us-east-1.
    """
    at_home: tuple[Publisher, ...] = ("events",) if events and region == home else ()
    of_money: tuple[Publisher, ...] = ("budgets", "costalerts") if region == EDGE_REGION else ()
    return ("cloudwatch", *at_home, *of_money)


def topic_policy(
    topic_arn: str, who: Sequence[Publisher], *, account_id: str, region: str, prefix: str
) -> dict[str, Any]:
    """The resource policy of a topic: its publishers, and nothing without TLS.

    Args:
        topic_arn: the topic.
        who: services that publish.
        account_id: the account, twelve digits.
        region: Region of the topic.
        prefix: how the names of this stack's alarms begin.

    Returns:
        The policy document. Budgets: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
        anomalies: https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html
    """
    statements: list[dict[str, Any]] = [
        {
            "Sid": f"PublishFrom{service}",
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic_arn,
            **_only_from(service, account_id, region, prefix),
        }
        for service in who
    ]
    statements.append(
        {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": topic_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
    return {"Version": "2012-10-17", "Statement": statements}


def topic_key_statements(
    who: Sequence[Publisher], *, account_id: str, region: str, prefix: str
) -> list[dict[str, Any]]:
    """What the policy of a customer-managed key needs so that ``who`` may publish to a topic under it.

    Without them a message is dropped in silence.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services

    Args:
        who, account_id, region, prefix: as for ``topic_policy``.
    """
    return [
        {
            "Sid": f"TopicFor{service}",
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            **_only_from(service, account_id, region, prefix),
        }
        for service in who
    ]


def edge_key_policy(who: Sequence[Publisher], *, account_id: str, prefix: str) -> dict[str, Any]:
    """The key policy of the topic in us-east-1: the account administers, the publishers use it.

    Args:
        who, account_id, prefix: as for ``topic_policy``.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccountAdministers",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition(EDGE_REGION)}:iam::{account_id}:root"},
                "Action": "kms:*",
                "Resource": "*",
            },
            *topic_key_statements(who, account_id=account_id, region=EDGE_REGION, prefix=prefix),
        ],
    }


def _only_from(service: Publisher, account_id: str, region: str, prefix: str) -> dict[str, Any]:
    aws = partition(region)
    if service == "events":
        # "You can't use Condition blocks in Amazon SNS topic policies for EventBridge": its calls, to KMS
        # as well, carry neither source, and a condition would drop every message in silence.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html
        return {}
    source = {
        "cloudwatch": f"arn:{aws}:cloudwatch:{region}:{account_id}:alarm:{prefix}-*",
        "budgets": f"arn:{aws}:budgets::{account_id}:*",
        "costalerts": f"arn:{aws}:ce::{account_id}:anomalysubscription/*",
    }[service]
    return {
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": source},
        }
    }
