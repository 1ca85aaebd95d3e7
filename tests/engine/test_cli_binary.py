"""Finding, fetching and building the engine: with scripts in place of `pulumi` and `go`."""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.engine import cli_binary, cli_build
from ops.engine.cli_binary import Engine, find_engine
from ops.engine.paths import ROOT, cache_candidates, writable_cache
from ops.errors import OpsError

VERSION = cli_build.engine_version(ROOT)


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the engine's module file, an empty cache, an empty PATH and no network."""
    root = tmp_path / "project"
    (root / "tools" / "engine").mkdir(parents=True)
    (root / "tools" / "engine" / "go.mod").write_text(cli_build.go_mod(ROOT).read_text(encoding="utf-8"))
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cli_build, "_unreachable", lambda url: "no network in tests")
    monkeypatch.setattr(cli_build, "_usual_go", lambda: None)
    return root


def fake_go(tmp_path: Path, body: str) -> None:
    """A `go` that finds its output file behind -o."""
    head = 'while [ "$1" != "-o" ]; do shift; done; out="$2"; PATH=/usr/bin:/bin'
    script(tmp_path / "bin" / "go", f"{head}\n{body}")


def test_the_one_on_path_is_taken(project: Path, tmp_path: Path) -> None:
    path = script(tmp_path / "bin" / "pulumi", "echo v3.300.1")
    assert find_engine(project) == Engine(path, "3.300.1")


def test_one_that_is_too_old_is_passed_over_and_said(project: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "pulumi", "echo v3.50.0")
    with pytest.raises(OpsError, match=r"is version 3\.50\.0, older than 3\.181\.0"):
        find_engine(project)


def test_one_that_does_not_run_is_passed_over(project: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "pulumi", "exit 3")
    cached = script(tmp_path / "cache" / "engine" / VERSION / "pulumi", "exit 1")
    assert find_engine(project).path == cached


def test_the_newest_in_the_cache_is_taken_without_starting_it(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "cache" / "engine"
    script(home / "v3.259.0" / "pulumi", "exit 1")
    newest = script(home / "v3.272.0" / "bin" / "pulumi", "exit 1")
    script(home / "v3.99.0" / "pulumi", "exit 1")
    (home / "v3.999.0").mkdir()
    assert find_engine(project) == Engine(newest, "3.272.0")


def test_without_network_and_go_one_message_says_what_is_missing(project: Path, tmp_path: Path) -> None:
    with pytest.raises(OpsError) as caught:
        find_engine(project)
    message = caught.value.message
    for part in (
        "there is no `pulumi` on PATH",
        f"none is cached in {tmp_path / 'cache' / 'engine'}",
        "the official installer cannot be fetched from get.pulumi.com: no network in tests",
        "Go is not installed",
        cli_binary.INSTALL_PAGE,
        f"install Go {cli_build.go_version(project)} or newer",
        str(tmp_path / "cache" / "engine" / VERSION / "pulumi"),
    ):
        assert part in message
    assert caught.value.exit_code == 1


def test_it_is_built_once_and_found_after(project: Path, tmp_path: Path) -> None:
    fake_go(
        tmp_path,
        f'echo "github.com/x/y" >&2; printf "#!/bin/sh\\necho {VERSION}\\n" > "$out"; chmod +x "$out"',
    )
    built = find_engine(project)
    assert built == Engine(tmp_path / "cache" / "engine" / VERSION / "pulumi", VERSION[1:])
    (tmp_path / "bin" / "go").unlink()
    assert find_engine(project) == built


def test_a_failed_build_leaves_nothing_and_shows_its_last_lines(project: Path, tmp_path: Path) -> None:
    fake_go(tmp_path, 'echo half > "$out"; echo "go: module lookup disabled" >&2; exit 1')
    with pytest.raises(OpsError, match="module lookup disabled"):
        find_engine(project)
    assert not list((tmp_path / "cache" / "engine").glob(f"{cli_build.PARTIAL}*"))
    assert not (tmp_path / "cache" / "engine" / VERSION / "pulumi").exists()


def test_what_an_interrupted_run_left_does_not_stand_in_the_way(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "cache" / "engine"
    (home / f"{cli_build.PARTIAL}3.272.0-1" / "bin").mkdir(parents=True)
    (home / f"{cli_build.PARTIAL}{VERSION}-2").write_text("half a binary")
    fake_go(tmp_path, f'printf "#!/bin/sh\\necho {VERSION}\\n" > "$out"; chmod +x "$out"')
    assert find_engine(project).version == VERSION[1:]
    assert not list(home.glob(f"{cli_build.PARTIAL}*"))


def test_a_killed_build_is_not_taken_for_an_engine(project: Path, tmp_path: Path) -> None:
    """The real thing: a process that builds is killed, the next run builds again."""
    fake_go(tmp_path, 'echo half > "$out"; echo started > "$out.started"; sleep 30')
    code = (
        "import sys; from pathlib import Path; from ops.engine import cli_build, cli_binary;"
        "cli_build._unreachable = lambda url: 'no network'; cli_binary.find_engine(Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(project)], cwd=ROOT, start_new_session=True)
    home = tmp_path / "cache" / "engine"
    try:
        deadline = time.monotonic() + 20
        while not list(home.glob("*.started")):
            assert time.monotonic() < deadline, "the build never began"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    fake_go(tmp_path, f'printf "#!/bin/sh\\necho {VERSION}\\n" > "$out"; chmod +x "$out"')
    assert find_engine(project).path == home / VERSION / "pulumi"


def test_a_second_run_waits_for_the_one_that_builds(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "cache" / "engine"
    home.mkdir(parents=True)
    waited: list[bool] = []
    real = fcntl.flock

    def other_run_ends(handle: object, how: int) -> None:
        if how & fcntl.LOCK_NB and not waited:
            raise BlockingIOError
        waited.append(True)
        script(home / VERSION / "pulumi", "exit 1")  # the other run's work
        real(handle, how)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(cli_binary.fcntl, "flock", other_run_ends)
    assert find_engine(project).path == home / VERSION / "pulumi"
    assert waited == [True]


def test_no_place_to_write_is_said(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_binary, "writable_cache", lambda candidates: None)
    with pytest.raises(OpsError, match=r"no place to keep one: neither .* nor .* can be written"):
        find_engine(project)


def test_a_read_only_home_falls_back_into_the_project(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(
        "a file where a folder is wanted cannot be written by anyone, root included"
    )
    candidates = cache_candidates(tmp_path / "project", {"HOME": str(tmp_path / "file")})
    assert candidates == [
        tmp_path / "file" / ".cache" / "orchestrator",
        tmp_path / "project" / ".cache" / "orchestrator",
    ]
    assert writable_cache(candidates) == candidates[1]
    assert writable_cache(candidates[:1]) is None


def test_the_cache_follows_the_environment(tmp_path: Path) -> None:
    inside = tmp_path / ".cache" / "orchestrator"
    assert cache_candidates(tmp_path, {"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == [
        Path("/x/orchestrator"),
        inside,
    ]
    assert cache_candidates(tmp_path, {"ORCHESTRATOR_CACHE": "/y"})[0] == Path("/y")
    assert cache_candidates(tmp_path, {}) == [inside]


def test_an_unreachable_host_is_given_up_quickly() -> None:
    started = time.monotonic()
    assert cli_build._unreachable("http://127.0.0.1:9/") != ""
    assert time.monotonic() - started < cli_build.REACH_TIMEOUT_S + 1


def test_the_pinned_version_is_read_from_the_module_file() -> None:
    assert VERSION.startswith("v3.")
    assert cli_build.go_version(ROOT).split(".")[0] == "1"
