"""The policy of the customer-managed key: who may use it for logs, topics and nothing else."""

from __future__ import annotations

from typing import Any

from components.iam import allow_principal, document


def key_policy(account_id: str, region: str) -> dict[str, Any]:
    """Policy of the stack's key in one Region.

    Secrets Manager, DynamoDB and SQS use the key with the caller's own permissions, so the
    account's statement covers them. CloudWatch Logs and those who publish to the encrypted
    topic act by themselves and are named (CloudWatch Logs User Guide, "Encrypt log data";
    Amazon SNS Developer Guide, "Enable compatibility between event sources and encrypted topics").

    Args:
        account_id: 12 digits.
        region: where the key lives.
    """
    own_account = {"StringEquals": {"aws:SourceAccount": account_id}}
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
        allow_principal(
            "TopicPublishers",
            {
                "Service": [
                    "budgets.amazonaws.com",
                    "cloudwatch.amazonaws.com",
                    "costalerts.amazonaws.com",
                    "events.amazonaws.com",
                ]
            },
            ["kms:Decrypt", "kms:GenerateDataKey"],
            ["*"],
            own_account,
        ),
    )
