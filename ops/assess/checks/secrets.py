"""Secrets the API needs, and ones nobody should have."""

from __future__ import annotations

from collections.abc import Iterator

from ops.assess.model import Found, Snapshot, check

_SM = "https://docs.aws.amazon.com/secretsmanager/latest/userguide"


def _secret(s: Snapshot, name: str) -> dict[str, object] | None:
    full = f"{s.request.secret_prefix}/{name}"
    return next((one for one in s["secrets"] or [] if one["Name"] == full), None)


@check(
    "secrets-api-key",
    "medium",
    "There is no secret with API keys",
    why="Without one keys end up in code or configuration.",
    source=f"{_SM}/best-practices.html",
    needs=("secrets",),
)
def api_key(s: Snapshot) -> Iterator[Found]:
    if not _secret(s, "api-key"):
        yield Found(
            resource=f"{s.request.secret_prefix}/api-key",
            evidence="no secret of this name",
            mend="The stack makes it with one random key; give names to more with `ops keys add`.",
            command=f"python -m ops up --stack {s.request.into}",
            monthly_usd=0.4,
            cost="0.40 USD a secret and month",
        )


@check(
    "secrets-aws-credentials",
    "high",
    "Access keys of AWS are kept as a secret",
    why="Every backend has a role with keys that last hours; kept ones last until somebody finds them.",
    source="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#bp-workloads-use-roles",
    needs=("secrets",),
)
def aws_credentials(s: Snapshot) -> Iterator[Found]:
    for one in s["secrets"] or []:
        if one["Name"].rsplit("/", 1)[-1] in ("aws-credentials", "aws-keys") and "DeletedDate" not in one:
            yield Found(
                resource=one["Name"],
                evidence=f"secret {one['ARN']}",
                mend="Deactivate the access key it holds, see that nothing fails, then delete both.",
                command=f"aws secretsmanager delete-secret --secret-id {one['Name']} "
                "--recovery-window-in-days 30",
                monthly_usd=-0.4,
                cost="saves 0.40 USD a month",
            )


@check(
    "secrets-rotation",
    "low",
    "The API keys are not rotated",
    why="A key that leaked unnoticed works for ever.",
    source=f"{_SM}/rotating-secrets.html",
    needs=("secrets",),
)
def rotation(s: Snapshot) -> Iterator[Found]:
    secret = _secret(s, "api-key")
    if secret and not secret.get("RotationEnabled") and "DeletedDate" not in secret:
        yield Found(
            resource=str(secret["Name"]),
            evidence="RotationEnabled is false",
            mend="Turn rotation on; an old key stays valid until the next turn.",
            setting="orchestrator:apiKeyRotationDays 90",
        )


@check(
    "secrets-deletion",
    "high",
    "A secret of the stack waits for its deletion",
    why="Its name is taken until then: creating it fails with InvalidRequestException.",
    source=f"{_SM}/manage_restore-secret.html",
    needs=("secrets",),
)
def deletion(s: Snapshot) -> Iterator[Found]:
    for one in s["secrets"] or []:
        if "DeletedDate" in one:
            yield Found(
                resource=one["Name"],
                evidence=f"deleted {one['DeletedDate']:%Y-%m-%d}",
                mend="Restore it and import it, or choose another prefix.",
                command=f"aws secretsmanager restore-secret --secret-id {one['Name']}",
                setting=f"orchestrator:secretPrefix {s.request.secret_prefix}-2",
            )
