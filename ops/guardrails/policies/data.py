"""What holds data outlives its stack, and can be got back."""

from __future__ import annotations

from collections.abc import Iterator

from ops.guardrails.facts import as_list, attached, get, protects_data
from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.plan import Plan, PlannedResource

HOLDS_DATA = frozenset(
    {
        "aws:s3/bucket:Bucket",
        "aws:dynamodb/table:Table",
        "aws:secretsmanager/secret:Secret",
        "aws:cloudfront/distribution:Distribution",
        "aws:route53/zone:Zone",
        "aws:kms/key:Key",
    }
)
"""What cannot be made again as it was: contents, keys, and names that others point at."""

_BACKUP = f"{WELL_ARCHITECTED}/reliability-pillar/back-up-data.html"


@policy(
    "data-protected",
    "mandatory",
    "With protectData on, buckets, tables, secrets, keys, distribution and zone are protected and retained.",
    sources=(
        _BACKUP,
        "https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/protecting-data-at-rest.html",
    ),
)
def data_protected(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    for resource in plan.custom():
        if resource.type in HOLDS_DATA:
            missing = [
                option
                for option, given in (
                    ("protect", resource.protect),
                    ("retain_on_delete", resource.retain_on_delete),
                )
                if not given
            ]
            if missing:
                yield Violation(
                    resource=resource,
                    message=f"without {' and '.join(missing)}",
                    mend="pass protection(protect_data) from components.component to its options",
                    subjects=tuple(missing),
                )


@policy(
    "data-not-forced-away",
    "mandatory",
    "With protectData on, nothing is deleted together with what it holds.",
    sources=(_BACKUP,),
)
def data_not_forced_away(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    for resource in plan.custom():
        for key in ("forceDestroy", "forceDelete"):
            if resource.inputs.get(key) is True:
                yield Violation(
                    resource=resource, message=f"{key} is true", mend=f"leave {key} out", subjects=(key,)
                )
        if (
            resource.type == "aws:secretsmanager/secret:Secret"
            and resource.inputs.get("recoveryWindowInDays") == 0
        ):
            yield Violation(
                resource=resource,
                message="recoveryWindowInDays is 0: a deleted secret is gone at once",
                mend="leave it out (30 days)",
                subjects=("recoveryWindowInDays",),
            )


@policy(
    "bucket-versioned",
    "mandatory",
    "With protectData on, every bucket that does not only take logs keeps earlier versions.",
    controls=("S3.14",),
)
def bucket_versioned(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    versionings = plan.all("aws:s3/bucketVersioning:BucketVersioning")
    for bucket in plan.all("aws:s3/bucket:Bucket"):
        states = {
            get(v.inputs, "versioningConfiguration", "status")
            for v in attached(bucket, versionings, "bucket")
        }
        if "Enabled" not in states and not takes_logs(plan, bucket):
            yield Violation(resource=bucket, message="not versioned", mend="add a BucketVersioning, Enabled")


@policy(
    "bucket-lifecycle",
    "mandatory",
    "What a bucket piles up ends: logs, earlier versions, broken uploads.",
    controls=("S3.13", "S3.10"),
)
def bucket_lifecycle(plan: Plan) -> Iterator[Violation]:
    lifecycles = plan.all("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    for bucket in plan.all("aws:s3/bucket:Bucket"):
        rules = [
            rule
            for lifecycle in attached(bucket, lifecycles, "bucket")
            for rule in as_list(lifecycle.inputs.get("rules"))
            if rule.get("status") == "Enabled"
        ]
        ends = ("expiration", "noncurrentVersionExpiration", "abortIncompleteMultipartUpload")
        if not any(rule.get(end) for rule in rules for end in ends):
            yield Violation(
                resource=bucket,
                message="no enabled lifecycle rule: it only grows",
                mend="add a BucketLifecycleConfiguration",
            )


def takes_logs(plan: Plan, bucket: PlannedResource) -> bool:
    """Whether load balancers, deliveries or other buckets write their logs here."""
    arn, name = bucket.outputs.get("arn"), bucket.inputs.get("bucket") or bucket.outputs.get("bucket")
    for resource in plan.custom():
        targets = (
            get(resource.inputs, "accessLogs", "bucket"),
            get(resource.inputs, "deliveryDestinationConfiguration", "destinationResourceArn"),
            resource.inputs.get("targetBucket"),
            resource.inputs.get("logDestination"),
        )
        if any((t and str(t) in {arn, name}) or (arn and str(t).startswith(f"{arn}/")) for t in targets):
            return True
    return False


@policy(
    "table-recoverable",
    "mandatory",
    "Every table can go back to any second; with protectData on it cannot be deleted by mistake.",
    controls=("DynamoDB.2", "DynamoDB.6"),
)
def table_recoverable(plan: Plan) -> Iterator[Violation]:
    for table in plan.all("aws:dynamodb/table:Table"):
        if get(table.inputs, "pointInTimeRecovery", "enabled") is not True:
            yield Violation(
                resource=table,
                message="no point-in-time recovery",
                mend="set point_in_time_recovery enabled",
                subjects=("pointInTimeRecovery",),
            )
        if protects_data(plan) and table.inputs.get("deletionProtectionEnabled") is not True:
            yield Violation(
                resource=table,
                message="deletionProtectionEnabled is off",
                mend="set deletion_protection_enabled=True",
                subjects=("deletionProtectionEnabled",),
            )


@policy(
    "key-deletion-waits",
    "mandatory",
    "With protectData on, deleting a key takes the full 30 days in which it can be taken back.",
    controls=("KMS.3",),
)
def key_deletion_waits(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    for key in plan.all("aws:kms/key:Key"):
        if key.inputs.get("deletionWindowInDays", 30) != 30:
            yield Violation(
                resource=key,
                message=f"deletionWindowInDays is {key.inputs['deletionWindowInDays']}",
                mend="set 30, or leave it out",
            )


@policy(
    "secret-rotates",
    "advisory",
    "With protectData on, every secret rotates.",
    controls=("SecretsManager.1",),
)
def secret_rotates(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    rotations = plan.all("aws:secretsmanager/secretRotation:SecretRotation")
    for secret in plan.all("aws:secretsmanager/secret:Secret"):
        if not attached(secret, rotations, "secretId"):
            yield Violation(
                resource=secret,
                message="it has no rotation",
                mend="set apiKeyRotationDays, or name the exception",
            )
