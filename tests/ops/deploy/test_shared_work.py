"""Several processes at one list: all of it is done once, and whoever dies is told."""

import subprocess
import sys

from tests.ops.deploy.conftest import ROOT

SCRIPT = """
import os, signal, sys, time
from ops.deploy.shared_work import MOST_PIECES, in_processes
from ops.errors import OpsError
caller = os.getpid()
def work(piece):
    time.sleep(0.001 if piece < 40 else 0)
    return [(piece, os.getpid())]
for processes in (1, 2, 4):
    found = in_processes(MOST_PIECES, work, processes)
    assert sorted(piece for piece, _ in found) == list(range(MOST_PIECES)), processes
    assert len({process for _, process in found}) == processes
def deadly(piece):
    if os.getpid() != caller:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return [piece]
try:
    in_processes(20, deadly, 2)
except OpsError as failure:
    print(failure)
def failing(piece):
    if os.getpid() == caller:
        raise ValueError("here")
    time.sleep(60)
    return []
try:
    in_processes(20, failing, 3)
except ValueError as failure:
    print(failure)
try:
    os.wait()
except ChildProcessError:
    print("nobody is left")
"""


def test_work_is_shared_and_the_dead_are_told():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "reading the site ended early; run again",
        "here",
        "nobody is left",
    ]
