"""The two ways to get an engine: the official installer, and a build from the Go module proxy."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path

from ops import console

OFFICIAL_HOST = "get.pulumi.com"
REACH_TIMEOUT_S = 4.0
"""How long the installer's host may take to answer before it counts as unreachable."""
INSTALL_TIMEOUT_S = 600.0
PARTIAL = ".partial-"
"""Prefix of what is not complete yet."""

_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_PACKAGES_IN_ALL = 2200
"""Packages of a build from an empty cache, roughly; only the progress line shows it."""


def go_mod(root: Path) -> Path:
    """The module file that pins the engine."""
    return root / "tools" / "engine" / "go.mod"


def engine_version(root: Path) -> str:
    """``v3.259.0``: the version ``tools/engine/go.mod`` pins."""
    match = re.search(
        r"github\.com/pulumi/pulumi/pkg/v3 (v\d+\.\d+\.\d+)", go_mod(root).read_text(encoding="utf-8")
    )
    if match is None:
        raise ValueError(f"{go_mod(root)} requires no github.com/pulumi/pulumi/pkg/v3")
    return match.group(1)


def go_version(root: Path) -> str:
    """The oldest Go that builds it, ``1.25.11``."""
    match = re.search(r"^go (\S+)$", go_mod(root).read_text(encoding="utf-8"), re.MULTILINE)
    return match.group(1) if match else "1.25"


def install_official(home: Path, tried: list[str]) -> Path | None:
    """The official CLI of the SDK's own version, through the Automation API's documented installer.

    https://www.pulumi.com/docs/iac/packages-and-automation/automation-api/

    Args:
        home: the engine cache; the CLI goes to ``<home>/v<version>/bin/pulumi``.
        tried: gets a line saying why not.
    """
    problem = _unreachable(f"https://{OFFICIAL_HOST}/install.sh")
    if problem:
        tried.append(f"the official installer cannot be fetched from {OFFICIAL_HOST}: {problem}")
        return None
    version = metadata.version("pulumi")
    partial = home / f"{PARTIAL}{version}-{os.getpid()}"
    code = "import sys; from pulumi.automation import PulumiCommand; PulumiCommand.install(root=sys.argv[1])"
    with console.progress(f"Fetching the Pulumi engine v{version} …"):
        failure = _run_bounded([sys.executable, "-c", code, str(partial)], INSTALL_TIMEOUT_S)
    if failure or not (partial / "bin" / "pulumi").is_file():
        shutil.rmtree(partial, ignore_errors=True)
        tried.append(f"the official installer failed: {failure or 'it left no executable'}")
        return None
    final = home / f"v{version}"
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)
    return final / "bin" / "pulumi"


def build(root: Path, home: Path, tried: list[str]) -> Path | None:
    """Builds the engine from ``tools/engine/go.mod`` with Go: once, about 5 minutes on 2 cores.

    Args:
        root: the project.
        home: the engine cache; the binary goes to ``<home>/<version>/pulumi``.
        tried: gets a line saying why not.
    """
    go = shutil.which("go") or _usual_go()
    if go is None:
        tried.append("it cannot be built either: Go is not installed")
        return None
    version = engine_version(root)
    partial = home / f"{PARTIAL}{version}-{os.getpid()}"
    command = [
        go, "build", "-v", "-trimpath", "-ldflags", f"-s -w -X {_VERSION_VARIABLE}={version}",
        "-o", str(partial), _PACKAGE,
    ]  # fmt: skip
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    if not environment.get("HOME"):
        # Go wants a place for its caches; without a home it is beside ours.
        environment |= {"GOPATH": str(home / ".go"), "GOCACHE": str(home / ".go-build")}
    failure = _build_with_progress(command, go_mod(root).parent, environment, version)
    if failure:
        partial.unlink(missing_ok=True)
        tried.append(f"building it with {go} failed:\n{failure}")
        return None
    final = home / version
    final.mkdir(exist_ok=True)
    partial.rename(final / "pulumi")
    return final / "pulumi"


def _usual_go() -> str | None:
    usual = Path("/usr/local/go/bin/go")  # where Go's own installer puts it, often outside PATH
    return str(usual) if os.access(usual, os.X_OK) else None


def _build_with_progress(command: list[str], folder: Path, environment: dict[str, str], version: str) -> str:
    """Runs the build with a moving progress line; "" when it succeeded, else the last lines it printed."""
    started = time.monotonic()
    kept: list[str] = []
    packages = downloads = 0
    title = f"Building the Pulumi engine {version} with Go, once, about 5 minutes"
    with console.progress(f"{title} …") as progress:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                kept = [*kept[-7:], "      " + line.rstrip()]
                downloads += line.startswith("go: downloading")
                packages += not line.startswith(("go:", "#", "\t"))
                elapsed = int(time.monotonic() - started)
                progress.update(
                    f"{title} … {elapsed // 60}:{elapsed % 60:02}, {downloads} modules fetched, "
                    f"{packages} of about {_PACKAGES_IN_ALL} packages compiled"
                )
            code = process.wait()
        finally:
            # Ctrl-C ends the build with the run that wanted it.
            if process.poll() is None:
                process.terminate()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()
    return "" if code == 0 else "\n".join(kept)


def _unreachable(url: str) -> str:
    """Why a URL cannot be fetched within a few seconds; "" when it can.

    Name resolution has no timeout of its own, so the whole attempt runs in a thread that may be left behind.
    """
    outcome = [f"no answer within {REACH_TIMEOUT_S:.0f} s"]

    def attempt() -> None:
        try:
            with urllib.request.urlopen(url, timeout=REACH_TIMEOUT_S) as response:
                response.read(1)
            outcome[0] = ""
        except urllib.error.HTTPError as problem:
            problem.close()
            outcome[0] = f"it answers {problem.code} {problem.reason}"
        except (OSError, ValueError) as problem:
            outcome[0] = str(getattr(problem, "reason", problem))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(REACH_TIMEOUT_S)
    return outcome[0]


def _run_bounded(command: list[str], timeout: float) -> str:
    """Runs a command with all it starts for at most ``timeout`` seconds; "" or why it failed."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        _, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"it did not end within {timeout:.0f} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    lines = errors.strip().splitlines()
    return "" if process.returncode == 0 else (lines[-1] if lines else f"exit code {process.returncode}")
