"""A private bucket: no public access, no ACLs, encrypted, over TLS only."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_aws import s3

from components.iam import Statement, document
from components.orchestrator_api.maker import Maker
from components.orchestrator_api.permissions import Text, join

PARTS = ("access", "ownership", "encryption", "policy")


def children(key: str) -> tuple[str, ...]:
    """Keys of a private bucket's children."""
    return (key, *(f"{key}-{part}" for part in PARTS))


def private_bucket(
    make: Maker, key: str, *statements: Statement, force_destroy: bool = False, **options: Any
) -> tuple[s3.Bucket, s3.BucketPolicy]:
    """The bucket and its policy.

    Encrypted with Amazon's keys (SSE-S3): load balancers can write to nothing else, and artifacts are
    no secret.

    Args:
        make: names and options.
        key: key of the bucket; its parts' keys start with it.
        *statements: of its policy; ``{bucket}`` as first resource part stands for its ARN.
        force_destroy: whether the bucket may go with its objects.
        **options: resource options of the bucket.
    """
    bucket = s3.Bucket(
        f"{make.name}-{key}",
        force_destroy=force_destroy,
        tags=dict(make.args.tags),
        opts=make.child(key, **options),
    )
    access = s3.BucketPublicAccessBlock(
        f"{make.name}-{key}-access",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=make.child(f"{key}-access"),
    )
    s3.BucketOwnershipControls(
        f"{make.name}-{key}-ownership",
        bucket=bucket.id,
        rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=make.child(f"{key}-ownership"),
    )
    algorithm = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="AES256"
    )
    s3.BucketServerSideEncryptionConfiguration(
        f"{make.name}-{key}-encryption",
        bucket=bucket.id,
        rules=[
            s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=algorithm
            )
        ],
        opts=make.child(f"{key}-encryption"),
    )
    policy = s3.BucketPolicy(
        f"{make.name}-{key}-policy",
        bucket=bucket.id,
        policy=pulumi.Output.json_dumps(tls_only(bucket.arn, *statements)),
        opts=make.child(f"{key}-policy", depends_on=[access]),
    )
    return bucket, policy


def tls_only(bucket_arn: Text, *statements: Statement) -> dict[str, Any]:
    """A bucket policy that denies what does not come over TLS (Security Hub S3.5), and says ``statements``.

    A statement's resources are paths in the bucket, such as ``/AWSLogs/*``.
    """
    deny = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, join(bucket_arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    rest = [{**s, "Resource": [join(bucket_arn, path) for path in s["Resource"]]} for s in statements]
    return document(deny, *rest)
