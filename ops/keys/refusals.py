"""What Secrets Manager refuses, in words that say what to do; no answer of it quotes a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.errors import OpsError, UsageError

_BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "LimitExceededException"}
)


@contextmanager
def told(action: str, name: str, *, stack: str, region: str) -> Iterator[None]:
    """Raises what botocore raises inside the block as the error a person reads.

    Args:
        action: IAM action of the call.
        name: name of the secret.
        stack: the stack it belongs to.
        region: where it was looked for.

    Raises:
        UsageError: no credentials, ones AWS does not know, or no such secret.
        OpsError: anything else AWS refuses.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        NoCredentialsError,
        PartialCredentialsError,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as failure:
        raise UsageError(no_credentials(str(failure))) from None
    except ClientError as failure:
        raise _refused(failure, action, name, stack, region) from None
    except BotoCoreError as failure:
        raise OpsError(
            f"AWS cannot be reached for {name} ({str(failure).splitlines()[0]}); nothing was changed"
        ) from None


def no_credentials(why: str) -> str:
    """What to do when there are none."""
    return (
        f"`keys` works on a secret in AWS and needs credentials, and there are none ({why}).\n"
        "Sign in, for example with `aws sso login`, --profile NAME or AWS_PROFILE=NAME, and run it again.\n"
        "The local run (`python -m ops dev`) makes a key of its own and prints it."
    )


def code_of(failure: Any) -> str:
    """The error code of a ClientError."""
    return str(failure.response.get("Error", {}).get("Code", ""))


def _refused(failure: Any, action: str, name: str, stack: str, region: str) -> OpsError:
    code = code_of(failure)
    lines = str(failure.response.get("Error", {}).get("Message", "")).splitlines()
    detail = lines[0] if lines else ""
    if code == "ResourceNotFoundException":
        if "staging label" in detail:
            return OpsError(f"{name} has no value; `python -m ops up --stack {stack}` makes one")
        return UsageError(
            f"there is no secret {name!r} in {region} of this account. Bring the stack up first "
            f"(`python -m ops up --stack {stack}`), or choose where it is: --stack, --region, --profile or "
            "AWS_PROFILE"
        )
    if code in _BAD_CREDENTIALS:
        return UsageError(f"AWS refuses the credentials ({code}); renew them: aws sso login")
    if code in _THROTTLED:
        return OpsError(f"AWS is too busy for {name} ({code}); nothing was changed. Run it again.")
    if code == "InvalidRequestException" and "delet" in detail:
        return OpsError(
            f"{name} is marked for deletion; to keep it: aws secretsmanager restore-secret "
            f"--secret-id {name} --region {region}"
        )
    if code.startswith("AccessDenied"):
        # The customer key says so through the same error: "Access to KMS is not allowed".
        key = " (it is the customer key that says no)" if "KMS" in detail or "kms:" in detail else ""
        return OpsError(
            f"{action} on {name} is denied{key}; nothing was changed. What a person needs is in "
            f"docs/keys.md. AWS says: {detail}"
        )
    if code in ("DecryptionFailure", "EncryptionFailure"):
        return OpsError(f"the key that encrypts {name} cannot be used ({detail}); nothing was changed")
    return OpsError(f"{action} on {name} failed ({code}: {detail}); nothing was changed")
