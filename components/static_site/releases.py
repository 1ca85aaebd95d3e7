"""The KeyValueStore that says which release is live, and the token that shows others.

Pulumi makes the store and owns the key ``preview-token``. The deployer alone owns ``release`` and
the keys of its history: if Pulumi knew them, ``pulumi up`` would undo a rollback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components.component import Component, protection
from components.static_site.args import StaticSiteArgs
from components.static_site.edge import PREVIEW_TOKEN_KEY

if TYPE_CHECKING:
    from pulumi_aws import cloudfront

TOKEN_LENGTH = 40


@dataclass(frozen=True, kw_only=True)
class ReleaseStore:
    """The store and the secret in it."""

    store: cloudfront.KeyValueStore
    preview_token: pulumi.Output[str]


def make_release_store(
    component: Component, name: str, args: StaticSiteArgs, keep: Mapping[str, bool] | None = None
) -> ReleaseStore:
    """The store with its preview token: random, letters and digits, a secret.

    ``keep``: options of what must not go; None: as the stack's data is protected.
    """
    import pulumi_random as random
    from pulumi_aws import cloudfront

    store = cloudfront.KeyValueStore(
        f"{name}-releases",
        comment="Which release of the site is live; written by the deployer",
        tags=args.tags,
        opts=component.child("releases", **(protection(args.protect_data) if keep is None else keep)),
    )
    password = random.RandomPassword(
        f"{name}-preview-token",
        length=TOKEN_LENGTH,
        special=False,
        opts=component.child("preview_token"),
    )
    token = pulumi.Output.secret(password.result)
    cloudfront.KeyvaluestoreKey(
        f"{name}-preview-token-key",
        key_value_store_arn=store.arn,
        key=PREVIEW_TOKEN_KEY,
        value=token,
        opts=component.child("preview_token_key"),
    )
    return ReleaseStore(store=store, preview_token=token)
