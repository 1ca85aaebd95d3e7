"""The SDK's connections to the engine: each for itself, and closed when its run is over.

A process of ours runs the engine many times (``ops dev``, the tests), and each engine listens on ports the
system chose. gRPC shares a connection among all channels to one address, the state of its last failure with
it, and the SDK keeps its channels for as long as the process lives. So after a run that failed half-way, its
channel goes on knocking at a port where nobody is; the first call to a later engine that got this port fails
at once, and the SDK says "Resource monitor has terminated".
https://github.com/grpc/grpc/issues/17282, grpc_types.h GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grpc._cython import cygrpc
from pulumi.runtime import settings
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

_GRPC_CHANNEL_OPTIONS.append(("grpc.use_local_subchannel_pool", 1))


def of_this_run() -> list[Any]:
    """The connections to the monitor and the engine of the run whose program asks."""
    return [channel_of(stub) for stub in (settings.get_monitor(), settings.get_engine()) if stub is not None]


def channel_of(stub: Any) -> Any:
    """The connection a stub of the SDK calls through; a stub keeps it only in its methods."""
    return next(iter(vars(stub).values()))._channel


def close(channels: Iterable[Any]) -> None:
    """Ends the connections; a call that is under way fails, and nobody knocks at their ports again."""
    for channel in channels:
        channel.close(cygrpc.StatusCode.cancelled, "the run is over")
