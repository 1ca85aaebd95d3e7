"""OrchestratorApi: the agent API behind CloudFront."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.component import Component, Transform
from components.orchestrator_api import args as arguments
from components.orchestrator_api import artifact_store, network
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.backend import backends
from components.orchestrator_api.host import Host
from components.orchestrator_api.maker import Maker
from components.orchestrator_api.state import state_table


class OrchestratorApi(Component):
    """The agent API on the backend that ``args`` names, one that stands by if asked, and their state table.

    Args:
        name: logical name; every child's name starts with it.
        args: what to make.
        transforms: child to transform, the escape hatch of every component.
        opts: options of the component.

    Attributes:
        origin: what CloudFront needs to know of the backend.
        telemetry: what Monitoring needs to know of it.
        standby_origin, standby_telemetry: of the backend that stands by; None without one.
        table_name: the state table; it stays when the backend changes.

    Raises:
        ValueError: ``args`` cannot be made; all that is wrong is in the message.
    """

    CHILDREN = (
        "table",
        *artifact_store.CHILDREN,
        *network.CHILDREN,
        *dict.fromkeys(key for backend in backends().values() for key in backend.CHILDREN),
    )

    def __init__(
        self,
        name: str,
        args: OrchestratorApiArgs,
        *,
        transforms: Mapping[str, Transform] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        _refuse(name, args)
        super().__init__("OrchestratorApi", name, transforms=transforms, opts=opts)
        make = Maker(name=name, args=args, child=self.child, component=self)
        table = state_table(make)
        host = Host(make, table)
        made = {kind: backends()[kind](host) for kind in args.used_backends}
        self.origin = made[args.backend].origin
        self.telemetry = made[args.backend].telemetry
        self.standby_origin = made[args.standby].origin if args.standby else None
        self.standby_telemetry = made[args.standby].telemetry if args.standby else None
        self.table_name = table.name
        self.register_outputs({"tableName": table.name, "originDomainName": self.origin.domain_name})


def _refuse(name: str, args: OrchestratorApiArgs) -> None:
    known = backends()
    problems = arguments.problems(args, list(known))
    used = [backend for backend in args.used_backends if backend in known]
    for backend in used:
        problems += known[backend].problems(args)
    if set(used) - {"lambda"}:
        problems += network.problems(args, used)
    if problems:
        raise ValueError(f"OrchestratorApi '{name}':\n  " + "\n  ".join(problems))
