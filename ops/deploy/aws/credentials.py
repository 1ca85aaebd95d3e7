"""Where credentials come from: the environment, else botocore's chain."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ops.errors import UsageError


class Credentials(NamedTuple):
    """One set of keys; ``token`` is "" for long-lived ones."""

    access_key: str
    secret_key: str
    token: str = ""


class CredentialSource:
    """Gives current credentials, refreshed when they expire.

    Args:
        environment: instead of ``os.environ``.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._static: Credentials | None = None
        self._chain: Any = None
        if env.get("AWS_ACCESS_KEY_ID") and env.get("AWS_SECRET_ACCESS_KEY"):
            self._static = Credentials(
                env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env.get("AWS_SESSION_TOKEN", "")
            )

    @property
    def static(self) -> bool:
        """Whether they never change during the run."""
        return self._static is not None

    def current(self) -> Credentials:
        """Credentials to sign with now.

        Raises:
            UsageError: there are none, or the chain cannot give them (an expired SSO session, ...).
        """
        if self._static is not None:
            return self._static
        if self._chain is None:
            self._chain = _from_botocore()
        from botocore.exceptions import BotoCoreError

        try:
            frozen = self._chain.get_frozen_credentials()
        except BotoCoreError as failure:
            raise UsageError(f"the AWS credentials cannot be used: {failure}") from failure
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")


def environment_region(environment: Mapping[str, str] | None = None) -> str:
    """The Region of the environment; "" when it names none."""
    env = os.environ if environment is None else environment
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""


def endpoint_of(service: str, override: str, environment: Mapping[str, str] | None = None) -> str:
    """The endpoint a service is called at instead of its own; "": its own.

    Args:
        service: ``S3``, ``STS``, ``CLOUDFRONT`` or ``CLOUDFRONT_KEYVALUESTORE``.
        override: ``--endpoint-url``, which goes before everything.
        environment: instead of ``os.environ``.
    """
    env = os.environ if environment is None else environment
    return (override or env.get(f"AWS_ENDPOINT_URL_{service}") or env.get("AWS_ENDPOINT_URL") or "").rstrip(
        "/"
    )


def _from_botocore() -> Any:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        found = Session().get_credentials()
    except BotoCoreError as failure:
        raise UsageError(f"the AWS credentials cannot be used: {failure}") from failure
    if found is None:
        raise UsageError(
            "there are no AWS credentials: set AWS_PROFILE (after `aws sso login`), or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return found


CredentialCall = Callable[[], Credentials]
