"""Several processes at one list: all of it is done once, and whoever dies is told."""

import subprocess
import sys
from pathlib import Path

from tests.ops.deploy.conftest import ROOT

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from ops.deploy.shared_work import MOST_PIECES, in_processes
from ops.errors import OpsError
from tests.timing import until
caller = os.getpid()
def at_work(name):
    "The processes that have begun a piece."
    folder = Path(sys.argv[1], name)
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    return len(os.listdir(folder))
def work(piece):
    if piece < processes:
        until(lambda: at_work(f"of {processes}") == processes, 20)
    return [(piece, os.getpid())]
for processes in (1, 2, 4):
    found = in_processes(MOST_PIECES, work, processes)
    assert sorted(piece for piece, _ in found) == list(range(MOST_PIECES)), processes
    assert len({process for _, process in found}) == processes
def deadly(piece):
    at_work("deadly")
    if os.getpid() != caller:
        os.kill(os.getpid(), signal.SIGKILL)
    until(lambda: at_work("deadly") == 2, 20)
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


def test_work_is_shared_and_the_dead_are_told(tmp_path: Path):
    words = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "reading the site ended early; run again",
        "here",
        "nobody is left",
    ]
