"""The private bucket behind the distribution, and the bucket that keeps the logs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.component import Component, protection
from components.static_site.args import StaticSiteArgs

if TYPE_CHECKING:
    from pulumi_aws import s3

NONCURRENT_DAYS = 30
"""Days an overwritten or deleted object can be had back."""

ABANDONED_UPLOAD_DAYS = 7

SERVER_LOG_PREFIX = "s3/"
"""Where the log bucket keeps who wrote to and deleted from the content bucket."""


@dataclass(frozen=True, kw_only=True)
class ContentBucket:
    """All the rest of the site needs to know of a bucket, new or adopted.

    Attributes:
        name: bucket name.
        arn: its ARN.
        regional_domain_name: host of the origin.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    regional_domain_name: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class LogBucket:
    """The bucket of the access logs; ``policy`` must be there before the first delivery."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    policy: pulumi.Resource


def make_content_bucket(component: Component, name: str, args: StaticSiteArgs) -> ContentBucket:
    """A private, versioned, encrypted bucket without ACLs. Its policy follows with the distribution."""
    from pulumi_aws import s3

    bucket = _private_bucket(component, name, args, "bucket")
    s3.BucketVersioning(
        f"{name}-bucket-versioning",
        bucket=bucket.bucket,
        versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=component.child("bucket_versioning", **protection(args.protect_data)),
    )
    s3.BucketLifecycleConfiguration(
        f"{name}-bucket-lifecycle",
        bucket=bucket.bucket,
        rules=[
            _abandoned_uploads(),
            s3.BucketLifecycleConfigurationRuleArgs(
                id="expire-noncurrent-versions",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                    noncurrent_days=NONCURRENT_DAYS
                ),
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(
                    expired_object_delete_marker=True
                ),
            ),
        ],
        opts=component.child("bucket_lifecycle"),
    )
    return ContentBucket(
        name=bucket.bucket, arn=bucket.arn, regional_domain_name=bucket.bucket_regional_domain_name
    )


def make_content_policy(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    bucket: ContentBucket,
    distribution_arn: pulumi.Output[str],
) -> None:
    """Lets this one distribution read, and nobody speak without TLS."""
    from pulumi_aws import s3

    s3.BucketPolicy(
        f"{name}-bucket-policy",
        bucket=bucket.name,
        policy=pulumi.Output.all(bucket.arn, distribution_arn).apply(
            lambda known: json.dumps(content_policy(known[0], known[1]))
        ),
        opts=component.child("bucket_policy", **protection(args.protect_data)),
    )


def make_log_bucket(
    component: Component,
    name: str,
    args: StaticSiteArgs,
    content: ContentBucket,
    *,
    server_log: bool = True,
) -> LogBucket:
    """The bucket that CloudFront's access logs and the content bucket's server logs go to.

    S3 and not CloudWatch Logs: an access log is one line for every request, which CloudWatch Logs
    charges by the gigabyte taken in (https://aws.amazon.com/cloudwatch/pricing/, vended logs) while
    the delivery of CloudFront's standard logs to S3 costs storage only
    (https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html).
    The lifecycle rule keeps the same retention. Without ``server_log`` the content bucket's own
    logging is left as it is.
    """
    from pulumi_aws import s3

    bucket = _private_bucket(component, name, args, "logs")
    s3.BucketLifecycleConfiguration(
        f"{name}-logs-lifecycle",
        bucket=bucket.bucket,
        rules=[
            _abandoned_uploads(),
            s3.BucketLifecycleConfigurationRuleArgs(
                id="expire-logs",
                status="Enabled",
                filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.log_retention_days),
            ),
        ],
        opts=component.child("logs_lifecycle"),
    )
    policy = s3.BucketPolicy(
        f"{name}-logs-policy",
        bucket=bucket.bucket,
        policy=pulumi.Output.all(bucket.arn, content.arn, args.account_id).apply(
            lambda known: json.dumps(log_policy(known[0], content_arn=known[1], account_id=known[2]))
        ),
        opts=component.child("logs_policy", **protection(args.protect_data)),
    )
    if server_log:
        s3.BucketLogging(
            f"{name}-bucket-logging",
            bucket=content.name,
            target_bucket=bucket.bucket,
            target_prefix=SERVER_LOG_PREFIX,
            opts=component.child("bucket_logging", depends_on=[policy]),
        )
    return LogBucket(name=bucket.bucket, arn=bucket.arn, policy=policy)


def content_policy(bucket_arn: str, distribution_arn: str) -> dict[str, Any]:
    """The policy document of the content bucket.

    No ListBucket, so that a missing key is a 403 and the bucket cannot be listed through the
    distribution. The condition keeps every other distribution of the world out:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
    """
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DistributionReads",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": f"{bucket_arn}/*",
                "Condition": {"StringEquals": {"AWS:SourceArn": distribution_arn}},
            },
            _tls_only(bucket_arn),
        ],
    }


def log_policy(bucket_arn: str, *, content_arn: str, account_id: str) -> dict[str, Any]:
    """The policy document of the log bucket.

    The first two statements are the ones AWS names for deliveries of CloudWatch vended logs; their
    source is in us-east-1, as everything of CloudFront's:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-S3.html
    The third is S3's: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
    """
    delivery = {"Service": "delivery.logs.amazonaws.com"}
    sources = {"aws:SourceArn": f"arn:aws:logs:us-east-1:{account_id}:delivery-source:*"}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LogDeliveryWrites",
                "Effect": "Allow",
                "Principal": delivery,
                "Action": "s3:PutObject",
                "Resource": f"{bucket_arn}/AWSLogs/{account_id}/*",
                "Condition": {
                    "StringEquals": {
                        "s3:x-amz-acl": "bucket-owner-full-control",
                        "aws:SourceAccount": account_id,
                    },
                    "ArnLike": sources,
                },
            },
            {
                "Sid": "LogDeliveryChecks",
                "Effect": "Allow",
                "Principal": delivery,
                "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
                "Resource": bucket_arn,
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}, "ArnLike": sources},
            },
            {
                "Sid": "ServerAccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": f"{bucket_arn}/{SERVER_LOG_PREFIX}*",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account_id},
                    "ArnLike": {"aws:SourceArn": content_arn},
                },
            },
            _tls_only(bucket_arn),
        ],
    }


def _tls_only(bucket_arn: str) -> dict[str, Any]:
    # https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html#s3-5
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _private_bucket(component: Component, name: str, args: StaticSiteArgs, role: str) -> s3.Bucket:
    """A bucket with everything that keeps it private. ``role`` is part of each child's name."""
    from pulumi_aws import s3

    keep = protection(args.protect_data)
    bucket = s3.Bucket(
        f"{name}-{role}",
        # The deployer fills it, not Pulumi: without this no development stack could be destroyed.
        force_destroy=not args.protect_data,
        tags=args.tags,
        opts=component.child(role, **keep),
    )
    s3.BucketPublicAccessBlock(
        f"{name}-{role}-public-access",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=component.child(f"{role}_public_access", **keep),
    )
    s3.BucketOwnershipControls(
        f"{name}-{role}-ownership",
        bucket=bucket.bucket,
        rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=component.child(f"{role}_ownership", **keep),
    )
    s3.BucketServerSideEncryptionConfiguration(
        f"{name}-{role}-encryption",
        bucket=bucket.bucket,
        # SSE-S3: the site is public by design, and with a KMS key every cache miss would call KMS.
        rules=[
            s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                    sse_algorithm="AES256"
                )
            )
        ],
        opts=component.child(f"{role}_encryption", **keep),
    )
    return bucket


def _abandoned_uploads() -> s3.BucketLifecycleConfigurationRuleArgs:
    from pulumi_aws import s3

    return s3.BucketLifecycleConfigurationRuleArgs(
        id="abort-abandoned-uploads",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=ABANDONED_UPLOAD_DAYS
        ),
    )
