"""The buckets: exact security inputs, lifecycle, policy documents."""

from __future__ import annotations

import json

from components.static_site.bucket import content_policy, log_policy
from tests.components.static_site.build import TAGS, deployed

BUCKET = "arn:aws:s3:::b"
TLS_ONLY = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [BUCKET, BUCKET + "/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
PRIVATE = {
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}


def test_the_content_policy_is_pinned_to_one_distribution() -> None:
    assert content_policy(BUCKET, "arn:aws:cloudfront::1:distribution/E1") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "DistributionReads",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": BUCKET + "/*",
                "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::1:distribution/E1"}},
            },
            TLS_ONLY,
        ],
    }


def test_the_log_policy_lets_the_two_writers_write() -> None:
    source = {"aws:SourceArn": "arn:aws:logs:us-east-1:123456789012:delivery-source:*"}
    assert log_policy(BUCKET, content_arn="arn:aws:s3:::c", account_id="123456789012") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LogDeliveryWrites",
                "Effect": "Allow",
                "Principal": {"Service": "delivery.logs.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": BUCKET + "/AWSLogs/123456789012/*",
                "Condition": {
                    "StringEquals": {
                        "s3:x-amz-acl": "bucket-owner-full-control",
                        "aws:SourceAccount": "123456789012",
                    },
                    "ArnLike": source,
                },
            },
            {
                "Sid": "LogDeliveryChecks",
                "Effect": "Allow",
                "Principal": {"Service": "delivery.logs.amazonaws.com"},
                "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
                "Resource": BUCKET,
                "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}, "ArnLike": source},
            },
            {
                "Sid": "ServerAccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": BUCKET + "/s3/*",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": "123456789012"},
                    "ArnLike": {"aws:SourceArn": "arn:aws:s3:::c"},
                },
            },
            TLS_ONLY,
        ],
    }


def test_both_buckets_are_private_encrypted_and_without_acls() -> None:
    d = deployed()
    for role in ("bucket", "logs"):
        bucket = d.one("aws:s3/bucket:Bucket", f"site-{role}")
        assert bucket.inputs == {"forceDestroy": True, "tags": TAGS}
        name = bucket.outputs["bucket"]
        kind = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
        assert d.one(kind, f"site-{role}-public-access").inputs == {"bucket": name, **PRIVATE}
        kind = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
        assert d.one(kind, f"site-{role}-ownership").inputs == {
            "bucket": name,
            "rule": {"objectOwnership": "BucketOwnerEnforced"},
        }
        kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
        assert d.one(kind, f"site-{role}-encryption").inputs == {
            "bucket": name,
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        }


def test_the_policies_name_this_distribution_and_these_buckets() -> None:
    d = deployed()
    bucket = d.one("aws:s3/bucket:Bucket", "site-bucket")
    logs = d.one("aws:s3/bucket:Bucket", "site-logs")
    distribution = d.one("aws:cloudfront/distribution:Distribution")
    policy = d.one("aws:s3/bucketPolicy:BucketPolicy", "site-bucket-policy")
    assert policy.inputs["bucket"] == bucket.outputs["bucket"]
    assert json.loads(policy.inputs["policy"]) == content_policy(
        bucket.outputs["arn"], distribution.outputs["arn"]
    )
    policy = d.one("aws:s3/bucketPolicy:BucketPolicy", "site-logs-policy")
    assert policy.inputs["bucket"] == logs.outputs["bucket"]
    assert json.loads(policy.inputs["policy"]) == log_policy(
        logs.outputs["arn"], content_arn=bucket.outputs["arn"], account_id="123456789012"
    )


def test_only_the_content_bucket_is_versioned_and_its_old_versions_end() -> None:
    d = deployed()
    bucket = d.one("aws:s3/bucket:Bucket", "site-bucket").outputs["bucket"]
    assert d.one("aws:s3/bucketVersioning:BucketVersioning").inputs == {
        "bucket": bucket,
        "versioningConfiguration": {"status": "Enabled"},
    }
    abandoned = {
        "id": "abort-abandoned-uploads",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
    }
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    assert d.one(kind, "site-bucket-lifecycle").inputs == {
        "bucket": bucket,
        "rules": [
            abandoned,
            {
                "id": "expire-noncurrent-versions",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrentVersionExpiration": {"noncurrentDays": 30},
                "expiration": {"expiredObjectDeleteMarker": True},
            },
        ],
    }
    rules = d.one(kind, "site-logs-lifecycle").inputs["rules"]
    assert rules == [
        abandoned,
        {"id": "expire-logs", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 30}},
    ]


def test_logs_end_with_the_retention_asked_for() -> None:
    d = deployed(log_retention_days=365)
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    assert d.one(kind, "site-logs-lifecycle").inputs["rules"][1]["expiration"] == {"days": 365}


def test_access_logs_go_to_the_log_bucket_only_once_its_policy_is_there() -> None:
    d = deployed()
    logs = d.one("aws:s3/bucket:Bucket", "site-logs")
    policy = d.one("aws:s3/bucketPolicy:BucketPolicy", "site-logs-policy")
    server = d.one("aws:s3/bucketLogging:BucketLogging")
    assert server.inputs == {
        "bucket": d.one("aws:s3/bucket:Bucket", "site-bucket").outputs["bucket"],
        "targetBucket": logs.outputs["bucket"],
        "targetPrefix": "s3/",
    }
    source = d.one("aws:cloudwatch/logDeliverySource:LogDeliverySource")
    assert source.inputs == {
        "region": "us-east-1",
        "name": "site-dev-us-east-1",
        "logType": "ACCESS_LOGS",
        "resourceArn": d.one("aws:cloudfront/distribution:Distribution").outputs["arn"],
        "tags": TAGS,
    }
    destination = d.one("aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination")
    assert destination.inputs == {
        "region": "us-east-1",
        "name": "site-dev-us-east-1",
        "outputFormat": "json",
        "deliveryDestinationConfiguration": {"destinationResourceArn": logs.outputs["arn"]},
        "tags": TAGS,
    }
    assert d.one("aws:cloudwatch/logDelivery:LogDelivery").inputs == {
        "region": "us-east-1",
        "deliverySourceName": "site-dev-us-east-1",
        "deliveryDestinationArn": destination.outputs["arn"],
        "tags": TAGS,
    }
    assert policy.urn in server.depends_on
    assert policy.urn in destination.depends_on
