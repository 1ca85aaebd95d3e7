"""Caller and account."""

from __future__ import annotations

from collections.abc import Iterator

from ops.assess.model import Found, Snapshot, check
from ops.assess.needed import missing

_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide"


@check(
    "account-root-caller",
    "high",
    "The caller is the account's root user",
    why="Root cannot be limited by any policy; AWS asks to keep it for the few tasks only it can do.",
    source=f"{_IAM}/root-user-best-practices.html",
    needs=("caller",),
)
def root_caller(s: Snapshot) -> Iterator[Found]:
    if s["caller"]["Arn"].endswith(":root"):
        yield Found(
            resource=s["caller"]["Arn"],
            evidence="GetCallerIdentity answers with the root user",
            mend="Log in with IAM Identity Center or assume a role, and use that for deployments.",
            command="aws configure sso",
        )


@check(
    "account-user-keys",
    "low",
    "The caller is an IAM user with long-lived keys",
    why="Keys of a user stay valid until somebody removes them; a role's end within hours.",
    source=f"{_IAM}/best-practices.html#bp-users-federation-idp",
    needs=("caller",),
)
def user_keys(s: Snapshot) -> Iterator[Found]:
    if ":user/" in s["caller"]["Arn"]:
        yield Found(
            resource=s["caller"]["Arn"],
            evidence="the caller is an IAM user",
            mend="Use IAM Identity Center for people and a role with OIDC for CI.",
            command="aws configure sso",
        )


@check(
    "account-root-mfa",
    "high",
    "The root user has no second factor",
    why="Whoever has the root password has the account.",
    source=f"{_IAM}/root-user-best-practices.html#ru-bp-mfa",
    needs=("account_summary", "caller"),
)
def root_mfa(s: Snapshot) -> Iterator[Found]:
    if not s["account_summary"].get("AccountMFAEnabled"):
        yield Found(
            resource=f"account {s['caller']['Account']}",
            evidence="AccountMFAEnabled is 0",
            mend="Sign in as root and register a passkey or security key under Security credentials.",
        )


@check(
    "account-root-keys",
    "high",
    "The root user has access keys",
    why="They open everything and cannot be limited.",
    source=f"{_IAM}/root-user-best-practices.html#ru-bp-access-keys",
    needs=("account_summary", "caller"),
)
def root_keys(s: Snapshot) -> Iterator[Found]:
    if s["account_summary"].get("AccountAccessKeysPresent"):
        yield Found(
            resource=f"account {s['caller']['Account']}",
            evidence="AccountAccessKeysPresent is 1",
            mend="Find what uses them (IAM credential report), move it to a role, then delete the keys as "
            "root.",
            command="aws iam generate-credential-report",
        )


@check(
    "account-public-access",
    "low",
    "The account does not block public buckets",
    why="The account-wide block also holds for buckets somebody makes later.",
    source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    needs=("account_public_access", "bucket_policy", "caller"),
)
def account_public_access(s: Snapshot) -> Iterator[Found]:
    block = s["account_public_access"] or {}
    off = [name for name in PUBLIC_ACCESS_FLAGS if not block.get(name)]
    if off:
        yield Found(
            resource=f"account {s['caller']['Account']}",
            evidence=f"off: {', '.join(off)}",
            mend="Switch it on once no bucket of the account serves the public directly; "
            "before that it would take such a site down.",
            command="aws s3control put-public-access-block --account-id "
            f"{s['caller']['Account']} --public-access-block-configuration "
            + ",".join(f"{flag}=true" for flag in PUBLIC_ACCESS_FLAGS),
        )


PUBLIC_ACCESS_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@check(
    "account-permissions",
    "high",
    "The caller may not do what the stack needs",
    why="The deployment would stop half-way. The simulation knows identity policies and boundaries; "
    "a policy that is limited to named resources shows up here although it may be enough.",
    source=f"{_IAM}/access_policies_testing-policies.html",
    needs=("simulation", "caller"),
)
def permissions(s: Snapshot) -> Iterator[Found]:
    backend = s.request.backend or "lambda"
    lacking = missing(s["simulation"], backend)
    if lacking:
        yield Found(
            resource=s["caller"]["Arn"],
            evidence=f"for apiBackend {backend}: {', '.join(lacking)}",
            mend="Allow these actions to the role that deploys.",
        )
