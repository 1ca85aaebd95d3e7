"""Policy documents as plain data: every component's permissions are pure functions over these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Statement = dict[str, Any]


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[Any],
    condition: Mapping[str, Mapping[str, Any]] | None = None,
) -> Statement:
    """An Allow statement of an identity policy.

    Args:
        sid: letters and digits; what the statement is for.
        actions: exact actions, ``service:Action``.
        resources: exact ARNs.
        condition: operator to condition key to value.
    """
    statement: Statement = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }
    if condition:
        statement["Condition"] = {operator: dict(keys) for operator, keys in condition.items()}
    return statement


def allow_principal(
    sid: str,
    principal: Mapping[str, Any] | str,
    actions: Sequence[str],
    resources: Sequence[Any],
    condition: Mapping[str, Mapping[str, Any]] | None = None,
) -> Statement:
    """An Allow statement of a resource policy; ``principal`` is ``{"Service": ...}`` or the like."""
    statement = allow(sid, actions, resources, condition)
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        **{k: statement[k] for k in list(statement)[2:]},
    }


def document(*statements: Statement) -> dict[str, Any]:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def assume_role(service: str, account_id: Any = None) -> dict[str, Any]:
    """Who may take a role: one AWS service, on behalf of this account only where the service says so.

    Args:
        service: service principal such as ``lambda.amazonaws.com``.
        account_id: when given, the confused-deputy condition ``aws:SourceAccount``
            (IAM User Guide, "The confused deputy problem"); Lambda's execution roles do not carry it.
    """
    statement: Statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    if account_id is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account_id}}
    return document(statement)
