"""Byte-compiling the artifact with an interpreter of the runtime's own minor version.

Lambda mounts the package read-only, so without byte code every cold start compiles all it
imports: 450 ms of CPU time instead of 183 for a handler that makes one Bedrock client.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

MAGIC = {"python3.12": 3531, "python3.13": 3571, "python3.14": 3627}
"""Magic number of each runtime's byte code (CPython, Include/internal/pycore_magic_number.h)."""

MOUNT = "/var/task"
"""Where Lambda unpacks the zip; elsewhere the import system corrects the file names of tracebacks itself."""

_PROBE = "import importlib.util as u; print(int.from_bytes(u.MAGIC_NUMBER[:2], 'little'))"

# One process and one order: what marshal writes depends on what the process has interned before.
_COMPILE = """
import py_compile, sys
stage, mount = sys.argv[1:3]
for name in sys.stdin.read().split("\\0"):
    try:
        py_compile.compile(f"{stage}/{name}", dfile=f"{mount}/{name}", doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except py_compile.PyCompileError as error:
        cause = error.exc_value
        print(f"{name}:{getattr(cause, 'lineno', None) or 1}: {getattr(cause, 'msg', cause)}")
"""


def find_interpreter(runtime: str) -> str | None:
    """An interpreter that writes the runtime's byte code, or None.

    Looked for: the running one, PATH, pyenv's versions, uv. A candidate counts only after it has
    answered with the right magic number: pyenv's shims are on PATH for versions that are not active.

    Args:
        runtime: Lambda runtime identifier, a key of ``MAGIC``.
    """
    for candidate in _candidates(runtime.removeprefix("python")):
        if _answer([candidate, "-I", "-c", _PROBE]) == str(MAGIC[runtime]):
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        yield sys.executable
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted((str(path) for path in pyenv.glob(f"versions/{version}.*/bin/python")), reverse=True)
    uv = shutil.which("uv")
    if uv:
        found = _answer([uv, "python", "find", "--offline", "--no-project", "--no-python-downloads", version])
        if found:
            yield found


def _answer(command: list[str]) -> str:
    """What a command prints, stripped; "" when it fails, hangs or cannot be started."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def compile_sources(files: Mapping[str, bytes], interpreter: str, stage: Path) -> dict[str, bytes]:
    """Byte code of every module, as ``__pycache__`` entries that the import system never checks.

    Args:
        files: path in the zip to content.
        interpreter: of the runtime's minor version.
        stage: an empty folder to work in.

    Returns:
        Path in the zip to content, of the byte code alone.

    Raises:
        ValueError: a module does not compile; the text names file and line.
        RuntimeError: the interpreter failed.
    """
    names = sorted(name for name in files if name.endswith(".py"))
    for name in names:
        target = stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[name])
    done = subprocess.run(
        [interpreter, "-s", "-S", "-P", "-c", _COMPILE, str(stage), MOUNT],
        input="\0".join(names),
        capture_output=True,
        text=True,
        check=False,
        # Sets of constants are marshalled in the order of their hashes.
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | {"PYTHONHASHSEED": "0"},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{interpreter} could not compile the artifact:\n{done.stderr.strip()[-2000:]}")
    if done.stdout.strip():
        raise ValueError(
            "the API's artifact cannot be built:\n  " + done.stdout.strip().replace("\n", "\n  ")
        )
    compiled = sorted(stage.rglob("*.pyc"))
    if len(compiled) != len(names):
        raise RuntimeError(f"{interpreter} compiled {len(compiled)} of {len(names)} modules")
    return {path.relative_to(stage).as_posix(): path.read_bytes() for path in compiled}
