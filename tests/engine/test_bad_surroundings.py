"""`python -m ops preview` where the machine does not help: no home to write to, an end in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.engine.cli_binary import find_engine
from ops.engine.paths import ROOT, cache_candidates

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(900)]

WAIT_S = 180
COMMAND = [sys.executable, "-m", "ops", "preview", "--offline"]


def started(**environment: str) -> subprocess.Popen[str]:
    """A preview in a session of its own, as a terminal has it: Ctrl-C reaches every process of it."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        COMMAND,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


def sessions_processes(session: int) -> list[str]:
    """Command lines of what still runs in a session (proc_pid_stat(5), field 6)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(stat.with_name("cmdline").read_text().replace("\0", " "))
        except (OSError, IndexError):
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found through /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_after_an_interrupted_preview_nothing_runs_on_and_the_next_one_works(
    tmp_path: Path, how: signal.Signals
) -> None:
    find_engine()
    process = started(TMPDIR=str(tmp_path))
    deadline = time.monotonic() + WAIT_S
    # The engine is at work: it has opened the state of this run.
    while not list(tmp_path.glob("orchestrator-offline-*/backend/.pulumi")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if how is signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.kill()
    out, err = process.communicate(timeout=WAIT_S)
    if how is signal.SIGINT:
        assert process.returncode == 130
        assert err.endswith("error: interrupted\n")
        assert "Traceback" not in err
        assert out == ""
        assert list(tmp_path.iterdir()) == []
    while sessions_processes(process.pid):
        assert time.monotonic() < deadline, sessions_processes(process.pid)
        time.sleep(0.05)

    again = started(TMPDIR=str(tmp_path))
    out, err = again.communicate(timeout=WAIT_S)
    assert again.returncode == 0, out + err
    assert "Resources: " in out


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    engine = find_engine()
    cache = next((c for c in cache_candidates() if engine.path.is_relative_to(c)), None)
    # No one can write below a file, root included.
    (tmp_path / "home").write_text("")
    environment = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": ""}
    if cache is not None:
        environment["ORCHESTRATOR_CACHE"] = str(cache)
    process = started(**environment)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0, out + err
    assert "Resources: " in out
    assert (tmp_path / "home").read_text() == ""
