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
from tests.timing import quickest

FILES = 20_000


def measured(words: list[str]) -> tuple[str, float, int]:
    """What a command says, its seconds of processor time and its peak of memory in bytes.

    Its readers are its children, and counted: the peak is that of the largest, what they share is shared.
    """
    done = subprocess.run(
        [sys.executable, "-S", "-c", STOPWATCH, *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    said, _, figures = done.stdout.rpartition("\n")
    _, cpu, peak = figures.split()
    return said, float(cpu), int(peak) * (1 if sys.platform == "darwin" else 1024)


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
    _, first_cpu, _ = measured(words)
    prefix = f"_releases/{live_release(world)}/" if target is RELEASE else ""
    present = [key for key in world.keys(prefix) if not key.startswith("_deploy/")]
    assert len(present) == FILES
    time.sleep(2.5)

    def again() -> float:
        world.calls.clear()
        said, cpu, peak = measured(words)
        assert "nothing to do" in said
        assert world.writes() == []
        assert peak < 200e6
        assert len(world.calls) < 60
        return cpu

    # A sixth of what sending them took, by itself: how fast the machine is does not matter.
    assert quickest(first_cpu / 3, again) < first_cpu / 3
