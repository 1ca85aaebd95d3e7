"""For every check but the distribution's, changes to the account in which nothing is wrong that make it fire.

Each case is one change and the words its evidence must have; the untouched account is the
case in which no check fires.
"""

from __future__ import annotations

from datetime import timedelta

from ops.assess.model import Unread
from tests.ops.assess.aws_shapes import (
    ACCOUNT,
    DOMAIN,
    HOST,
    NAMES,
    NOW,
    certificate_summary,
    public_policy,
    record,
    simulated,
)
from tests.ops.assess.edits import (
    Case,
    access,
    both,
    caller,
    certificate,
    instead,
    no_certificate,
    put,
    records,
    secret,
    statement,
    viewer,
    without,
)

WEBSITE = f"{DOMAIN}.s3-website-us-east-1.amazonaws.com"
DENIED = Unread(action="s3:GetBucketPolicy", reason="denied")
FOREIGN_ACCOUNT = {"DistributionId": "******EXAMPLE", "Alias": NAMES[2], "AccountId": "******999999"}

CASES: dict[str, tuple[Case, ...]] = {
    "account-root-caller": (Case(caller(f"arn:aws:iam::{ACCOUNT}:root"), "root user"),),
    "account-user-keys": (Case(caller(f"arn:aws:iam::{ACCOUNT}:user/anna"), "IAM user"),),
    "account-root-mfa": (
        Case(put("account_summary", {"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 0}), "is 0"),
    ),
    "account-root-keys": (
        Case(put("account_summary", {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 1}), "is 1"),
    ),
    "account-public-access": (
        Case(put("account_public_access", None), "BlockPublicAcls, IgnorePublicAcls"),
        Case(lambda f: f["account_public_access"].update(BlockPublicPolicy=False), "off: BlockPublicPolicy"),
    ),
    "account-permissions": (
        Case(
            put("simulation", simulated(["cloudfront:UpdateDistribution"])),
            "cloudfront:UpdateDistribution",
        ),
        Case(
            put("simulation", simulated(["ecs:CreateService"])),
            "for apiBackend fargate: ecs:CreateService",
            request={"backend": "fargate"},
        ),
    ),
    "s3-bucket-missing": (
        Case(put("bucket", None), f"has no bucket {DOMAIN}", "high"),
        Case(put("bucket", None), f"has no bucket {DOMAIN}", "info", {"bucket": ""}),
    ),
    "s3-other-region": (Case(lambda f: f["bucket"].update(BucketRegion="eu-west-1"), "eu-west-1"),),
    "s3-public-access-block": (
        Case(put("bucket_public_access", None), "RestrictPublicBuckets"),
        Case(lambda f: f["bucket_public_access"].update(IgnorePublicAcls=False), "off: IgnorePublicAcls"),
    ),
    "s3-acl-public": (
        Case(
            put(
                "bucket_acl",
                [
                    {
                        "Grantee": {
                            "Type": "Group",
                            "URI": "http://acs.amazonaws.com/groups/global/AllUsers",
                        },
                        "Permission": "READ",
                    }
                ],
            ),
            "READ to AllUsers",
        ),
    ),
    "s3-acls-enabled": (
        Case(put("bucket_ownership", None), "not set"),
        Case(put("bucket_ownership", "BucketOwnerPreferred"), "BucketOwnerPreferred"),
    ),
    "s3-website-endpoint": (
        Case(put("bucket_website", {"IndexDocument": {"Suffix": "index.html"}}), "index.html"),
        Case(put("bucket_website", {"RedirectAllRequestsTo": {"HostName": "x"}}), "a redirect"),
    ),
    "s3-encryption-kms": (
        Case(
            put(
                "bucket_encryption",
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": "key-1",
                    }
                },
            ),
            "aws:kms with key-1",
            "low",
        ),
        Case(
            put("bucket_encryption", {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}),
            "AWS-managed key",
            "high",
        ),
    ),
    "s3-versioning": (
        Case(put("bucket_versioning", {}), "never enabled"),
        Case(put("bucket_versioning", {"Status": "Suspended"}), "Suspended"),
    ),
    "s3-lifecycle": (
        Case(put("bucket_lifecycle", None), "abandoned multipart uploads and old versions"),
        Case(lambda f: f["bucket_lifecycle"][0].update(Status="Disabled"), "old versions"),
        Case(lambda f: f["bucket_lifecycle"][0].pop("AbortIncompleteMultipartUpload"), "multipart uploads"),
    ),
    "s3-policy-public": (
        Case(put("bucket_policy", public_policy()), "PublicReadGetObject allows s3:GetObject", "high"),
        Case(
            statement(Principal={"AWS": "*"}, Condition={"StringLike": {"aws:Referer": "x"}}),
            "under ['StringLike']",
            "medium",
        ),
    ),
    "s3-policy-write": (
        Case(statement(Principal="*", Action=["s3:Put*"], Condition={}), "s3:Put*"),
        Case(statement(Principal="*", Action="s3:*", Condition={}), "s3:*"),
    ),
    "s3-policy-tls": (
        Case(put("bucket_policy", None), "aws:SecureTransport"),
        Case(put("bucket_policy", public_policy()), "aws:SecureTransport"),
    ),
    "s3-policy-any-distribution": (
        Case(statement(Condition={}), "without AWS:SourceArn"),
        Case(statement(Condition={"StringEquals": {"aws:UserAgent": "x"}}), "without AWS:SourceArn"),
    ),
    "s3-policy-list": (Case(statement(Action=["s3:GetObject", "s3:ListBucket"]), "s3:ListBucket"),),
    "s3-managed": (
        Case(put("bucket_tags", {"aws:cloudformation:stack-name": "web"}), "CloudFormation stack web"),
        Case(put("bucket_tags", {"ManagedBy": "Terraform"}), "Terraform (tag ManagedBy)"),
    ),
    "acm-missing": (Case(no_certificate, f"none of 0 certificates covers {DOMAIN}"),),
    "acm-region": (
        Case(
            both(
                no_certificate,
                put("home_certificates", [certificate_summary(arn="arn:aws:acm:eu-west-1:1:c/1")]),
            ),
            "in eu-west-1",
            request={"region": "eu-west-1"},
        ),
    ),
    "acm-names": (
        Case(certificate(SubjectAlternativeNames=[DOMAIN]), f"{NAMES[1]}, {NAMES[2]} not among {DOMAIN}"),
        Case(certificate(SubjectAlternativeNames=[f"*.{DOMAIN}"]), f"{DOMAIN} not among"),
    ),
    "acm-expiry": (
        Case(certificate(NotAfter=NOW + timedelta(days=44)), "in 44 days", "medium"),
        Case(certificate(NotAfter=NOW + timedelta(days=13)), "in 13 days", "high"),
    ),
    "acm-status": (Case(certificate(Status="PENDING_VALIDATION"), "PENDING_VALIDATION"),),
    "acm-validation-record": (
        Case(without(f"_a1.{NAMES[1]}", "CNAME"), f"_a1.{NAMES[1]}. for {NAMES[1]} is not in zone"),
    ),
    "acm-imported": (Case(certificate(Type="IMPORTED"), "IMPORTED"),),
    "acm-email": (
        Case(
            lambda f: f["certificate"]["DomainValidationOptions"][0].update(ValidationMethod="EMAIL"),
            f"by email: {DOMAIN}",
        ),
    ),
    "acm-iam-certificate": (Case(viewer(IAMCertificateId="ASCAEXAMPLE"), "ASCAEXAMPLE"),),
    "dns-zone-missing": (
        Case(both(put("zones", []), put("delegation", ["a.ns.cloudflare.com"])), "a.ns.cloudflare.com"),
        Case(both(put("zones", []), put("delegation", [])), "no name servers answer"),
    ),
    "dns-zone-twice": (
        Case(lambda f: f["zones"].append({**f["zones"][0], "Id": "/hostedzone/Z0SECOND"}), "Z0SECOND"),
    ),
    "dns-delegation": (
        Case(put("delegation", ["ns1.registrar.example"]), "DNS says ns1.registrar.example"),
        Case(put("delegation", []), "DNS says nothing"),
    ),
    "dns-apex": (
        Case(without(DOMAIN, "A"), "no A record"),
        Case(instead(DOMAIN, "A", record(DOMAIN, "A", "192.0.2.1")), "A 192.0.2.1"),
    ),
    "dns-ipv6": (Case(without(DOMAIN, "AAAA"), "no AAAA record"),),
    "dns-https": (Case(without(DOMAIN, "HTTPS"), "no HTTPS record"),),
    "dns-www": (Case(without(NAMES[1], "A", "AAAA", "HTTPS"), "no A record"),),
    "dns-api-taken": (
        Case(instead(NAMES[2], "A", record(NAMES[2], "A", "192.0.2.7")), "A 192.0.2.7"),
        Case(
            both(
                without(NAMES[2], "A", "AAAA", "HTTPS"),
                records(lambda rows: [*rows, record(NAMES[2], "CNAME", "old.example.com.")]),
            ),
            "CNAME old.example.com.",
        ),
    ),
    "dns-caa": (
        Case(
            instead(DOMAIN, "CAA", record(DOMAIN, "CAA", '0 issue "letsencrypt.org"')),
            "CAA allows letsencrypt.org",
        ),
        Case(instead(DOMAIN, "CAA", record(DOMAIN, "CAA", '0 issue ";"')), "CAA allows nobody"),
    ),
    "dns-cname": (
        Case(
            both(
                without(NAMES[1], "A", "AAAA", "HTTPS"),
                records(lambda rows: [*rows, record(NAMES[1], "CNAME", f"{HOST}.")]),
            ),
            f"CNAME {HOST}",
        ),
    ),
    "secrets-api-key": (Case(put("secrets", []), "no secret of this name"),),
    "secrets-aws-credentials": (
        Case(lambda f: f["secrets"].append(secret("orchestrator/aws-credentials")), "aws-credentials-AbCdEf"),
    ),
    "secrets-rotation": (Case(lambda f: f["secrets"][0].update(RotationEnabled=False), "is false"),),
    "secrets-deletion": (Case(lambda f: f["secrets"][0].update(DeletedDate=NOW), "deleted 2026-11-24"),),
    "bedrock-profile": (
        Case(put("inference_profiles", []), "not among 0 profiles of us-east-1"),
        Case(
            lambda f: f["inference_profiles"].pop(0),
            "not among 1 profiles",
        ),
    ),
    "bedrock-model": (
        Case(lambda f: f.update(model_access=dict.fromkeys(f["model_access"])), "is unknown in us-east-1"),
        Case(
            lambda f: f.update(
                model_access={
                    "amazon.nova-lite-v1:0": {
                        **next(iter(f["model_access"].values())),
                        "regionAvailability": "NOT_AVAILABLE",
                    }
                }
            ),
            "regionAvailability NOT_AVAILABLE",
        ),
    ),
    "bedrock-access": (
        Case(access(authorizationStatus="NOT_AUTHORIZED"), "authorization NOT_AUTHORIZED"),
        Case(access(agreementAvailability={"status": "NOT_AVAILABLE"}), "agreement NOT_AVAILABLE"),
        Case(access(entitlementAvailability="NOT_AVAILABLE"), "entitlement NOT_AVAILABLE"),
    ),
    "compute-concurrency": (
        Case(
            put("lambda_settings", {"AccountLimit": {"ConcurrentExecutions": 10}}), "ConcurrentExecutions 10"
        ),
    ),
    "compute-gateway-role": (
        Case(
            put("api_gateway_account", {"cloudwatchRoleArn": f"arn:aws:iam::{ACCOUNT}:role/apigw"}),
            "cloudwatchRoleArn is set",
        ),
    ),
    "compute-candidates": (
        Case(put("lambda_functions", [{"FunctionName": "chat-backend"}]), "chat-backend"),
        Case(
            put(
                "instances",
                [
                    {
                        "InstanceId": "i-1",
                        "Tags": [{"Key": "Name", "Value": "api-1"}],
                        "MetadataOptions": {"HttpTokens": "required"},
                    }
                ],
            ),
            "api-1",
        ),
    ),
    "compute-imds": (
        Case(
            put("instances", [{"InstanceId": "i-1", "MetadataOptions": {"HttpTokens": "optional"}}]),
            "HttpTokens optional",
        ),
    ),
    "monitoring-alarms": (
        Case(put("alarms", []), "none of 0 alarms"),
        Case(lambda f: f["alarms"][0].update(Namespace="AWS/Lambda"), "none of 1 alarms"),
    ),
    "monitoring-alarm-actions": (
        Case(lambda f: f["alarms"][0].update(AlarmActions=[]), "no alarm action"),
        Case(lambda f: f["alarms"][0].update(ActionsEnabled=False), "switched off"),
    ),
    "monitoring-log-retention": (
        Case(lambda f: f["log_groups"][0].pop("retentionInDays"), "1.0 GB without an end"),
    ),
    "monitoring-budget": (
        Case(put("budgets", []), "0 budgets"),
        Case(lambda f: f["budgets"][0].update(BudgetType="USAGE"), "1 budgets, none of type COST"),
    ),
    "monitoring-anomalies": (Case(put("anomaly_monitors", []), "no anomaly monitor"),),
}
