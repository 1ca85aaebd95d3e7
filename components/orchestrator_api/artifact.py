"""Builds the API's artifact: one zip that Lambda runs and Fargate and EC2 fetch.

The zip depends on its inputs alone: files in order, one fixed date, fixed modes. It holds the
sources, whose lines tracebacks quote, and beside them byte code for the Lambda runtime. The
same inputs give the same bytes wherever the interpreter's patch release and zlib are the same.

A build is kept in ``out_dir`` under the hash of its inputs, so that a second preview only reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from components.interfaces import Artifact
from components.orchestrator_api.artifact_compile import MAGIC, compile_sources, find_interpreter
from components.orchestrator_api.artifact_contents import (
    BUNDLED,
    DISTRIBUTIONS,
    WRAPPER,
    check_sources,
    collect,
)

RUNTIME = "python3.13"
"""The Lambda runtime; the one place that names it."""

LAYOUT = "2"
"""Raised when the same inputs are to give another zip."""

KEPT_S = 24 * 3600
"""Other builds are kept this long: a preview that started before may still read one."""

_DATE = (1980, 1, 1, 0, 0, 0)


def build(root: str | Path, out_dir: str = ".build", runtime: str = RUNTIME) -> Artifact:
    """Builds the artifact, or finds the build of the same inputs.

    Args:
        root: the project's root, with ``api_handler`` and ``requirements.txt``.
        out_dir: where builds are kept, relative to ``root``.
        runtime: Lambda runtime to compile for.

    Returns:
        The artifact; its notes say what was left out and why.

    Raises:
        ValueError: the sources are broken (with file and line), a distribution is missing, or the
            runtime is unknown.
        OSError: ``out_dir`` cannot be written.
    """
    if runtime not in MAGIC:
        raise ValueError(
            f"runtime {runtime!r} is not known; known are: {', '.join(MAGIC)} (MAGIC in artifact_compile.py)"
        )
    root = Path(root)
    files = collect(root)
    key = _key(files, runtime)
    folder = root / out_dir
    notes = _pin_notes(root)

    stem = f"api-{key[:20]}"
    kept = _kept(folder, stem)
    if kept:
        # A compiled build needs no interpreter any more; only without one is it looked for again.
        return _artifact(f"{out_dir}/{stem}.zip", kept, runtime, True, notes)
    problems = check_sources(files)
    if problems:
        raise ValueError("the API's artifact cannot be built:\n  " + "\n  ".join(problems))
    interpreter = find_interpreter(runtime)
    if interpreter is None:
        stem += "-sources"
        kept = _kept(folder, stem)
    kept = kept or _build(folder, stem, files, interpreter)
    return _artifact(f"{out_dir}/{stem}.zip", kept, runtime, interpreter is not None, notes)


def _build(
    folder: Path, stem: str, files: Mapping[str, bytes], interpreter: str | None
) -> dict[str, str | int]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as temporary:
        work = Path(temporary)
        code = compile_sources(files, interpreter, work / "stage") if interpreter else {}
        archive = work / "api.zip"
        _write_zip(archive, {**files, **code})
        content = archive.read_bytes()
        kept: dict[str, str | int] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        (work / "api.json").write_text(json.dumps(kept))
        # The zip first: a description without its zip, or of another one, is taken for no build.
        os.replace(archive, folder / f"{stem}.zip")
        os.replace(work / "api.json", folder / f"{stem}.json")
    _forget_old(folder, stem)
    return kept


def _artifact(
    path: str, kept: Mapping[str, str | int], runtime: str, compiled: bool, notes: tuple[str, ...]
) -> Artifact:
    if not compiled:
        version = runtime.removeprefix("python")
        notes = (
            *notes,
            f"the API's artifact carries no byte code, so that its cold starts take longer: no Python "
            f"{version} was found on PATH, under pyenv or through uv; mend: uv python install {version}",
        )
    return Artifact(
        path=path,
        sha256=str(kept["sha256"]),
        size=int(kept["size"]),
        runtime=runtime,
        compiled=compiled,
        notes=notes,
    )


def _key(files: Mapping[str, bytes], runtime: str) -> str:
    digest = hashlib.sha256(f"{LAYOUT} {runtime}\n".encode())
    for path, content in files.items():
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _kept(folder: Path, stem: str) -> dict[str, str | int] | None:
    """Size and hash of a build that is whole, or None."""
    try:
        described = json.loads((folder / f"{stem}.json").read_text())
        content = (folder / f"{stem}.zip").read_bytes()
    except (OSError, ValueError):
        return None
    whole = isinstance(described, dict) and described.get("sha256") == hashlib.sha256(content).hexdigest()
    return described if whole else None


def _write_zip(target: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, date_time=_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when built on Windows: the mode below is read only then
            entry.external_attr = (0o100755 if path == WRAPPER else 0o100644) << 16
            archive.writestr(entry, content)


def _forget_old(folder: Path, stem: str) -> None:
    """Removes builds and abandoned work of more than a day ago."""
    for path in folder.glob("*api-*"):
        if path.stem != stem and time.time() - path.stat().st_mtime > KEPT_S:
            path.unlink(missing_ok=True)
    for path in folder.glob(".building-*"):
        if time.time() - path.stat().st_mtime > KEPT_S:
            shutil.rmtree(path, ignore_errors=True)


def _pin_notes(root: Path) -> tuple[str, ...]:
    """What is installed in another version than ``requirements.txt`` pins."""
    try:
        pins = dict(
            re.findall(r"^([\w.-]+)==([^\s;\\]+)", (root / "requirements.txt").read_text(), re.MULTILINE)
        )
    except OSError:
        return ("there is no requirements.txt: the artifact carries whatever versions are installed",)
    notes = []
    for name in BUNDLED:
        distribution = DISTRIBUTIONS.get(name, name)
        installed = metadata.version(distribution)
        if pins.get(distribution, installed) != installed:
            notes.append(
                f"the artifact carries {distribution} {installed}, as installed, but requirements.txt "
                f"pins {pins[distribution]}; mend: pip install -r requirements.txt"
            )
    return tuple(notes)
