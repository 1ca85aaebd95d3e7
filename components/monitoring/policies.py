"""Who may publish to the topics, and use the key they are encrypted with: pure policy documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.iam import allow_principal, document
from components.topic_publishers import (
    EDGE_REGION,
    Publisher,
    only_from,
    publishers,
    topic_key_statements,
)

__all__ = ["EDGE_REGION", "Publisher", "edge_key_policy", "publishers", "topic_policy"]


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
    allowed = [
        allow_principal(
            f"PublishFrom{service}",
            {"Service": f"{service}.amazonaws.com"},
            ["sns:Publish"],
            [topic_arn],
            only_from(service, account_id, region, prefix),
        )
        for service in who
    ]
    without_tls = {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return document(*allowed, without_tls)


def edge_key_policy(who: Sequence[Publisher], *, account_id: str, prefix: str) -> dict[str, Any]:
    """The key policy of the topic in us-east-1: the account administers, the publishers use it.

    Args:
        who, account_id, prefix: as for ``topic_policy``.
    """
    return document(
        allow_principal("AccountAdministers", {"AWS": f"arn:aws:iam::{account_id}:root"}, ["kms:*"], ["*"]),
        *topic_key_statements(who, account_id=account_id, region=EDGE_REGION, prefix=prefix),
    )
