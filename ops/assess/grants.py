"""Every call of the assessment and the IAM action it needs: the policy is derived from this table.

Action names: https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Grant:
    """What a call needs.

    Attributes:
        action: IAM action; "": every caller may.
        scope: ``any``: the action takes no resource or reads lists; ``bucket``: the site's bucket;
            ``billed``: Cost Explorer, only with ``--costs``.
    """

    action: str
    scope: Literal["any", "bucket", "billed"] = "any"


GRANTS: Mapping[tuple[str, str], Grant] = {
    ("sts", "GetCallerIdentity"): Grant(""),
    ("iam", "GetAccountSummary"): Grant("iam:GetAccountSummary"),
    ("iam", "GetRole"): Grant("iam:GetRole"),
    ("iam", "SimulatePrincipalPolicy"): Grant("iam:SimulatePrincipalPolicy"),
    ("s3control", "GetPublicAccessBlock"): Grant("s3:GetAccountPublicAccessBlock"),
    ("s3", "ListBuckets"): Grant("s3:ListAllMyBuckets"),
    ("s3", "GetPublicAccessBlock"): Grant("s3:GetBucketPublicAccessBlock", "bucket"),
    ("s3", "GetBucketPolicy"): Grant("s3:GetBucketPolicy", "bucket"),
    ("s3", "GetBucketWebsite"): Grant("s3:GetBucketWebsite", "bucket"),
    ("s3", "GetBucketEncryption"): Grant("s3:GetEncryptionConfiguration", "bucket"),
    ("s3", "GetBucketVersioning"): Grant("s3:GetBucketVersioning", "bucket"),
    ("s3", "GetBucketLifecycleConfiguration"): Grant("s3:GetLifecycleConfiguration", "bucket"),
    ("s3", "GetBucketOwnershipControls"): Grant("s3:GetBucketOwnershipControls", "bucket"),
    ("s3", "GetBucketAcl"): Grant("s3:GetBucketAcl", "bucket"),
    ("cloudfront", "ListDistributions"): Grant("cloudfront:ListDistributions"),
    ("cloudfront", "GetDistribution"): Grant("cloudfront:GetDistribution"),
    ("resourcegroupstaggingapi", "GetResources"): Grant("tag:GetResources"),
    ("cloudfront", "GetOriginAccessControl"): Grant("cloudfront:GetOriginAccessControl"),
    ("cloudfront", "DescribeFunction"): Grant("cloudfront:DescribeFunction"),
    ("cloudfront", "ListConflictingAliases"): Grant("cloudfront:ListConflictingAliases"),
    ("service-quotas", "ListServiceQuotas"): Grant("servicequotas:ListServiceQuotas"),
    ("logs", "DescribeDeliverySources"): Grant("logs:DescribeDeliverySources"),
    ("pricing-plan-manager", "ListSubscriptions"): Grant("pricingplanmanager:ListSubscriptions"),
    ("wafv2", "GetWebACL"): Grant("wafv2:GetWebACL"),
    ("wafv2", "GetLoggingConfiguration"): Grant("wafv2:GetLoggingConfiguration"),
    ("acm", "ListCertificates"): Grant("acm:ListCertificates"),
    ("acm", "DescribeCertificate"): Grant("acm:DescribeCertificate"),
    ("route53", "ListHostedZonesByName"): Grant("route53:ListHostedZonesByName"),
    ("route53", "GetHostedZone"): Grant("route53:GetHostedZone"),
    ("route53", "ListResourceRecordSets"): Grant("route53:ListResourceRecordSets"),
    ("secretsmanager", "ListSecrets"): Grant("secretsmanager:ListSecrets"),
    ("bedrock", "ListInferenceProfiles"): Grant("bedrock:ListInferenceProfiles"),
    ("bedrock", "GetFoundationModelAvailability"): Grant("bedrock:GetFoundationModelAvailability"),
    ("lambda", "GetAccountSettings"): Grant("lambda:GetAccountSettings"),
    ("lambda", "ListFunctions"): Grant("lambda:ListFunctions"),
    ("apigateway", "GetAccount"): Grant("apigateway:GET"),
    ("apigateway", "GetRestApis"): Grant("apigateway:GET"),
    ("apigatewayv2", "GetApis"): Grant("apigateway:GET"),
    ("ecs", "ListClusters"): Grant("ecs:ListClusters"),
    ("elbv2", "DescribeLoadBalancers"): Grant("elasticloadbalancing:DescribeLoadBalancers"),
    ("ec2", "DescribeInstances"): Grant("ec2:DescribeInstances"),
    ("cloudwatch", "DescribeAlarms"): Grant("cloudwatch:DescribeAlarms"),
    ("logs", "DescribeLogGroups"): Grant("logs:DescribeLogGroups"),
    ("budgets", "DescribeBudgets"): Grant("budgets:ViewBudget"),
    ("ce", "GetAnomalyMonitors"): Grant("ce:GetAnomalyMonitors", "billed"),
    ("ce", "GetCostAndUsage"): Grant("ce:GetCostAndUsage", "billed"),
}
"""(service, operation) to what it needs. ``Reader`` refuses every call that is not here."""


def policy_document(*, bucket: str = "", costs: bool = False) -> dict[str, object]:
    """The smallest IAM policy with which every check can be judged.

    Args:
        bucket: name of the site's bucket; "": any bucket.
        costs: whether the billed reads of Cost Explorer are in it.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": "Read", "Effect": "Allow", "Action": _actions("any"), "Resource": "*"},
            {
                "Sid": "ReadBucket",
                "Effect": "Allow",
                "Action": _actions("bucket"),
                "Resource": f"arn:aws:s3:::{bucket or '*'}",
            },
            *(
                [{"Sid": "ReadCosts", "Effect": "Allow", "Action": _actions("billed"), "Resource": "*"}]
                if costs
                else []
            ),
        ],
    }


def policy_text(*, bucket: str = "", costs: bool = False) -> str:
    """``policy_document`` as JSON."""
    return json.dumps(policy_document(bucket=bucket, costs=costs), indent=2)


def _actions(scope: str) -> list[str]:
    return sorted({grant.action for grant in GRANTS.values() if grant.scope == scope and grant.action})
