"""The state table: sessions, runs, idempotency keys; it outlives the backends."""

from __future__ import annotations

from pulumi_aws import dynamodb

from components.component import protection
from components.orchestrator_api.maker import Maker

EXPIRY = "expires_at"
"""Attribute with the item's end in seconds since 1970, after which DynamoDB deletes it unpaid."""


def state_table(make: Maker) -> dynamodb.Table:
    """The table: on demand, recoverable to any second of 35 days, under the stack's key if it has one."""
    args = make.args
    key = args.secrets.kms_key_arn
    return dynamodb.Table(
        f"{make.name}-table",
        billing_mode="PAY_PER_REQUEST",
        hash_key="pk",
        range_key="sk",
        attributes=[
            dynamodb.TableAttributeArgs(name="pk", type="S"),
            dynamodb.TableAttributeArgs(name="sk", type="S"),
        ],
        ttl=dynamodb.TableTtlArgs(attribute_name=EXPIRY, enabled=True),
        point_in_time_recovery=dynamodb.TablePointInTimeRecoveryArgs(enabled=True),
        # Without a key of ours DynamoDB encrypts with one it owns, which needs no argument.
        server_side_encryption=None
        if key is None
        else dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=key),
        deletion_protection_enabled=args.protect_data,
        tags=dict(args.tags),
        opts=make.child("table", **protection(args.protect_data)),
    )
