"""What a run of the program plans, as plain data: the one input of guardrails, cost and diagram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's mark for a value that is known only after ``up`` (pulumi/sdk rpc.UNKNOWN)."""


@dataclass(frozen=True, kw_only=True)
class PlannedResource:
    """One resource as the program registers it.

    Attributes:
        type: type token, ``aws:s3/bucket:Bucket``.
        name: logical name.
        urn: the engine's URN.
        inputs: camelCase inputs; secrets stand as plain values, their paths in ``secret_paths``.
        outputs: what the provider answered (made up offline), ``id`` and ``arn`` among them.
        parent: URN of the parent; None for the stack.
        custom: False for components.
        secret_paths: dotted paths within ``inputs`` that are secret, ``origins[0].customHeaders[0].value``.
        protect, retain_on_delete: the options of these names.
        import_id: id of an existing resource taken over, or "".
        depends_on: URNs, explicit and through properties.
        ignore_changes: property paths.
        delete_before_replace: the option of this name.
    """

    type: str
    name: str
    urn: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    custom: bool = True
    secret_paths: frozenset[str] = frozenset()
    protect: bool = False
    retain_on_delete: bool = False
    import_id: str = ""
    depends_on: frozenset[str] = frozenset()
    ignore_changes: tuple[str, ...] = ()
    delete_before_replace: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Every resource of one run of one stack.

    Attributes:
        stack: stack name.
        region: home Region.
        resources: sorted by URN, components among them.
        config: the stack's effective ``orchestrator:`` settings.
        exports: the stack's outputs.
    """

    stack: str
    region: str
    resources: tuple[PlannedResource, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)

    def all(self, type_: str) -> list[PlannedResource]:
        """Every resource of this type token."""
        return [r for r in self.resources if r.type == type_]

    def custom(self) -> Iterator[PlannedResource]:
        """The resources a provider makes; no components."""
        return (r for r in self.resources if r.custom)
