"""VPC endpoints: which services the API calls privately, and what their policies let through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pulumi

from components.iam import allow_principal, document
from components.orchestrator_api.permissions import INVOKE, TABLE_ACTIONS, Text, join

PULL_IMAGE = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken",
    "ecr:GetDownloadUrlForLayer",
]

# What the SSM agent calls. Amazon's managed policy (AmazonSSMManagedInstanceCore) also reads parameters.
AGENT_SSM = [
    "ssm:DescribeAssociation",
    "ssm:DescribeDocument",
    "ssm:GetDeployablePatchSnapshotForInstance",
    "ssm:GetDocument",
    "ssm:GetManifest",
    "ssm:ListAssociations",
    "ssm:ListInstanceAssociations",
    "ssm:PutComplianceItems",
    "ssm:PutInventory",
    "ssm:UpdateAssociationStatus",
    "ssm:UpdateInstanceAssociationStatus",
    "ssm:UpdateInstanceInformation",
]
AGENT_CHANNELS = [
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
# The agent's older way, which it falls back to where it has a way out.
AGENT_MESSAGES = [
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
]

_API = {
    "bedrock-runtime": INVOKE,
    "logs": ["logs:CreateLogStream", "logs:PutLogEvents"],
    "monitoring": ["cloudwatch:DescribeAlarms"],
    "secretsmanager": ["secretsmanager:GetSecretValue"],
}

SERVICES: dict[str, dict[str, list[str]]] = {
    "fargate": {**_API, "ecr.api": PULL_IMAGE, "ecr.dkr": PULL_IMAGE},
    "ec2": {
        **_API,
        # The CloudWatch agent sends metrics; on Fargate they go as lines of the log.
        "monitoring": ["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricData"],
        "ssm": AGENT_SSM,
        # Not ec2messages: since 3.3.40 (February 2024) the agent has its commands through here as well
        # (Systems Manager User Guide, "Reference: ec2messages, ssmmessages, and other API operations").
        "ssmmessages": AGENT_CHANNELS,
    },
}
"""Backend to interface endpoint to the actions its policy allows: what is called, and nothing else."""


def interface_endpoints(backends: Iterable[str]) -> dict[str, list[str]]:
    """The interface endpoints these backends need together, sorted by service."""
    merged: dict[str, set[str]] = {}
    for backend in backends:
        for service, actions in SERVICES[backend].items():
            merged.setdefault(service, set()).update(actions)
    return {service: sorted(actions) for service, actions in sorted(merged.items())}


def interface_policy(actions: list[str], account_id: Text) -> dict[str, Any]:
    """These actions for principals of this account; which resources is what their own policies say."""
    return document(allow_principal("Own", "*", actions, ["*"], _own(account_id)))


def s3_policy(region: str, account_id: Text, bucket_arn: Text | None) -> dict[str, Any]:
    """Reading the artifact, and what Amazon Linux, the SSM agent and ECR keep in S3.

    Those buckets are Amazon's, one of each kind in a Region: the package repositories of AL2023
    (Amazon Linux 2023 User Guide, "Amazon S3 for package repositories"), the agent's documents and
    patch baselines (Systems Manager User Guide, "SSM Agent communications with AWS managed S3
    buckets"), image layers (Amazon ECR User Guide, "Minimum Amazon S3 bucket permissions").
    """
    arn = "arn:aws:s3:::"
    buckets = (
        f"al2023-repos-{region}-de612dc2",
        f"aws-ssm-{region}",
        f"amazon-ssm-{region}",
        f"patch-baseline-snapshot-{region}",
        f"prod-{region}-starport-layer-bucket",
    )
    # Not by account: package managers read the repositories without signing.
    amazon = allow_principal("Amazon", "*", ["s3:GetObject"], [f"{arn}{bucket}/*" for bucket in buckets])
    if bucket_arn is None:
        return document(amazon)
    own = allow_principal("Artifact", "*", ["s3:GetObject"], [join(bucket_arn, "/*")], _own(account_id))
    return document(own, amazon)


def dynamodb_policy(account_id: Text, table_arn: Text) -> dict[str, Any]:
    """The state table, for principals of this account."""
    return document(allow_principal("Table", "*", TABLE_ACTIONS, [table_arn], _own(account_id)))


def _own(account_id: Text) -> dict[str, dict[str, pulumi.Input[str]]]:
    return {"StringEquals": {"aws:PrincipalAccount": account_id}}
