"""VPC flow logs, in production: who talked to whom, for the day somebody has to know (Security Hub EC2.6)."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from components.iam import allow, document
from components.orchestrator_api.maker import Maker
from components.orchestrator_api.permissions import join, trust

AGGREGATION_S = 600


def make_flow_log(make: Maker, vpc: ec2.Vpc) -> None:
    """Logs every connection of the VPC, in ten-minute records, to a log group with an end."""
    args = make.args
    group = cloudwatch.LogGroup(
        f"{make.name}-flow-logs",
        name=f"{args.log_prefix}/network",
        retention_in_days=args.log_retention_days,
        kms_key_id=args.secrets.kms_key_arn,
        tags=dict(args.tags),
        opts=make.child("flow-logs"),
    )
    source = join(f"arn:aws:ec2:{args.region}:", args.account_id, ":vpc-flow-log/*")
    role = iam.Role(
        f"{make.name}-flow-role",
        description="Lets VPC flow logs write to their log group",
        assume_role_policy=pulumi.Output.json_dumps(
            trust("vpc-flow-logs.amazonaws.com", args.account_id, source)
        ),
        tags=dict(args.tags),
        opts=make.child("flow-role"),
    )
    policy = iam.RolePolicy(
        f"{make.name}-flow-policy",
        role=role.name,
        policy=pulumi.Output.json_dumps(
            document(
                allow(
                    "Logs",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    [group.arn, join(group.arn, ":log-stream:*")],
                ),
                # The service asks whether the group exists, over all groups (Amazon VPC User Guide, "IAM role
                # for publishing flow logs to CloudWatch Logs").
                allow("Groups", ["logs:DescribeLogGroups"], ["*"]),
            )
        ),
        opts=make.child("flow-policy"),
    )
    ec2.FlowLog(
        f"{make.name}-flow",
        vpc_id=vpc.id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=AGGREGATION_S,
        tags=make.tags("api"),
        opts=make.child("flow", depends_on=[policy]),
    )
