"""What a backend is, and which there are: a fourth one is a module and a line in ``backends``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from components.interfaces import ApiOrigin, ApiTelemetry
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.host import Host


class Backend(Protocol):
    """Where the API runs.

    Attributes:
        CHILDREN: keys of its children, for ``transforms``.
        origin: what CloudFront needs to know.
        telemetry: what Monitoring needs to know.
    """

    CHILDREN: ClassVar[tuple[str, ...]]
    origin: ApiOrigin
    telemetry: ApiTelemetry

    def __init__(self, host: Host) -> None:
        """Makes the resources, all of them children of the component."""
        ...

    @staticmethod
    def problems(args: OrchestratorApiArgs) -> list[str]:
        """What of ``args`` this backend cannot be made with; empty: nothing."""
        ...


def backends() -> Mapping[str, type[Backend]]:
    """The registry. Pulumi's AWS modules load lazily, so naming a backend costs nothing until it is made."""
    from components.orchestrator_api.on_ec2 import OnEc2
    from components.orchestrator_api.on_fargate import OnFargate
    from components.orchestrator_api.on_lambda import OnLambda

    return {
        "lambda": OnLambda,
        "fargate": OnFargate,
        "ec2": OnEc2,
    }
