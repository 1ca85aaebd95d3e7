"""kill -9 at random moments while a visitor polls: nothing broken, in release mode nothing mixed."""

from __future__ import annotations

import random
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.ops.deploy.aws_server import AwsServer
from tests.ops.deploy.aws_world import Call
from tests.ops.deploy.conftest import IN_PLACE, RELEASE, live_release, start, write
from tests.timing import PATIENCE_S, until

PAGES = 12


def build(root: Path, version: int) -> None:
    """A site whose pages all name one version and its assets."""
    for old in root.glob("assets/*"):
        old.unlink()
    for number in range(PAGES):
        asset = f"assets/part{number}-{version:04d}aB{number:02d}.js"
        write(root, asset, f"v{version}")
        page = "index.html" if number == 0 else f"p{number}/index.html"
        write(root, page, f'<!-- v{version} --><script src="/{asset}"></script>')
    write(root, "404.html", "none")


class Visitor:
    """Loads pages and all they name, over and over; counts what is broken and what is mixed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.loads = 0
        self.broken: list[str] = []
        self.mixed: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            for number in range(PAGES):
                self._load("/" if number == 0 else f"/p{number}/")
            time.sleep(0.002)

    def _load(self, path: str) -> None:
        try:
            page = self._get(path)
            asset = re.findall(r'src="([^"]+)"', page)[0]
            version = re.findall(r"v\d+", page)[0]
            content = self._get(asset)
        except urllib.error.HTTPError as failure:
            self.broken.append(f"{path}: {failure.url} {failure.code}")
            return
        if content != version:
            self.mixed.append(f"{path}: page {version}, asset {content}")
        self.loads += 1

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(self._url + path, timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def close(self) -> None:
        """Ends it."""
        self._stop.set()
        self._thread.join()


class Held:
    """Calls that wait for the end of the block: those after some, or those to write one object.

    Args:
        aws: answers them.
        after: calls of any kind that are answered before.
        key: of the object, instead.
    """

    def __init__(self, aws: AwsServer, *, after: int = 0, key: str = "") -> None:
        self._aws = aws
        self._before = after
        self._key = key
        self._reached = threading.Event()
        self._end = threading.Event()

    def __enter__(self) -> Held:
        """From now on."""
        self._aws.world.on_call = self._hold
        return self

    def __exit__(self, *_: object) -> None:
        """They go on."""
        self._aws.world.on_call = None
        self._end.set()

    def _hold(self, call: Call) -> None:
        with self._aws.world.lock:
            self._before -= 1
            held = self._before < 0
        if self._key:
            held = call.operation == "PutObject" and call.key.endswith(self._key)
        if held:
            self._reached.set()
            self._end.wait(PATIENCE_S)

    def reached_by(self, process: subprocess.Popen[str]) -> bool:
        """Waits for one that is held; false when the process ends without."""
        until(lambda: self._reached.is_set() or process.poll() is not None)
        return self._reached.is_set()


def one_state(aws: AwsServer) -> set[str]:
    """The versions a visitor would see now."""
    found = set()
    for number in range(PAGES):
        path = "/" if number == 0 else f"/p{number}/"
        with urllib.request.urlopen(aws.site_url + path, timeout=PATIENCE_S) as answer:
            found |= set(re.findall(r"v\d+", answer.read().decode()))
    return found


def killed_deploys(
    aws: AwsServer, tmp_path: Path, target: tuple[str, ...], kills: int, monkeypatch
) -> tuple[int, int]:
    """Deploys new versions and kills every one; checks after each. Gives kills that hit, and loads."""
    root = tmp_path / "site"
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    build(root, 0)
    words = ("deploy", root, *target, "--yes", "--grace", "0")
    first = start(aws, tmp_path / "log", *words)
    assert first.communicate(timeout=60)[1] is not None
    assert first.returncode == 0
    aws.world.latency_s = 0.01
    chance = random.Random(20261124)
    visitor = Visitor(aws.site_url)
    hit = 0
    release = target is RELEASE
    try:
        for version in range(1, kills + 1):
            build(root, version)
            # The moment is a number of calls, so that it falls within the run on any machine.
            with Held(aws, after=chance.randint(1, 60 if release else 75)) as held:
                process = start(aws, tmp_path / "log", *words)
                if held.reached_by(process):
                    process.send_signal(signal.SIGKILL)
                    hit += 1
            process.communicate()
            aws.settle()
            if release:
                assert len(one_state(aws)) == 1, f"kill {version} left a mixture"
            aws.world.objects.pop("_deploy/lock", None)
        assert visitor.broken == []
        if release:
            assert visitor.mixed == []
        build(root, 9999)
        last = start(aws, tmp_path / "log", *words)
        assert last.communicate(timeout=60)[1] is not None
        assert last.returncode == 0
        assert one_state(aws) == {"v9999"}
    finally:
        visitor.close()
    assert visitor.broken == []
    assert visitor.loads > kills
    return hit, visitor.loads


def test_a_few_kills_in_release_mode(aws: AwsServer, tmp_path: Path, monkeypatch):
    hit, _ = killed_deploys(aws, tmp_path, RELEASE, 2, monkeypatch)
    assert hit >= 1


@pytest.mark.slow
def test_a_few_kills_in_place(aws: AwsServer, tmp_path: Path, monkeypatch):
    aws.world.serves_in_place = True
    hit, _ = killed_deploys(aws, tmp_path, IN_PLACE, 2, monkeypatch)
    assert hit >= 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_in_release_mode(aws: AwsServer, tmp_path: Path, monkeypatch):
    hit, loads = killed_deploys(aws, tmp_path, RELEASE, 100, monkeypatch)
    assert hit >= 60
    assert loads > 1000


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_kills_in_place(aws: AwsServer, tmp_path: Path, monkeypatch):
    aws.world.serves_in_place = True
    hit, _ = killed_deploys(aws, tmp_path, IN_PLACE, 100, monkeypatch)
    assert hit >= 60


def test_a_lock_left_by_a_kill_is_waited_for_and_taken_over(
    aws: AwsServer, tmp_path: Path, site: Path, ops, monkeypatch
):
    aws.world.serves_in_place = True
    aws.world.fail("PutObject", "index.html", how="delay", seconds=60, times=1)
    process = start(aws, tmp_path / "log", "deploy", site, *IN_PLACE, "--yes")
    until(lambda: "_deploy/lock" in aws.world.objects or process.poll() is not None)
    process.kill()
    process.communicate()
    assert "_deploy/lock" in aws.world.objects
    aws.world.faults.clear()
    monkeypatch.setattr(
        "ops.deploy.in_place.Lock",
        lambda *a, **k: __import__("ops.deploy.marks", fromlist=["Lock"]).Lock(*a, **k, stale_s=0.5),
    )
    done = ops("deploy", site, *IN_PLACE, "--yes")
    assert done.code == 0, done.err
    assert "another deploy has the lock" in done.err


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupt_before_the_flip_changes_nothing(aws: AwsServer, tmp_path: Path, site: Path, number):
    with Held(aws, key="style.css") as held:
        process = start(aws, tmp_path / "log", "deploy", site, *RELEASE, "--yes")
        assert held.reached_by(process)
        process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert live_release(aws.world) == ""


@pytest.mark.slow
def test_an_interrupt_among_the_pages_in_place_leaves_a_whole_site(
    aws: AwsServer, tmp_path: Path, site: Path
):
    aws.world.serves_in_place = True
    first = start(aws, tmp_path / "log", "deploy", site, *IN_PLACE, "--yes")
    first.communicate()
    write(site, "index.html", "two")
    write(site, "docs/index.html", "two")
    with Held(aws, key="docs/index.html") as held:
        process = start(aws, tmp_path / "log", "deploy", site, *IN_PLACE, "--yes")
        assert held.reached_by(process)
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "the run ends when the site is whole" in err
    assert aws.world.objects["index.html"].data == aws.world.objects["docs/index.html"].data == b"two"
    assert "_deploy/pending.json" not in aws.world.objects
