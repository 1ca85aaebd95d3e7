"""Tags of bucket and distribution: they tell which tool manages them."""

from __future__ import annotations

from typing import Any

from ops.assess.collect.locate import Located
from ops.assess.model import CDN_REGION, Unread
from ops.assess.reader import Read, Reader


def collect(reader: Reader, site: Located) -> dict[str, Any]:
    """One call for both when the bucket is in us-east-1, where CloudFront's tags are.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    arns: dict[str, str] = {}
    facts: dict[str, Any] = {"distribution_tags": None, "bucket_tags": None}
    by_region: dict[str, list[str]] = {}
    if isinstance(site.distribution, dict):
        arns["distribution_tags"] = site.distribution["ARN"]
        by_region.setdefault(CDN_REGION, []).append(arns["distribution_tags"])
    if isinstance(site.bucket, dict):
        arns["bucket_tags"] = f"arn:aws:s3:::{site.bucket['Name']}"
        region = site.bucket.get("BucketRegion") or reader.region
        by_region.setdefault(region, []).append(arns["bucket_tags"])
    answers = reader.ask_all(
        {
            region: Read(
                service="resourcegroupstaggingapi",
                operation="GetResources",
                params={"ResourceARNList": listed},
                region=region,
                result="ResourceTagMappingList",
            )
            for region, listed in by_region.items()
        }
    )
    for fact, arn in arns.items():
        answer = next(answers[region] for region, listed in by_region.items() if arn in listed)
        if isinstance(answer, Unread):
            facts[fact] = answer
            continue
        # What was never tagged is not in the answer at all.
        tagged = next((one for one in answer if one["ResourceARN"] == arn), {"Tags": []})
        facts[fact] = {tag["Key"]: tag["Value"] for tag in tagged["Tags"]}
    for fact, found in (("distribution_tags", site.distribution), ("bucket_tags", site.bucket)):
        if isinstance(found, Unread):
            facts[fact] = found
    return facts
