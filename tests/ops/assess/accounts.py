"""Accounts as data: the site as it usually stands, and one where nothing is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.ops.assess.aws_shapes import (
    ACCOUNT,
    ACL,
    ARN,
    DOMAIN,
    HOST,
    ID,
    MODELS,
    NAMES,
    NS,
    OAC,
    certificate,
    certificate_summary,
    distribution,
    distribution_config,
    distribution_list,
    healthy_config,
    oac_policy,
    public_policy,
    record,
    simulated_all,
    summary,
    web_acl,
)
from tests.ops.assess.fake_aws import Answer, Refusal


def _base() -> dict[tuple[str, str], Answer]:
    """What both accounts have in common."""
    return {
        ("sts", "GetCallerIdentity"): {
            "UserId": "AROAEXAMPLE:deployer",
            "Account": ACCOUNT,
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/deployer",
        },
        ("iam", "SimulatePrincipalPolicy"): simulated_all,
        ("iam", "GetAccountSummary"): {"SummaryMap": {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0}},
        ("s3", "ListBuckets"): {
            "Buckets": [
                {
                    "Name": DOMAIN,
                    "BucketRegion": "us-east-1",
                    "CreationDate": datetime(2023, 1, 1, tzinfo=UTC),
                },
                {
                    "Name": f"{DOMAIN}-backup",
                    "BucketRegion": "us-east-1",
                    "CreationDate": datetime(2023, 1, 1, tzinfo=UTC),
                },
            ],
            "Owner": {"ID": "0" * 64},
        },
        ("s3", "GetBucketEncryption"): {
            "ServerSideEncryptionConfiguration": {
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                        "BucketKeyEnabled": False,
                    }
                ]
            }
        },
        ("resourcegroupstaggingapi", "GetResources"): {"ResourceTagMappingList": []},
        ("pricing-plan-manager", "ListSubscriptions"): {"subscriptionSummaries": []},
        ("acm", "ListCertificates"): {"CertificateSummaryList": [certificate_summary([DOMAIN])]},
        ("route53", "ListHostedZonesByName"): {
            "HostedZones": [
                {
                    "Id": "/hostedzone/Z0123456789ABC",
                    "Name": f"{DOMAIN}.",
                    "CallerReference": "x",
                    "Config": {"PrivateZone": False},
                    "ResourceRecordSetCount": 6,
                },
                {
                    "Id": "/hostedzone/Z0OTHER",
                    "Name": "zebra.com.",
                    "CallerReference": "y",
                    "Config": {"PrivateZone": False},
                },
            ],
            "IsTruncated": False,
            "MaxItems": "10",
        },
        ("bedrock", "ListInferenceProfiles"): {"inferenceProfileSummaries": [_profile(m) for m in MODELS]},
        ("bedrock", "GetFoundationModelAvailability"): lambda params: {
            "modelId": params["modelId"],
            "agreementAvailability": {"status": "AVAILABLE"},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE",
        },
        ("lambda", "ListFunctions"): {"Functions": []},
        ("apigateway", "GetRestApis"): {"items": []},
        ("apigatewayv2", "GetApis"): {"Items": []},
        ("apigateway", "GetAccount"): {"throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0}},
        ("ecs", "ListClusters"): {"clusterArns": []},
        ("elbv2", "DescribeLoadBalancers"): {"LoadBalancers": []},
        ("ec2", "DescribeInstances"): {"Reservations": []},
    }


def _profile(model: str) -> dict[str, Any]:
    return {
        "inferenceProfileName": model,
        "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/{model}",
        "inferenceProfileId": model,
        "models": [{"modelArn": f"arn:aws:bedrock:::foundation-model/{model.split('.', 1)[1]}"}],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def plain_site() -> dict[tuple[str, str], Answer]:
    """A plain site's account: a public bucket, a distribution, a certificate, a zone, and nothing else."""
    config = distribution_config()
    return {
        **_base(),
        ("s3control", "GetPublicAccessBlock"): Refusal("NoSuchPublicAccessBlockConfiguration", status=404),
        ("s3", "GetPublicAccessBlock"): Refusal("NoSuchPublicAccessBlockConfiguration", status=404),
        ("s3", "GetBucketPolicy"): {"Policy": public_policy()},
        ("s3", "GetBucketWebsite"): {"IndexDocument": {"Suffix": "index.html"}},
        ("s3", "GetBucketVersioning"): {},
        ("s3", "GetBucketLifecycleConfiguration"): Refusal("NoSuchLifecycleConfiguration", status=404),
        ("s3", "GetBucketOwnershipControls"): Refusal("OwnershipControlsNotFoundError", status=404),
        ("s3", "GetBucketAcl"): {
            "Owner": {"ID": "0" * 64},
            "Grants": [{"Grantee": {"Type": "CanonicalUser", "ID": "0" * 64}, "Permission": "FULL_CONTROL"}],
        },
        ("cloudfront", "ListDistributions"): distribution_list([summary(config)]),
        ("cloudfront", "GetDistribution"): distribution(config),
        ("cloudfront", "ListConflictingAliases"): {
            "ConflictingAliasesList": {"MaxItems": 100, "Quantity": 0}
        },
        ("logs", "DescribeDeliverySources"): {"deliverySources": []},
        ("acm", "DescribeCertificate"): certificate([DOMAIN]),
        ("route53", "ListResourceRecordSets"): {
            "ResourceRecordSets": [
                record(DOMAIN, "A", alias=HOST),
                record(DOMAIN, "NS", *(f"{server}." for server in NS)),
                record(DOMAIN, "SOA", f"{NS[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"),
                record(f"_a0.{DOMAIN}", "CNAME", "_b0.acm-validations.aws."),
            ],
            "IsTruncated": False,
            "MaxItems": "300",
        },
        ("secretsmanager", "ListSecrets"): {"SecretList": []},
        ("lambda", "GetAccountSettings"): {"AccountLimit": {"ConcurrentExecutions": 10}},
        ("cloudwatch", "DescribeAlarms"): {"MetricAlarms": []},
        ("logs", "DescribeLogGroups"): {"logGroups": []},
        ("budgets", "DescribeBudgets"): {},
    }


def healthy() -> dict[tuple[str, str], Answer]:
    """An account in which every check passes."""
    config = healthy_config()
    flags = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    block = {"PublicAccessBlockConfiguration": flags}
    return {
        **_base(),
        ("s3control", "GetPublicAccessBlock"): block,
        ("s3", "GetPublicAccessBlock"): block,
        ("s3", "GetBucketPolicy"): {"Policy": oac_policy()},
        ("s3", "GetBucketWebsite"): Refusal("NoSuchWebsiteConfiguration", status=404),
        ("s3", "GetBucketVersioning"): {"Status": "Enabled"},
        ("s3", "GetBucketLifecycleConfiguration"): {
            "Rules": [
                {
                    "ID": "tidy",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                }
            ]
        },
        ("s3", "GetBucketOwnershipControls"): {
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        },
        ("cloudfront", "ListDistributions"): distribution_list([summary(config)]),
        ("cloudfront", "GetDistribution"): distribution(config),
        ("cloudfront", "GetOriginAccessControl"): {
            "OriginAccessControl": {
                "Id": OAC,
                "OriginAccessControlConfig": {
                    "Name": "site",
                    "SigningProtocol": "sigv4",
                    "SigningBehavior": "always",
                    "OriginAccessControlOriginType": "s3",
                },
            }
        },
        ("cloudfront", "DescribeFunction"): {
            "FunctionSummary": {
                "Name": "site-edge",
                "Status": "DEPLOYED",
                "FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"},
                "FunctionMetadata": {
                    "FunctionARN": f"arn:aws:cloudfront::{ACCOUNT}:function/site-edge",
                    "Stage": "LIVE",
                    "LastModifiedTime": datetime(2026, 1, 1, tzinfo=UTC),
                },
            }
        },
        ("logs", "DescribeDeliverySources"): {
            "deliverySources": [
                {"name": "site", "resourceArns": [ARN], "service": "cloudfront", "logType": "ACCESS_LOGS"}
            ]
        },
        ("wafv2", "GetWebACL"): {"WebACL": web_acl()},
        ("wafv2", "GetLoggingConfiguration"): {
            "LoggingConfiguration": {
                "ResourceArn": ACL,
                "LogDestinationConfigs": [f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:aws-waf-logs-site"],
            }
        },
        ("acm", "ListCertificates"): {"CertificateSummaryList": [certificate_summary()]},
        ("acm", "DescribeCertificate"): certificate(),
        ("route53", "ListResourceRecordSets"): {
            "ResourceRecordSets": [
                record(DOMAIN, "NS", *(f"{server}." for server in NS)),
                record(DOMAIN, "CAA", '0 issue "letsencrypt.org"', '0 issue "amazon.com"'),
                *(record(name, kind, alias=HOST) for name in NAMES for kind in ("A", "AAAA", "HTTPS")),
                *(
                    record(f"_a{number}.{name}", "CNAME", f"_b{number}.acm-validations.aws.")
                    for number, name in enumerate(NAMES)
                ),
            ],
            "IsTruncated": False,
            "MaxItems": "300",
        },
        ("secretsmanager", "ListSecrets"): {
            "SecretList": [
                {
                    "ARN": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:orchestrator/api-key-AbCdEf",
                    "Name": "orchestrator/api-key",
                    "RotationEnabled": True,
                    "LastAccessedDate": datetime(2026, 11, 23, tzinfo=UTC),
                }
            ]
        },
        ("lambda", "GetAccountSettings"): {"AccountLimit": {"ConcurrentExecutions": 1000}},
        ("resourcegroupstaggingapi", "GetResources"): {
            "ResourceTagMappingList": [
                {
                    "ResourceARN": ARN,
                    "Tags": [
                        {"Key": "Project", "Value": "orchestrator"},
                        {"Key": "Stack", "Value": "prod"},
                        {"Key": "ManagedBy", "Value": "pulumi"},
                    ],
                }
            ]
        },
        ("cloudwatch", "DescribeAlarms"): {
            "MetricAlarms": [
                {
                    "AlarmName": "site-5xx",
                    "ActionsEnabled": True,
                    "AlarmActions": [f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"],
                    "Namespace": "AWS/CloudFront",
                    "MetricName": "5xxErrorRate",
                    "Dimensions": [
                        {"Name": "DistributionId", "Value": ID},
                        {"Name": "Region", "Value": "Global"},
                    ],
                }
            ]
        },
        ("logs", "DescribeLogGroups"): {
            "logGroups": [
                {"logGroupName": "/aws/lambda/billing", "retentionInDays": 30, "storedBytes": 10**9}
            ]
        },
        ("budgets", "DescribeBudgets"): {
            "Budgets": [
                {
                    "BudgetName": "monthly",
                    "BudgetLimit": {"Amount": "50", "Unit": "USD"},
                    "TimeUnit": "MONTHLY",
                    "BudgetType": "COST",
                }
            ]
        },
    }
