"""Physical names as the AWS provider makes them when the program gives none.

pulumi-aws names a resource ``<logical name>-<7 hex digits>`` in ``Check``; the name
is kept for as long as the resource lives because the previous inputs come along
(https://www.pulumi.com/docs/concepts/resources/names/#autonaming).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

NAME_PROPERTY: Mapping[str, str] = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:lambda/permission:Permission": "statementId",
    "aws:cloudwatch/eventTarget:EventTarget": "targetId",
}
"""Types whose name is not called ``name``."""

UNNAMED = frozenset({"aws:ssm/association:Association"})
"""Types with a ``name`` that is not their own: the association's is that of its document."""

_PREFIX = {"aws:kms/alias:Alias": "alias/"}
_LOWER_CASE = frozenset({"aws:s3/bucket:Bucket"})
_MAX_LENGTH = {
    "aws:lb/loadBalancer:LoadBalancer": 32,
    "aws:lb/targetGroup:TargetGroup": 32,
    "aws:iam/role:Role": 64,
    "aws:lambda/function:Function": 64,
    "aws:s3/bucket:Bucket": 63,
}


def name_property(type_token: str, known: Collection[str]) -> str | None:
    """The camelCase input that carries the physical name, or None when there is none to make up."""
    if not type_token.startswith("aws:") or type_token in UNNAMED:
        return None
    candidate = NAME_PROPERTY.get(type_token, "name")
    return candidate if candidate in known else None


def autoname(type_token: str, name: str, seed: bytes) -> str:
    """``<name>-<7 hex digits>`` within the length AWS allows.

    Args:
        type_token: decides prefix and length.
        name: logical name.
        seed: the engine's random seed of this resource.
    """
    suffix = "-" + hashlib.sha256(seed or name.encode()).hexdigest()[:7]
    prefix = _PREFIX.get(type_token, "")
    room = _MAX_LENGTH.get(type_token, 255) - len(suffix) - len(prefix)
    base = name.lower() if type_token in _LOWER_CASE else name
    return f"{prefix}{base[:room]}{suffix}"


def with_name(
    type_token: str,
    name: str,
    inputs: Mapping[str, Any],
    old_inputs: Mapping[str, Any],
    *,
    known: Collection[str],
    seed: bytes,
    proposed: str | None = None,
    disabled: bool = False,
) -> dict[str, Any]:
    """The inputs with a physical name: the given one, else the previous one, else a new one.

    Args:
        type_token, name: of the resource.
        inputs: as the program gives them.
        old_inputs: of the previous run, {} for a new resource.
        known: the camelCase inputs of the type.
        seed: the engine's random seed.
        proposed: what the engine's own autonaming proposes (``pulumi:autonaming``), if it is configured.
        disabled: ``pulumi:autonaming`` forbids made-up names.
    """
    result = dict(inputs)
    key = name_property(type_token, known)
    if key is None or disabled or result.get(key) is not None or result.get(f"{key}Prefix") is not None:
        return result
    result[key] = old_inputs.get(key) or proposed or autoname(type_token, name, seed)
    return result
