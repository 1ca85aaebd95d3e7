"""What the bucket policy says of the public, of CloudFront and of plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.assess.model import Found, Snapshot, check
from ops.assess.views import actions, allows, denies_plain_http, principals, statements

_S3 = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
_OAC = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html"
CLOUDFRONT = "Service:cloudfront.amazonaws.com"


def _label(statement: Mapping[str, Any], number: int) -> str:
    return f"statement {statement.get('Sid') or number}"


@check(
    "s3-policy-public",
    "high",
    "The bucket policy lets everyone in",
    why="The content can be fetched past CloudFront: no firewall, no logs, no TLS floor, and you pay S3's "
    "transfer.",
    source=f"{_S3}/access-control-block-public-access.html#access-control-block-public-access-policy-status",
    needs=("bucket", "bucket_policy"),
)
def policy_public(s: Snapshot) -> Iterator[Found]:
    for number, statement in enumerate(statements(s["bucket_policy"])):
        if statement.get("Effect") == "Allow" and "*" in principals(statement):
            conditions = statement.get("Condition")
            yield Found(
                resource=s["bucket"]["Name"],
                evidence=f"{_label(statement, number)} allows {', '.join(actions(statement))} to everyone"
                + (f" under {sorted(conditions)}" if conditions else ""),
                mend="Let CloudFront read through an origin access control, then remove the statement.",
                upgrades=("oac",),
                # A condition on addresses or a referer keeps some out, and is easily met or forged.
                severity="medium" if conditions else None,
            )


@check(
    "s3-policy-write",
    "high",
    "The bucket policy lets everyone write",
    why="Anybody can replace the site.",
    source=f"{_S3}/security-best-practices.html",
    needs=("bucket", "bucket_policy"),
)
def policy_write(s: Snapshot) -> Iterator[Found]:
    for number, statement in enumerate(statements(s["bucket_policy"])):
        if "*" not in principals(statement) or statement.get("Condition"):
            continue
        if any(
            allows(statement, action) for action in ("s3:PutObject", "s3:DeleteObject", "s3:PutBucketPolicy")
        ):
            yield Found(
                resource=s["bucket"]["Name"],
                evidence=f"{_label(statement, number)} allows {', '.join(actions(statement))}",
                mend="Remove the statement at once and look for objects that are not yours.",
                command=f"aws s3api get-bucket-policy --bucket {s['bucket']['Name']}",
            )


@check(
    "s3-policy-tls",
    "medium",
    "The bucket answers over plain HTTP",
    why="Whoever holds a key of the account may then send content and signatures unencrypted.",
    source=f"{_S3}/security-best-practices.html#transit",
    needs=("bucket", "bucket_policy"),
)
def policy_tls(s: Snapshot) -> Iterator[Found]:
    if s["bucket"] and not any(denies_plain_http(one) for one in statements(s["bucket_policy"])):
        yield Found(
            resource=s["bucket"]["Name"],
            evidence="no statement denies requests with aws:SecureTransport false",
            mend="Add the statement; adopting the bucket adds it and leaves all others as they are.",
        )


@check(
    "s3-policy-any-distribution",
    "high",
    "The bucket policy trusts every CloudFront distribution",
    why="Without AWS:SourceArn anybody's distribution, in any account, can read the bucket.",
    source=f"{_OAC}#oac-permission-to-access-s3",
    needs=("bucket", "bucket_policy"),
)
def any_distribution(s: Snapshot) -> Iterator[Found]:
    for number, statement in enumerate(statements(s["bucket_policy"])):
        if statement.get("Effect") != "Allow" or CLOUDFRONT not in principals(statement):
            continue
        keys = {key.lower() for keys in (statement.get("Condition") or {}).values() for key in keys}
        if not keys & {"aws:sourcearn", "aws:sourceaccount"}:
            yield Found(
                resource=s["bucket"]["Name"],
                evidence=f"{_label(statement, number)} allows CloudFront without AWS:SourceArn",
                mend="Pin it to the distribution with a condition on AWS:SourceArn.",
            )


@check(
    "s3-policy-list",
    "info",
    "CloudFront may list the bucket",
    why="Missing keys then answer 404 instead of 403: error pages that match 403 do not catch them, and "
    "ones that "
    "match 404 catch the API's too.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
    needs=("bucket", "bucket_policy"),
)
def policy_list(s: Snapshot) -> Iterator[Found]:
    for number, statement in enumerate(statements(s["bucket_policy"])):
        if CLOUDFRONT in principals(statement) and allows(statement, "s3:ListBucket"):
            yield Found(
                resource=s["bucket"]["Name"],
                evidence=f"{_label(statement, number)} allows s3:ListBucket",
                mend="Leave it when adopting; take it out together with an error page for 404.",
            )
