"""The bucket of the site."""

from __future__ import annotations

from typing import Any

from ops.assess.collect.locate import Located
from ops.assess.model import Unread
from ops.assess.reader import Read, Reader

_FACTS = {
    "bucket_public_access": (
        "GetPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        "PublicAccessBlockConfiguration",
    ),
    "bucket_policy": ("GetBucketPolicy", "NoSuchBucketPolicy", "Policy"),
    "bucket_website": ("GetBucketWebsite", "NoSuchWebsiteConfiguration", ""),
    "bucket_encryption": (
        "GetBucketEncryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        "ServerSideEncryptionConfiguration",
    ),
    "bucket_versioning": ("GetBucketVersioning", "", ""),
    "bucket_lifecycle": ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", "Rules"),
    "bucket_ownership": (
        "GetBucketOwnershipControls",
        "OwnershipControlsNotFoundError",
        "OwnershipControls",
    ),
}
"""Fact to operation, the error that means "none", and the member that is the answer."""


def collect(reader: Reader, site: Located) -> dict[str, Any]:
    """Everything about the bucket; every fact is None when there is no bucket in this account."""
    names = (*_FACTS, "bucket_acl")
    if isinstance(site.bucket, Unread):
        return dict.fromkeys(names, site.bucket)
    if site.bucket is None:
        return dict.fromkeys(names)
    name, region = site.bucket["Name"], site.bucket.get("BucketRegion", "")
    facts = reader.ask_all(
        {
            fact: Read(
                service="s3",
                operation=operation,
                params={"Bucket": name},
                region=region,
                absent=(absent,) if absent else (),
                result=result,
            )
            for fact, (operation, absent, result) in _FACTS.items()
        }
    )
    if isinstance(facts["bucket_encryption"], dict):
        facts["bucket_encryption"] = facts["bucket_encryption"]["Rules"][0]
    if isinstance(facts["bucket_ownership"], dict):
        facts["bucket_ownership"] = facts["bucket_ownership"]["Rules"][0]["ObjectOwnership"]
    facts["bucket_acl"] = None
    if acls_count(facts["bucket_ownership"], facts["bucket_public_access"]):
        facts["bucket_acl"] = reader.ask(
            Read(
                service="s3",
                operation="GetBucketAcl",
                params={"Bucket": name},
                region=region,
                result="Grants",
            )
        )
    return facts


def acls_count(ownership: Any, public_access: Any) -> bool:
    """Whether the bucket's ACL has any say: not when it is switched off, nor when public ones are ignored."""
    if ownership == "BucketOwnerEnforced":
        return False
    return not (isinstance(public_access, dict) and public_access.get("IgnorePublicAcls"))
