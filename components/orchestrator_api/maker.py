"""What every function that makes children of the component needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import pulumi

from components.orchestrator_api.args import OrchestratorApiArgs


class ChildOptions(Protocol):
    """``Component.child``: options of a child by its key."""

    def __call__(self, key: str, **options: Any) -> pulumi.ResourceOptions: ...


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Names, arguments and options.

    Attributes:
        name: logical name of the component; every child's name starts with it.
        args: the component's arguments.
        child: options of a child.
        component: the component itself, the parent of data lookups.
    """

    name: str
    args: OrchestratorApiArgs
    child: ChildOptions
    component: pulumi.Resource | None = None

    def tags(self, what: str) -> dict[str, str]:
        """The stack's tags and a Name, which is all the EC2 console shows of most resources."""
        return {**self.args.tags, "Name": f"{self.args.project}-{self.args.stack}-{what}"}

    def lookup(self) -> pulumi.InvokeOutputOptions:
        """Options of data lookups."""
        return pulumi.InvokeOutputOptions(parent=self.component)
