"""What the stack's own `up` needs to be allowed to do: simulated for the caller, by backend."""

from __future__ import annotations

from collections.abc import Mapping

SITE = (
    "acm:AddTagsToCertificate acm:DeleteCertificate acm:DescribeCertificate acm:RequestCertificate",
    "cloudfront:CreateDistribution cloudfront:CreateFunction cloudfront:CreateKeyValueStore",
    "cloudfront:CreateOriginAccessControl cloudfront:CreateResponseHeadersPolicy cloudfront:GetDistribution",
    "cloudfront:PublishFunction cloudfront:TagResource cloudfront:UpdateDistribution",
    "cloudfront:UpdateFunction cloudfront-keyvaluestore:UpdateKeys",
    "logs:CreateDelivery logs:PutDeliveryDestination logs:PutDeliverySource",
    "route53:ChangeResourceRecordSets route53:GetChange route53:ListHostedZonesByName",
    "s3:CreateBucket s3:PutBucketOwnershipControls s3:PutBucketPolicy s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration s3:PutObject",
    "wafv2:CreateWebACL wafv2:PutLoggingConfiguration wafv2:UpdateWebACL",
)
COMMON = (
    "budgets:ModifyBudget ce:CreateAnomalyMonitor ce:CreateAnomalySubscription",
    "cloudwatch:PutDashboard cloudwatch:PutMetricAlarm cloudwatch:PutCompositeAlarm",
    "dynamodb:CreateTable dynamodb:UpdateContinuousBackups dynamodb:UpdateTimeToLive",
    "iam:CreateRole iam:PassRole iam:PutRolePolicy iam:TagRole",
    "logs:CreateLogGroup logs:PutRetentionPolicy",
    "secretsmanager:CreateSecret secretsmanager:PutSecretValue secretsmanager:TagResource",
    "sns:CreateTopic sns:SetTopicAttributes sns:Subscribe",
)
NETWORK = (
    "ec2:AuthorizeSecurityGroupIngress ec2:CreateInternetGateway ec2:CreateNatGateway ec2:CreateRoute",
    "ec2:CreateRouteTable ec2:CreateSecurityGroup ec2:CreateSubnet ec2:CreateTags ec2:CreateVpc",
    "ec2:CreateVpcEndpoint cloudfront:CreateVpcOrigin",
)
BACKENDS = {
    "lambda": (
        "apigateway:POST apigateway:PUT apigateway:PATCH",
        "lambda:AddPermission lambda:CreateAlias lambda:CreateFunction lambda:PublishVersion",
        "lambda:UpdateFunctionCode sqs:CreateQueue",
    ),
    "fargate": (
        *NETWORK,
        "application-autoscaling:PutScalingPolicy application-autoscaling:RegisterScalableTarget",
        "ecs:CreateCluster ecs:CreateService ecs:RegisterTaskDefinition ecs:UpdateService",
        "elasticloadbalancing:CreateListener elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:CreateTargetGroup",
    ),
    "ec2": (
        *NETWORK,
        "ec2:RunInstances iam:AddRoleToInstanceProfile iam:CreateInstanceProfile",
        "ssm:CreateAssociation ssm:CreateDocument ssm:DeleteAssociation ssm:DescribeInstanceInformation",
        "ssm:UpdateAssociation",
    ),
}


def _split(*groups: str) -> tuple[str, ...]:
    return tuple(sorted({action for group in groups for action in group.split()}))


NEEDED: Mapping[str, tuple[str, ...]] = {
    "none": _split(*SITE, *COMMON),
    **{backend: _split(*SITE, *COMMON, *groups) for backend, groups in BACKENDS.items()},
}
"""Backend to the actions its stack needs."""

ALL_ACTIONS = tuple(sorted({action for actions in NEEDED.values() for action in actions}))


def missing(simulation: Mapping[str, str] | None, backend: str) -> tuple[str, ...]:
    """The actions of a backend that the simulation did not allow; none without a simulation."""
    if simulation is None:
        return ()
    return tuple(action for action in NEEDED[backend] if simulation.get(action) != "allowed")
