"""The bucket the Fargate and EC2 backends fetch the artifact from, by its hash."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from components.iam import Statement, allow
from components.orchestrator_api.buckets import children, private_bucket
from components.orchestrator_api.maker import Maker
from components.orchestrator_api.permissions import join

CHILDREN = (*children("artifacts"), "artifact")


@dataclass(frozen=True, kw_only=True)
class StoredArtifact:
    """The artifact in its bucket.

    Attributes:
        bucket: name of the bucket.
        bucket_arn: its ARN.
        key: object key, which holds the hash.
        sha256: hex digest of the object.
        stored: what must exist before anybody fetches it.
    """

    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    key: str
    sha256: str
    stored: pulumi.Resource

    def statements(self) -> list[Statement]:
        """Reading artifacts: the present one, and earlier ones when a deployment falls back."""
        return [allow("Artifact", ["s3:GetObject"], [join(self.bucket_arn, "/api/*")])]


def store_artifact(make: Maker) -> StoredArtifact:
    """Puts the artifact into a private bucket of its own.

    Objects stay when newer ones come: a service that rolls back starts tasks of the version before.
    The bucket itself may go with the stack, as its content can be built again from the sources.
    """
    artifact = make.args.artifact
    bucket, _ = private_bucket(make, "artifacts", force_destroy=True)
    key = f"api/{artifact.sha256}.zip"
    stored = s3.BucketObjectv2(
        f"{make.name}-artifact",
        bucket=bucket.id,
        key=key,
        source=pulumi.FileAsset(artifact.path),
        content_type="application/zip",
        tags=dict(make.args.tags),
        opts=make.child("artifact", retain_on_delete=True),
    )
    return StoredArtifact(
        bucket=bucket.bucket, bucket_arn=bucket.arn, key=key, sha256=artifact.sha256, stored=stored
    )
