"""Encryption at rest, and whose key it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ops.guardrails.facts import as_list, attached, get, own_keys
from ops.guardrails.model import Violation, policy
from ops.plan import Plan, PlannedResource

_KEY_INPUTS: Mapping[str, tuple[str, ...]] = {
    "aws:cloudwatch/logGroup:LogGroup": ("kmsKeyId",),
    "aws:sns/topic:Topic": ("kmsMasterKeyId",),
    "aws:secretsmanager/secret:Secret": ("kmsKeyId",),
    "aws:dynamodb/table:Table": ("serverSideEncryption", "kmsKeyArn"),
}
"""What ``customerKey`` covers, and the input that names the key."""


@policy(
    "bucket-encrypted",
    "mandatory",
    "Every bucket states how it encrypts.",
    sources=("https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html",),
)
def bucket_encrypted(plan: Plan) -> Iterator[Violation]:
    type_ = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    configurations = plan.all(type_)
    for bucket in plan.all("aws:s3/bucket:Bucket"):
        algorithms = {
            get(rule, "applyServerSideEncryptionByDefault", "sseAlgorithm")
            for configuration in attached(bucket, configurations, "bucket")
            for rule in as_list(configuration.inputs.get("rules"))
        }
        if not algorithms & {"AES256", "aws:kms", "aws:kms:dsse"}:
            yield Violation(
                resource=bucket,
                message="no server-side encryption configuration",
                mend="add a BucketServerSideEncryptionConfiguration (AES256 or aws:kms)",
            )


@policy(
    "queue-encrypted",
    "mandatory",
    "Every queue is encrypted at rest.",
    controls=("SQS.1",),
)
def queue_encrypted(plan: Plan) -> Iterator[Violation]:
    for queue in plan.all("aws:sqs/queue:Queue"):
        if not queue.inputs.get("kmsMasterKeyId") and queue.inputs.get("sqsManagedSseEnabled") is not True:
            yield Violation(
                resource=queue,
                message="neither a KMS key nor SQS's own encryption",
                mend="set sqs_managed_sse_enabled=True",
            )


@policy(
    "customer-key",
    "mandatory",
    "With customerKey on, logs, topics, secrets and tables are encrypted under the stack's own key.",
    controls=("SNS.1",),
    sources=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",),
)
def customer_key(plan: Plan) -> Iterator[Violation]:
    if not own_keys(plan):
        return
    for resource in plan.custom():
        path = _KEY_INPUTS.get(resource.type)
        if path and not _is_own(get(resource.inputs, *path)):
            yield Violation(
                resource=resource,
                message=f"{'.'.join(path)} names no key of ours",
                mend="pass the ARN of the stack's key",
                subjects=path,
            )


def _is_own(key: object) -> bool:
    return isinstance(key, str) and bool(key) and not key.startswith("alias/aws/")


@policy(
    "key-rotates",
    "mandatory",
    "Every customer-managed key rotates.",
    controls=("KMS.4",),
)
def key_rotates(plan: Plan) -> Iterator[Violation]:
    for key in plan.all("aws:kms/key:Key"):
        symmetric = key.inputs.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
        if symmetric and key.inputs.get("enableKeyRotation") is not True:
            yield Violation(
                resource=key, message="enableKeyRotation is off", mend="set enable_key_rotation=True"
            )


@policy(
    "volume-encrypted",
    "mandatory",
    "Every volume is encrypted.",
    controls=("EC2.3", "EC2.7"),
)
def volume_encrypted(plan: Plan) -> Iterator[Violation]:
    for resource in plan.custom():
        for where, encrypted in _volumes(resource):
            if encrypted not in (True, "true"):
                yield Violation(
                    resource=resource,
                    message=f"{where} is not encrypted",
                    mend="set encrypted=True on it",
                    subjects=(where,),
                )


def _volumes(resource: PlannedResource) -> Iterator[tuple[str, object]]:
    if resource.type == "aws:ec2/instance:Instance":
        yield "rootBlockDevice", get(resource.inputs, "rootBlockDevice", "encrypted")
        for index, device in enumerate(as_list(resource.inputs.get("ebsBlockDevices"))):
            yield f"ebsBlockDevices[{index}]", device.get("encrypted")
    elif resource.type == "aws:ec2/launchTemplate:LaunchTemplate":
        devices = as_list(resource.inputs.get("blockDeviceMappings"))
        if not devices:
            yield "blockDeviceMappings", None
        for index, device in enumerate(devices):
            yield f"blockDeviceMappings[{index}]", get(device, "ebs", "encrypted")
    elif resource.type == "aws:ebs/volume:Volume":
        yield "volume", resource.inputs.get("encrypted")
