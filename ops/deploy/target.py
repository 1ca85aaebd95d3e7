"""What a site consists of in AWS: named by options, or by the outputs of a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.deploy.options import Options
from ops.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a site lives.

    Attributes:
        bucket: its bucket.
        distribution_id: "" when none was named.
        kvs_arn: store with the pointer; "": the site has none.
        kvs_key: key of the pointer.
        site_url: where health checks look; "": nowhere.
        account: account that everything must belong to; "": the caller's.
    """

    bucket: str
    distribution_id: str = ""
    kvs_arn: str = ""
    kvs_key: str = "release"
    site_url: str = ""
    account: str = ""


def target_of(options: Options, outputs: Callable[[str], Mapping[str, Any]] | None = None) -> Target:
    """The target of a run.

    Args:
        options: checked options.
        outputs: gives the outputs of a stack by its name; None: asks the engine.

    Raises:
        UsageError: the stack has not been brought up, or has no site.
    """
    if not options.stack:
        return Target(
            bucket=options.bucket,
            distribution_id=options.distribution_id,
            kvs_arn=options.kvs_arn,
            kvs_key=options.kvs_key,
            site_url=options.site_url,
            account=options.expect_account,
        )
    found = (outputs or stack_outputs)(options.stack)
    bucket = str(found.get("bucketName") or "")
    if not bucket:
        raise UsageError(
            f"stack {options.stack!r} has no output bucketName: bring it up first (`python -m "
            f"ops up --stack {options.stack}`)"
        )
    account = str(found.get("accountId") or "")
    if options.expect_account and account and options.expect_account != account:
        raise UsageError(f"--expect-account {options.expect_account} is not the stack's account, {account}")
    store = str(found.get("keyValueStoreArn") or "")
    if options.mode == "release" and not store:
        raise UsageError(f"--mode release needs a key-value store, and stack {options.stack!r} has none")
    # Under an endpoint override the stack's own URL is another site than the one deployed to.
    url = options.site_url or ("" if options.endpoint_url else str(found.get("url") or ""))
    return Target(
        bucket=bucket,
        distribution_id=str(found.get("distributionId") or ""),
        kvs_arn=store,
        kvs_key=options.kvs_key,
        site_url=url,
        account=options.expect_account or account,
    )


def stack_outputs(stack: str) -> Mapping[str, Any]:
    """The outputs of a stack as its state has them; runs nothing.

    Raises:
        OpsError: the engine or the state cannot be reached.
    """
    from ops.engine import workspace

    with workspace.online(stack) as session:
        found = session.stack.workspace.stack_outputs(session.stack_name)
    return {name: output.value for name, output in found.items()}
