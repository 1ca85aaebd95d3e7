"""Every test is hermetic: no AWS profile, key, metadata service or Pulumi login, and no other machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from pathlib import Path
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

PLANS_NOTHING = (
    "tests/components/orchestrator_api/test_artifact.py",
    "tests/components/orchestrator_api/test_fetch.py",
    "tests/components/orchestrator_api/test_first_start.py",
    "tests/components/orchestrator_api/test_release.py",
    "tests/components/static_site/test_edge_function.py",
)
PARTS = (
    # They plan with the AWS SDK, seconds of imports for each worker that does, and share the plans. Beside
    # them one that mostly waits.
    (
        "tests/components/",
        "tests/ops/guardrails/",
        "tests/ops/cost/",
        "tests/ops/local/test_shortcomings.py",
        "tests/api_handler/test_limits.py",
    ),
    ("tests/ops/deploy/",),
    ("tests/api_handler/",),
)
"""Beginnings of paths, a worker each, the first that fits; the last worker takes ``PLANS_NOTHING``, the long
``test_runs.py`` and all the rest. About as long as one another; nothing is collected or made twice."""

REST = (*PLANS_NOTHING, "tests/api_handler/test_runs.py")


def part_of(path: str) -> int:
    """The worker whose part a file is, from 0.

    Args:
        path: of the file, from the project's root.
    """
    if path.startswith(REST):
        return len(PARTS)
    return next((n for n, starts in enumerate(PARTS) if path.startswith(starts)), len(PARTS))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With ``--dist each`` every worker gets a part of the suite: as many workers as there are parts."""
    if node.config.getvalue("dist") == "each":
        parts = len(PARTS) + 1
        if len(node.config.getvalue("tx")) != parts:
            raise pytest.UsageError(f"--dist each runs the suite in {parts} parts: give it -n {parts}")
        node.workerinput["part"] = int(node.gateway.id.removeprefix("gw")) % parts


class _Sum:
    """Counts the tests of all workers where xdist, under ``--dist each``, takes each for the whole."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._count = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._count += len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        self._session.testscollected = self._count


def pytest_sessionstart(session: pytest.Session) -> None:
    """Lets progress and exit code speak of the whole suite."""
    if session.config.getoption("dist", "no") == "each":
        session.config.pluginmanager.register(_Sum(session))


def _elsewhere(path: Path, config: pytest.Config) -> bool:
    """Whether a file is another worker's."""
    part = getattr(config, "workerinput", {}).get("part")
    return part is not None and part_of(path.relative_to(config.rootpath).as_posix()) != part


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves the files of other parts to their workers, unread."""
    return True if collection_path.suffix == ".py" and _elsewhere(collection_path, config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The same for files named on the command line, which pytest never ignores."""
    items[:] = [item for item in items if not _elsewhere(item.path, config)]


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
