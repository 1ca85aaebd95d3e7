"""OrchestratorApi: the agent API behind CloudFront."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.component import Component, Transform
from components.orchestrator_api import args as arguments
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.backend import Host, backends
from components.orchestrator_api.state import state_table


class OrchestratorApi(Component):
    """The agent API on the backend that ``args`` names, and its state table.

    Args:
        name: logical name; every child's name starts with it.
        args: what to make.
        transforms: child to transform, the escape hatch of every component.
        opts: options of the component.

    Attributes:
        origin: what CloudFront needs to know of the backend.
        telemetry: what Monitoring needs to know of it.
        table_name: the state table; it stays when the backend changes.

    Raises:
        ValueError: ``args`` cannot be made; all that is wrong is in the message.
    """

    CHILDREN = ("table", *dict.fromkeys(key for backend in backends().values() for key in backend.CHILDREN))

    def __init__(
        self,
        name: str,
        args: OrchestratorApiArgs,
        *,
        transforms: Mapping[str, Transform] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        known = backends()
        _refuse(name, args)
        super().__init__("OrchestratorApi", name, transforms=transforms, opts=opts)
        table = state_table(name, args, self.child)
        backend = known[args.backend](Host(name=name, args=args, child=self.child, table=table))
        self.origin = backend.origin
        self.telemetry = backend.telemetry
        self.table_name = table.name
        self.register_outputs({"tableName": table.name, "originDomainName": self.origin.domain_name})


def _refuse(name: str, args: OrchestratorApiArgs) -> None:
    known = backends()
    problems = arguments.problems(args, list(known))
    if args.backend in known:
        problems += known[args.backend].problems(args)
    if problems:
        raise ValueError(f"OrchestratorApi '{name}':\n  " + "\n  ".join(problems))
