"""The bucket: where it is, who may read it, what happens to old objects."""

from __future__ import annotations

from collections.abc import Iterator

from ops.assess.checks.account import PUBLIC_ACCESS_FLAGS
from ops.assess.model import Found, Snapshot, check
from ops.assess.views import config, default_origin, is_website_endpoint

_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
_EVERYONE = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)


@check(
    "s3-bucket-missing",
    "high",
    "The bucket is not in this account",
    why="A stack can take over only what its own account owns; a bucket of another account can stay an "
    "origin, "
    "but its policy must be changed there.",
    source=f"{_S3}/example-walkthroughs-managing-access-example4.html",
    needs=("bucket", "caller"),
)
def bucket_missing(s: Snapshot) -> Iterator[Found]:
    name = s.request.bucket or s.request.domain
    if name and s["bucket"] is None:
        yield Found(
            resource=f"arn:aws:s3:::{name}",
            evidence=f"account {s['caller']['Account']} has no bucket {name}",
            mend="Use the credentials of the account that owns it, name another with --bucket, "
            "or let the stack make a new one.",
            severity=None if s.request.bucket else "info",
        )


@check(
    "s3-other-region",
    "info",
    "The bucket is in another Region than the stack",
    why="It works; replication, events and the artifact's bucket then cross Regions, and import ids name "
    "the Region.",
    source=f"{_S3}/UsingBucket.html",
    needs=("bucket",),
)
def other_region(s: Snapshot) -> Iterator[Found]:
    region = (s["bucket"] or {}).get("BucketRegion")
    if region and region != s.request.region:
        yield Found(
            resource=s["bucket"]["Name"],
            evidence=f"bucket in {region}, stack in {s.request.region}",
            mend="Set the stack's Region to the bucket's, or leave both as they are.",
            setting=f"aws:region {region}",
        )


@check(
    "s3-public-access-block",
    "high",
    "The bucket does not block public access",
    why="One careless policy or ACL is enough to publish everything in it, past CloudFront and its firewall.",
    source=f"{_S3}/access-control-block-public-access.html",
    needs=("bucket", "bucket_public_access"),
)
def public_access_block(s: Snapshot) -> Iterator[Found]:
    if not s["bucket"]:
        return
    block = s["bucket_public_access"] or {}
    off = [name for name in PUBLIC_ACCESS_FLAGS if not block.get(name)]
    if off:
        name = s["bucket"]["Name"]
        yield Found(
            resource=name,
            evidence=f"off: {', '.join(off)}",
            mend="Put an origin access control before the bucket first (`ops adopt --upgrade oac`; a public "
            "site stops otherwise), then block public access.",
            command=f"aws s3api put-public-access-block --bucket {name} --public-access-block-configuration "
            + ",".join(f"{flag}=true" for flag in PUBLIC_ACCESS_FLAGS),
        )


@check(
    "s3-acl-public",
    "high",
    "The bucket's ACL opens it to everyone",
    why="Listing shows every key, unpublished ones too; writing lets anybody replace the site.",
    source=f"{_S3}/acl-overview.html#specifying-grantee-predefined-groups",
    needs=("bucket", "bucket_acl"),
)
def acl_public(s: Snapshot) -> Iterator[Found]:
    open_to = [
        f"{grant['Permission']} to {grant['Grantee']['URI'].rsplit('/', 1)[1]}"
        for grant in s["bucket_acl"] or []
        if grant.get("Grantee", {}).get("URI") in _EVERYONE
    ]
    if open_to:
        name = s["bucket"]["Name"]
        yield Found(
            resource=name,
            evidence=", ".join(open_to),
            mend="Make the ACL private.",
            command=f"aws s3api put-bucket-acl --bucket {name} --acl private",
        )


@check(
    "s3-acls-enabled",
    "low",
    "ACLs still count for the bucket's objects",
    why="An object uploaded by another account stays that account's, and ACLs grant what no policy shows.",
    source=f"{_S3}/about-object-ownership.html",
    needs=("bucket", "bucket_ownership"),
)
def acls_enabled(s: Snapshot) -> Iterator[Found]:
    if s["bucket"] and s["bucket_ownership"] != "BucketOwnerEnforced":
        name = s["bucket"]["Name"]
        yield Found(
            resource=name,
            evidence=f"object ownership: {s['bucket_ownership'] or 'not set (ObjectWriter)'}",
            mend="Switch ACLs off; reset public ACLs before.",
            command=f"aws s3api put-bucket-ownership-controls --bucket {name} "
            "--ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]'",
        )


@check(
    "s3-website-endpoint",
    "medium",
    "The bucket serves a website endpoint",
    why="It speaks plain HTTP and needs a public bucket, so CloudFront, its firewall and TLS can be walked "
    "around.",
    source="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistS3AndCustomOrigins.html",
    needs=("bucket", "bucket_website", "distribution"),
)
def website_endpoint(s: Snapshot) -> Iterator[Found]:
    website = s["bucket_website"]
    if not s["bucket"] or not website:
        return
    name = s["bucket"]["Name"]
    found = config(s)
    origin = default_origin(found) if found else None
    used = bool(origin) and is_website_endpoint(origin["DomainName"])
    document = website.get("IndexDocument", {}).get("Suffix", "a redirect")
    mend = "Nothing uses it: switch it off."
    if used:
        mend = (
            "Move the distribution to the bucket's REST endpoint with an origin access control; the edge "
            "function gives the folder's index."
        )
    yield Found(
        resource=name,
        evidence=f"website hosting is on: {document}",
        mend=mend,
        command="" if used else f"aws s3api delete-bucket-website --bucket {name}",
        upgrades=("edge-function", "oac") if used else (),
    )


@check(
    "s3-encryption-kms",
    "low",
    "The bucket encrypts with a KMS key",
    why="CloudFront can read it only if the key's policy allows the distribution, and every cache miss "
    "calls KMS.",
    source="https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html#oac-permissions-sse-kms",
    needs=("bucket", "bucket_encryption"),
)
def encryption_kms(s: Snapshot) -> Iterator[Found]:
    default = (s["bucket_encryption"] or {}).get("ApplyServerSideEncryptionByDefault", {})
    if s["bucket"] and default.get("SSEAlgorithm", "").startswith("aws:kms"):
        yield Found(
            resource=s["bucket"]["Name"],
            evidence=f"{default['SSEAlgorithm']} with {default.get('KMSMasterKeyID', 'the AWS-managed key')}",
            mend="Keep it if a rule asks for it, and let cloudfront.amazonaws.com decrypt under the "
            "distribution's "
            "SourceArn; the AWS-managed key cannot be shared with CloudFront at all.",
            severity=None if default.get("KMSMasterKeyID") else "high",
        )


@check(
    "s3-versioning",
    "medium",
    "The bucket keeps no versions",
    why="A wrong deployment or a deleted file cannot be taken back.",
    source=f"{_S3}/Versioning.html",
    needs=("bucket", "bucket_versioning"),
)
def versioning(s: Snapshot) -> Iterator[Found]:
    if s["bucket"] and s["bucket_versioning"].get("Status") != "Enabled":
        name = s["bucket"]["Name"]
        yield Found(
            resource=name,
            evidence=f"versioning: {s['bucket_versioning'].get('Status', 'never enabled')}",
            mend="Enable it, with a lifecycle rule that ends old versions.",
            command=f"aws s3api put-bucket-versioning --bucket {name} --versioning-configuration "
            "Status=Enabled",
            monthly_usd=None,
            cost="storage of the old versions, 0.023 USD per GB and month",
        )


@check(
    "s3-lifecycle",
    "low",
    "Nothing ends old versions or abandoned uploads",
    why="They are billed like live objects and show in no listing.",
    source=f"{_S3}/object-lifecycle-mgmt.html",
    needs=("bucket", "bucket_lifecycle", "bucket_versioning"),
)
def lifecycle(s: Snapshot) -> Iterator[Found]:
    if not s["bucket"]:
        return
    rules = [rule for rule in s["bucket_lifecycle"] or [] if rule["Status"] == "Enabled"]
    lacking = []
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        lacking.append("abandoned multipart uploads")
    if s["bucket_versioning"].get("Status") == "Enabled" and not any(
        "NoncurrentVersionExpiration" in rule for rule in rules
    ):
        lacking.append("old versions")
    if lacking:
        yield Found(
            resource=s["bucket"]["Name"],
            evidence=f"no enabled rule for {' and '.join(lacking)}",
            mend="Add lifecycle rules; the stack's own bucket has both.",
            command="aws s3api put-bucket-lifecycle-configuration --bucket "
            f"{s['bucket']['Name']} --lifecycle-configuration file://lifecycle.json",
        )
