"""Every test is hermetic: no AWS profile, key, metadata service or Pulumi login, and no other machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from typing import Any

import hypothesis  # noqa: F401  # imported before any test: CPython 3.11 fails now and then to parse it

# late, when pytest's plugin loads it at the end of the session (AST constructor recursion depth mismatch)
import pytest

from tests import botocore_once

pytest.register_assert_rewrite("tests.components.harness")
botocore_once.share()

# A shell gives what it starts in the background a SIGINT that is ignored, and children inherit that: tests
# that interrupt a process would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An f-string of an Output raises instead of writing "Calling __str__ on an Output" into the value.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

ALONE = (
    "tests/components/orchestrator_api/test_artifact.py",
    "tests/components/orchestrator_api/test_fetch.py",
    "tests/components/orchestrator_api/test_first_start.py",
    "tests/components/orchestrator_api/test_release.py",
    "tests/components/static_site/test_edge_function.py",
)
TOGETHER = (
    "tests/components/",
    "tests/ops/guardrails/",
    "tests/ops/cost/",
    "tests/ops/local/test_shortcomings.py",
)
"""Beginnings of paths whose tests plan with the AWS SDK, which is seconds of imports for each worker that
does, and share the plans of the program and its parts. ``ALONE`` are those among them that plan nothing."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """With ``--dist loadfile`` a file's tests go to one worker, and so do those of ``TOGETHER``.

    xdist_group does nothing: xdist 3.8 writes the group into ``item._nodeid``, which pytest 9.2 has no more.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(TOGETHER) and not nodeid.startswith(ALONE):
                return "plans"
            return super()._split_scope(nodeid)

    return Together(config, log)


def pytest_collection_finish() -> None:
    """Spares the collector what lives as long as the process.

    The AWS SDKs are about a million objects; a full collection walks all of them, and a program planned
    with the mocks makes enough garbage for several: half of the time of such a test.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def hermetic_aws(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Takes away whatever would let a test reach an account."""
    pulumi = ("PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
    for key in list(os.environ):
        if key.startswith("AWS_") or key in (*pulumi, "NO_COLOR"):
            monkeypatch.delenv(key)
    nowhere = str(tmp_path_factory.getbasetemp() / "no-aws-config")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(autouse=True)
def no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses connections to any other machine: a test that needs one passes today and not tomorrow.

    Tests of the engine may: on a fresh machine the first of them gets it.
    """
    if request.node.get_closest_marker("engine"):
        return
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _at_home(getattr(socket.socket, name)))


def _at_home(connect: Any) -> Any:
    def connected(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            raise AssertionError(f"a test reaches for another machine: {address[0]}")
        return connect(self, address)

    return connected


def _is_here(host: str) -> bool:
    try:
        return host in ("", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
