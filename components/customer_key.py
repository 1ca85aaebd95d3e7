"""The policy of the customer-managed key: who may use it for logs, topics and nothing else."""

from __future__ import annotations

from typing import Any

from components.iam import allow_principal, document
from components.topic_publishers import publishers, topic_key_statements


def key_policy(account_id: str, region: str, *, prefix: str, events: bool, anomalies: bool) -> dict[str, Any]:
    """Policy of the stack's key in one Region.

    Secrets Manager, DynamoDB and SQS use the key with the caller's own permissions, so the
    account's statement covers them. CloudWatch Logs and those who publish to the encrypted
    topic act by themselves and are named (CloudWatch Logs User Guide, "Encrypt log data";
    Amazon SNS Developer Guide, "Enable compatibility between event sources and encrypted topics").

    Args:
        account_id: 12 digits.
        region: where the key lives.
        prefix: how the names of the stack's alarms begin.
        events: whether an EventBridge rule publishes to the topic.
        anomalies: whether Cost Anomaly Detection does.
    """
    who = publishers(region, region, events=events, anomalies=anomalies)
    return document(
        allow_principal(
            "AccountDecidesByIam",
            {"AWS": f"arn:aws:iam::{account_id}:root"},
            ["kms:*"],
            ["*"],
        ),
        allow_principal(
            "LogGroups",
            {"Service": f"logs.{region}.amazonaws.com"},
            [
                "kms:Encrypt",
                "kms:Decrypt",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
                "kms:GenerateDataKey",
                "kms:DescribeKey",
            ],
            ["*"],
            {
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account_id}:log-group:*"
                }
            },
        ),
        *topic_key_statements(who, account_id=account_id, region=region, prefix=prefix),
    )
