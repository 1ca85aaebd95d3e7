"""20,000 files: everything arrives, a second run is quick and small."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.bench.deploy import STOPWATCH
from tests.ops.deploy.aws_server import AwsServer
from tests.ops.deploy.aws_world import World
from tests.ops.deploy.conftest import IN_PLACE, RELEASE, ROOT, live_release, write

FILES = 20_000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("target", [RELEASE, IN_PLACE], ids=["release", "in-place"])
def test_twenty_thousand_files(aws: AwsServer, world: World, tmp_path: Path, target):
    root = tmp_path / "site"
    for number in range(FILES - 1):
        write(root, f"d{number % 200}/p{number}.html", f"page {number}")
    write(root, "index.html", "start")
    words = [sys.executable, "-m", "ops", "deploy", str(root), *target, "--yes"]
    words += ["--endpoint-url", aws.endpoint_url, "--log-dir", str(tmp_path / "log")]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    prefix = f"_releases/{live_release(world)}/" if target is RELEASE else ""
    present = [key for key in world.keys(prefix) if not key.startswith("_deploy/")]
    assert len(present) == FILES
    time.sleep(2.5)
    world.calls.clear()
    # Its readers are its children, and counted: the peak is that of the largest, what they share is shared.
    done = subprocess.run(
        [sys.executable, "-S", "-c", STOPWATCH, *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    _, cpu, peak = done.stdout.rpartition("\n")[2].split()
    assert "nothing to do" in done.stdout
    assert world.writes() == []
    assert float(cpu) < 10
    assert int(peak) * (1 if sys.platform == "darwin" else 1024) < 200e6
    assert len(world.calls) < 60
