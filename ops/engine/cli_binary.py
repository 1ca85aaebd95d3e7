"""Finds the Pulumi engine, or gets it: from PATH, the cache, the official installer, or built with Go.

A run that is interrupted leaves nothing that stands in the way of the next: what
is fetched or built goes to a name of its own and is renamed when it is complete,
and the lock that keeps two runs from building at once ends with its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops import console
from ops.engine import cli_build
from ops.engine.paths import ROOT, cache_candidates, writable_cache
from ops.errors import OpsError

MINIMUM = (3, 181, 0)
"""Oldest engine that serves: the first whose refresh and destroy run inline programs
(https://github.com/pulumi/pulumi/releases/tag/v3.181.0)."""

INSTALL_PAGE = "https://www.pulumi.com/docs/install/"


@dataclass(frozen=True)
class Engine:
    """An engine that can be run.

    Attributes:
        path: of the ``pulumi`` executable, absolute.
        version: such as ``3.259.0``.
    """

    path: Path
    version: str


def find_engine(root: Path = ROOT) -> Engine:
    """The engine of this machine, fetched or built if there is none.

    Args:
        root: the project; ``tools/engine/go.mod`` in it names the version to build.

    Raises:
        OpsError: there is none and it cannot be got; the message lists what was tried and each mend.
    """
    tried: list[str] = []
    found = _on_path(tried) or _cached(root, tried)
    if found:
        return found
    cache = writable_cache(cache_candidates(root))
    if cache is None:
        places = " nor ".join(map(str, cache_candidates(root)))
        raise OpsError(
            f"There is no Pulumi engine yet, and no place to keep one: neither {places} can be written."
        )
    home = cache / "engine"
    home.mkdir(exist_ok=True)
    with _lock(home):
        # Whoever held the lock before may have done the work.
        found = _cached(root, [])
        if found:
            return found
        _sweep(home)
        made = cli_build.install_official(home, tried) or cli_build.build(root, home, tried)
    if made:
        return _probed(made)
    steps = "\n".join(f"  - {step}" for step in tried)
    raise OpsError(
        "There is no Pulumi engine on this machine, and none could be got:\n"
        f"{steps}\n"
        "Any one of these mends it:\n"
        f"  - install the Pulumi CLI ({INSTALL_PAGE}), so that `pulumi` is on PATH\n"
        f"  - allow HTTPS to {cli_build.OFFICIAL_HOST}, from where it is fetched by itself\n"
        f"  - install Go {cli_build.go_version(root)} or newer (https://go.dev/dl/) with a reachable Go "
        "module proxy, and it is built once, in about 5 minutes\n"
        f"  - copy a `pulumi` of another machine to {home / cli_build.engine_version(root) / 'pulumi'}"
    )


def _on_path(tried: list[str]) -> Engine | None:
    where = shutil.which("pulumi")
    if where is None:
        tried.append("there is no `pulumi` on PATH")
        return None
    try:
        engine = _probed(Path(where).absolute())
    except OpsError as problem:
        tried.append(f"{where} on PATH does not run: {problem.message}")
        return None
    if _parts(engine.version) < MINIMUM:
        tried.append(f"{where} is version {engine.version}, older than {'.'.join(map(str, MINIMUM))}")
        return None
    return engine


def _cached(root: Path, tried: list[str]) -> Engine | None:
    """The newest engine in a cache; its folder names its version, so nothing is started to ask."""
    candidates = cache_candidates(root)
    found = [
        (_parts(folder.name), path)
        for cache in candidates
        for folder in sorted((cache / "engine").glob("v*"))
        for path in (folder / "bin" / "pulumi", folder / "pulumi")
        if os.access(path, os.X_OK) and path.is_file()
    ]
    usable = [(version, path) for version, path in found if version >= MINIMUM]
    if not usable:
        tried.append(f"none is cached in {' or '.join(str(c / 'engine') for c in candidates)}")
        return None
    version, path = max(usable, key=lambda pair: pair[0])
    return Engine(path.absolute(), ".".join(map(str, version)))


def _probed(path: Path) -> Engine:
    """Asks an executable for its version."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=60, check=True, env=environment
        )
    except (OSError, subprocess.SubprocessError) as problem:
        raise OpsError(f"`{path} version` failed: {problem}") from None
    if not _parts(done.stdout):
        raise OpsError(f"`{path} version` says {done.stdout.strip()!r}, which is no version")
    return Engine(path, ".".join(map(str, _parts(done.stdout))))


def _parts(version: str) -> tuple[int, ...]:
    """(3, 259, 0) of ``v3.259.0``; () of what is no version."""
    match = re.match(r"\s*v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, match.groups())) if match else ()


@contextlib.contextmanager
def _lock(home: Path) -> Iterator[None]:
    """One run at a time gets the engine; the kernel drops the lock when its process ends, however it ends."""
    handle: IO[str]
    with (home / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with console.progress("Another run is getting the Pulumi engine; waiting for it …"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sweep(home: Path) -> None:
    """Removes what interrupted runs left; only called under the lock."""
    for leftover in home.glob(f"{cli_build.PARTIAL}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
