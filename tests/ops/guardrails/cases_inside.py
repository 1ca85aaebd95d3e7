"""Firing and silent plans of the policies in identity, data and logs."""

from __future__ import annotations

from typing import Any

from ops.plan import UNKNOWN
from tests.ops.guardrails.plans import (
    ACCOUNT,
    FUNCTION,
    GROUP,
    PROTECT,
    SOURCE,
    TASK,
    allow,
    container,
    document,
    plan,
    res,
)

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
BUCKET = res("aws:s3/bucket:Bucket", "site", _protect=True)
SECRET = "aws:secretsmanager/secret:Secret"
TABLE = "aws:dynamodb/table:Table"
STAGE = "aws:apigateway/stage:Stage"


def identity(*statements: dict[str, Any]):
    return plan(res(ROLE_POLICY, policy=document(*statements)))


def trust(*statements: dict[str, Any]):
    return plan(res(ROLE, assumeRolePolicy=document(*statements)))


def firewall_logging(*hidden: str):
    """A web ACL whose log leaves these headers out."""
    return plan(
        res("aws:wafv2/webAcl:WebAcl", "acl"),
        res(
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
            resourceArn=f"arn:aws:x:us-east-1:{ACCOUNT}:acl",
            redactedFields=[{"singleHeader": {"name": name}} for name in hidden],
        ),
    )


GITHUB = {"Federated": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"}
GITHUB_SUB = "token.actions.githubusercontent.com:sub"

CASES = {
    "policy-readable": (
        [plan(res(ROLE_POLICY, policy=UNKNOWN)), plan(res(ROLE_POLICY, policy="{"))],
        [identity(allow("s3:GetObject", "arn:aws:s3:::site/*")), plan(res("aws:kms/key:Key"))],
    ),
    "no-wildcard-action": (
        [
            identity(allow("s3:*", "arn:aws:s3:::site/*")),
            identity(allow(["s3:GetObject", "dynamodb:Get*"], "arn:aws:s3:::site/*")),
            plan(res("aws:sqs/queuePolicy:QueuePolicy", policy=document(allow("sqs:*", "*", {"AWS": "1"})))),
            plan(
                res(
                    "aws:kms/key:Key", policy=document(allow("kms:*", "*", {"Service": "logs.amazonaws.com"}))
                )
            ),
        ],
        [
            identity(allow("s3:GetObject", "*")),
            identity({"Effect": "Deny", "Action": "*", "Resource": "*"}),
            plan(
                res(
                    "aws:kms/key:Key",
                    policy=document(allow("kms:*", "*", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})),
                )
            ),
        ],
    ),
    "no-inverted-statement": (
        [
            identity({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::x"}),
            identity({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::x"}),
            trust({"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "1"}}),
        ],
        [identity({"Effect": "Deny", "NotAction": "s3:GetObject", "Resource": "*"})],
    ),
    "exact-resource": (
        [
            identity(allow("x:Y", resource))
            for resource in (
                "*",
                "arn:aws:s3:::*",
                f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/*",
                f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:*",
                "arn:aws:sqs:us-east-1:*:queue",
                f"arn:aws:*:us-east-1:{ACCOUNT}:x",
                f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:*",
                "arn:aws:bedrock:us-east-1::foundation-model/*",
            )
        ],
        [
            identity(allow("x:Y", resource))
            for resource in (
                "arn:aws:s3:::site/*",
                f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/lambda/api:*",
                f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/state/index/*",
                f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:orchestrator/api-key-??????",
                "arn:aws:bedrock:*::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
                f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.anthropic.x",
            )
        ],
    ),
    "no-managed-policy": (
        [
            plan(
                res(
                    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                    policyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
                )
            )
        ],
        [
            plan(
                res(
                    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                    policyArn=f"arn:aws:iam::{ACCOUNT}:policy/own",
                )
            )
        ],
    ),
    "no-long-lived-credentials": (
        [plan(res("aws:iam/user:User")), plan(res("aws:iam/accessKey:AccessKey"))],
        [plan(res(ROLE))],
    ),
    "service-acts-for-us": (
        [
            plan(
                res(
                    "aws:sns/topicPolicy:TopicPolicy",
                    policy=document(allow("sns:Publish", "*", {"Service": "budgets.amazonaws.com"})),
                )
            ),
            trust(allow("sts:AssumeRole", None, {"Service": "ecs-tasks.amazonaws.com"})),
            plan(res("aws:lambda/permission:Permission", principal="apigateway.amazonaws.com")),
        ],
        [
            plan(
                res(
                    "aws:sns/topicPolicy:TopicPolicy",
                    policy=document(allow("sns:Publish", "*", {"Service": "budgets.amazonaws.com"}, SOURCE)),
                )
            ),
            trust(allow("sts:AssumeRole", None, {"Service": "lambda.amazonaws.com"})),
            trust(allow("sts:AssumeRole", None, {"Service": "ecs-tasks.amazonaws.com"}, SOURCE)),
            plan(
                res(
                    "aws:kms/key:Key",
                    policy=document(
                        allow(
                            "kms:Decrypt",
                            "*",
                            {"Service": "logs.us-east-1.amazonaws.com"},
                            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:1:*"}},
                        )
                    ),
                )
            ),
            plan(
                res(
                    "aws:lambda/permission:Permission",
                    principal="sns.amazonaws.com",
                    sourceArn="arn:aws:sns:x",
                )
            ),
        ],
    ),
    "pass-role-to-one-service": (
        [identity(allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/task"))],
        [
            identity(
                allow(
                    "iam:PassRole",
                    f"arn:aws:iam::{ACCOUNT}:role/task",
                    condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                )
            )
        ],
    ),
    "federation-names-its-subject": (
        [
            trust(allow("sts:AssumeRoleWithWebIdentity", None, GITHUB)),
            trust(allow("sts:AssumeRoleWithWebIdentity", None, GITHUB, {"StringLike": {GITHUB_SUB: "*"}})),
        ],
        [
            trust(
                allow(
                    "sts:AssumeRoleWithWebIdentity",
                    None,
                    GITHUB,
                    {"StringLike": {GITHUB_SUB: "repo:o/r:environment:p"}},
                )
            )
        ],
    ),
    "data-protected": (
        [
            plan(res("aws:s3/bucket:Bucket"), config=PROTECT),
            plan(res("aws:cloudfront/distribution:Distribution"), stack="prod"),
        ],
        [plan(res("aws:s3/bucket:Bucket")), plan(BUCKET, config=PROTECT), plan(res(ROLE), config=PROTECT)],
    ),
    "data-not-forced-away": (
        [
            plan(res("aws:s3/bucket:Bucket", forceDestroy=True), config=PROTECT),
            plan(res(SECRET, recoveryWindowInDays=0), config=PROTECT),
        ],
        [
            plan(res("aws:s3/bucket:Bucket", forceDestroy=True)),
            plan(res(SECRET, recoveryWindowInDays=30), config=PROTECT),
        ],
    ),
    "bucket-versioned": (
        [
            plan(BUCKET, config=PROTECT),
            plan(
                BUCKET,
                res(
                    "aws:s3/bucketVersioning:BucketVersioning",
                    bucket="site-id",
                    versioningConfiguration={"status": "Suspended"},
                ),
                config=PROTECT,
            ),
        ],
        [
            plan(BUCKET),
            plan(
                BUCKET,
                res(
                    "aws:s3/bucketVersioning:BucketVersioning",
                    bucket="site-id",
                    versioningConfiguration={"status": "Enabled"},
                ),
                config=PROTECT,
            ),
            plan(
                res("aws:s3/bucket:Bucket", "logs", bucket="logs"),
                res("aws:lb/loadBalancer:LoadBalancer", accessLogs={"bucket": "logs", "enabled": True}),
                config=PROTECT,
            ),
        ],
    ),
    "bucket-lifecycle": (
        [
            plan(BUCKET),
            plan(
                BUCKET,
                res(
                    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
                    bucket="site-id",
                    rules=[{"status": "Disabled", "expiration": {"days": 1}}],
                ),
            ),
        ],
        [
            plan(
                BUCKET,
                res(
                    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
                    bucket="site-id",
                    rules=[{"status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 30}}],
                ),
            )
        ],
    ),
    "table-recoverable": (
        [
            plan(res(TABLE)),
            plan(res(TABLE, pointInTimeRecovery={"enabled": True}), config=PROTECT),
        ],
        [
            plan(res(TABLE, pointInTimeRecovery={"enabled": True})),
            plan(
                res(TABLE, pointInTimeRecovery={"enabled": True}, deletionProtectionEnabled=True),
                config=PROTECT,
            ),
        ],
    ),
    "key-deletion-waits": (
        [plan(res("aws:kms/key:Key", deletionWindowInDays=7), config=PROTECT)],
        [plan(res("aws:kms/key:Key", deletionWindowInDays=7)), plan(res("aws:kms/key:Key"), config=PROTECT)],
    ),
    "secret-rotates": (
        [plan(res(SECRET), config=PROTECT)],
        [
            plan(res(SECRET)),
            plan(
                res(SECRET, "s"),
                res("aws:secretsmanager/secretRotation:SecretRotation", secretId="s-id"),
                config=PROTECT,
            ),
        ],
    ),
    "log-group-ends": (
        [
            plan(res("aws:cloudwatch/logGroup:LogGroup")),
            plan(res("aws:cloudwatch/logGroup:LogGroup", retentionInDays=0)),
        ],
        [plan(GROUP)],
    ),
    "function-log-group-planned": (
        [
            plan(res(FUNCTION)),
            plan(res(FUNCTION, loggingConfig={"logGroup": "elsewhere"}), GROUP),
        ],
        [
            plan(res(FUNCTION, loggingConfig={"logGroup": "logs-name"}), GROUP),
            plan(res(FUNCTION, "f"), res("aws:cloudwatch/logGroup:LogGroup", name="/aws/lambda/f-name")),
        ],
    ),
    "api-stage-logs": (
        [
            plan(res(STAGE, xrayTracingEnabled=True), GROUP),
            plan(
                res(STAGE, accessLogSettings={"destinationArn": f"arn:aws:x:us-east-1:{ACCOUNT}:logs"}), GROUP
            ),
        ],
        [
            plan(
                res(
                    STAGE,
                    accessLogSettings={"destinationArn": f"arn:aws:x:us-east-1:{ACCOUNT}:logs:*"},
                    xrayTracingEnabled=True,
                ),
                GROUP,
            )
        ],
    ),
    "api-execution-log-ends": (
        [
            plan(
                res(
                    "aws:apigateway/methodSettings:MethodSettings",
                    restApi="abc",
                    stageName="api",
                    settings={"loggingLevel": "ERROR"},
                )
            )
        ],
        [
            plan(
                res(
                    "aws:apigateway/methodSettings:MethodSettings",
                    restApi="abc",
                    stageName="api",
                    settings={"loggingLevel": "ERROR"},
                ),
                res("aws:cloudwatch/logGroup:LogGroup", name="API-Gateway-Execution-Logs_abc/api"),
            ),
            plan(res("aws:apigateway/methodSettings:MethodSettings", settings={"loggingLevel": "OFF"})),
        ],
    ),
    "distribution-logs": (
        [
            plan(res("aws:cloudfront/distribution:Distribution")),
            plan(
                res("aws:cloudfront/distribution:Distribution", "cdn"),
                res(
                    "aws:cloudwatch/logDeliverySource:LogDeliverySource",
                    "src",
                    resourceArn=f"arn:aws:x:us-east-1:{ACCOUNT}:cdn",
                ),
            ),
        ],
        [
            plan(
                res("aws:cloudfront/distribution:Distribution", "cdn"),
                res(
                    "aws:cloudwatch/logDeliverySource:LogDeliverySource",
                    "src",
                    resourceArn=f"arn:aws:x:us-east-1:{ACCOUNT}:cdn",
                ),
                res("aws:cloudwatch/logDelivery:LogDelivery", deliverySourceName="src-name"),
            ),
            plan(res("aws:cloudfront/distribution:Distribution", loggingConfig={"bucket": "logs"})),
        ],
    ),
    "firewall-logs": (
        [
            plan(res("aws:wafv2/webAcl:WebAcl")),
            firewall_logging("authorization"),
            firewall_logging("authorization", "cookie", "x-api-key", "x-release-token"),
        ],
        [firewall_logging("Authorization", "cookie", "x-api-key", "x-release-token", "x-standby-token")],
    ),
    "load-balancer-logs": (
        [plan(res("aws:lb/loadBalancer:LoadBalancer"), config=PROTECT)],
        [
            plan(res("aws:lb/loadBalancer:LoadBalancer")),
            plan(
                res("aws:lb/loadBalancer:LoadBalancer", accessLogs={"enabled": True, "bucket": "b"}),
                config=PROTECT,
            ),
        ],
    ),
    "network-flow-logs": (
        [plan(res("aws:ec2/vpc:Vpc"), config=PROTECT)],
        [
            plan(res("aws:ec2/vpc:Vpc")),
            plan(res("aws:ec2/vpc:Vpc", "n"), res("aws:ec2/flowLog:FlowLog", vpcId="n-id"), config=PROTECT),
        ],
    ),
    "container-logs": (
        [plan(res(TASK, containerDefinitions=container()))],
        [
            plan(
                res(
                    TASK,
                    containerDefinitions=container(
                        logConfiguration={"options": {"awslogs-group": "logs-name"}}
                    ),
                ),
                GROUP,
            )
        ],
    ),
    "log-delivery-is-used": (
        [plan(res("aws:cloudwatch/logDeliverySource:LogDeliverySource", "src"))],
        [
            plan(
                res("aws:cloudwatch/logDeliverySource:LogDeliverySource", "src"),
                res("aws:cloudwatch/logDelivery:LogDelivery", deliverySourceName="src-name"),
            )
        ],
    ),
}
