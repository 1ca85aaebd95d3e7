"""The SDK's connections to its engines: what one run leaves behind does not reach the next."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import CommandError
from pulumi.runtime.proto import engine_pb2, resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import get_engine, get_monitor, reset_options

from ops.bench.ports import free_port
from ops.engine import channels
from ops.engine.paths import ROOT
from ops.engine.program import InlineProgram
from ops.engine.workspace import Session, offline
from ops.errors import OpsError

FIXTURE = ROOT / "tests" / "engine" / "fixture"


class _Engine(resource_pb2_grpc.ResourceMonitorServicer):
    def GetDeploymentInfo(self, request: object, context: grpc.ServicerContext) -> object:
        return resource_pb2.DeploymentInfo()


def _connected(address: str) -> resource_pb2_grpc.ResourceMonitorStub:
    """As the SDK connects a program to its engine; its settings belong to a context, here their own."""

    def connect() -> resource_pb2_grpc.ResourceMonitorStub:
        reset_options(project="p", stack="s", monitor_address=address)
        monitor = get_monitor()
        assert monitor is not None
        return monitor

    return contextvars.copy_context().run(connect)


def _asked(monitor: resource_pb2_grpc.ResourceMonitorStub) -> str:
    try:
        monitor.GetDeploymentInfo(empty_pb2.Empty())
    except grpc.RpcError as problem:
        return problem.code().name  # pyright: ignore[reportAttributeAccessIssue] - grpc.Call too
    return "OK"


def test_a_port_where_nobody_was_is_usable_at_once_when_an_engine_listens_there() -> None:
    """As it goes when an engine gets the port of an earlier one, whose channel has just failed to connect."""
    address = f"127.0.0.1:{free_port()}"
    earlier = _connected(address)
    assert _asked(earlier) == "UNAVAILABLE"
    server = grpc.server(futures.ThreadPoolExecutor(1))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Engine(), server)
    assert server.add_insecure_port(address)
    server.start()
    later = _connected(address)
    try:
        assert _asked(later) == "OK"
    finally:
        channels.close(map(channels.channel_of, (earlier, later)))
        server.stop(None).wait()


def test_an_interrupted_run_closes_its_connections_too(tmp_path: Path) -> None:
    class Interrupted:
        def preview(self, **options: object) -> None:
            raise KeyboardInterrupt

    closed = []
    program = InlineProgram(tmp_path)
    program._channels = [SimpleNamespace(close=lambda code, why: closed.append(why))]
    session = Session(tmp_path, "dev", Interrupted(), program)  # pyright: ignore[reportArgumentType]
    with pytest.raises(KeyboardInterrupt):
        session.run("preview")
    assert closed == ["the run is over"]


def test_a_lost_connection_is_told_with_what_the_engine_printed_last(tmp_path: Path) -> None:
    class Crashed:
        def preview(self, on_event: Callable[[object], None], **options: object) -> None:
            session.collector._note("error", "Resource monitor has terminated, shutting down", "")
            raise CommandError(CommandResult(stdout="", stderr="panic: out of memory\n", code=2))

    session = Session(tmp_path, "dev", Crashed(), InlineProgram(tmp_path))  # pyright: ignore[reportArgumentType]
    with pytest.raises(OpsError, match=r"(?s)lost its connection to the engine.*panic: out of memory"):
        session.run("preview")


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["", "key"])
def test_a_run_closes_its_connections_whether_it_ends_well_or_not(
    mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the one to an engine that failed tries again for as long as this process lives."""
    stubs = []
    of_this_run = channels.of_this_run

    def seen() -> list[object]:
        stubs.extend((get_monitor(), get_engine()))
        return of_this_run()

    monkeypatch.setattr(channels, "of_this_run", seen)
    with offline("dev", {"mistake": mistake} if mistake else {}, root=FIXTURE) as session:
        if mistake:
            with pytest.raises(OpsError, match="no property"):
                session.run("preview")
        else:
            session.run("preview")
    monitor, engine = stubs
    with pytest.raises(ValueError, match="closed channel"):
        monitor.GetDeploymentInfo(empty_pb2.Empty())
    with pytest.raises(ValueError, match="closed channel"):
        engine.GetRootResource(engine_pb2.GetRootResourceRequest())
