"""Which files go into the artifact: the API package and the pure-Python distributions it runs on."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = "api_handler"
SITE = "site"
SITE_INDEX = f"{PACKAGE}/site-index.json"
"""What the agents' site search reads: made of the project's ``site`` folder, unless the package has one."""

WRAPPER = "bootstrap-wrapper"
"""Lambda starts this file in place of its own loop (AWS_LAMBDA_EXEC_WRAPPER); it stands at the zip's root."""

BUNDLED = ("botocore", "click", "dateutil", "h11", "jmespath", "six", "urllib3", "uvicorn")
"""Import names shipped with the package. botocore needs dateutil, jmespath, six and urllib3; uvicorn, which
serves on Fargate and EC2, needs click and h11."""

DISTRIBUTIONS = {"dateutil": "python-dateutil"}
"""Import name to distribution name, where they differ."""

AWS_SERVICES = (
    "bedrock-runtime",
    "cloudwatch",
    "dynamodb",
    "events",
    "lambda",
    "secretsmanager",
    "sts",
)
"""Service models kept of botocore's four hundred: 24 MB become 3."""

NATIVE_SUFFIXES = (".so", ".pyd", ".dylib", ".dll")


def collect(root: Path) -> dict[str, bytes]:
    """Every file of the artifact, path in the zip to content, sorted by path; no byte code.

    Args:
        root: the project's root, which holds ``api_handler``.

    Raises:
        ValueError: ``api_handler`` or its wrapper is missing, or a bundled distribution is not
            installed or not pure Python.
    """
    own = _own_files(root)
    problems: list[str] = []
    foreign: dict[str, bytes] = {}
    for name in BUNDLED:
        location = _installed(name)
        if location is None:
            problems.append(f"{name} is not installed; mend: pip install -r requirements.txt")
            continue
        foreign.update(_bundled_files(name, location))
    problems += [
        f"{path} is compiled for this machine, and the artifact runs on arm64"
        for path in foreign
        if path.endswith(NATIVE_SUFFIXES)
    ]
    if problems:
        raise ValueError("the API's artifact cannot be built:\n  " + "\n  ".join(problems))
    return dict(sorted({**foreign, **own}.items()))


def _own_files(root: Path) -> dict[str, bytes]:
    package = root / PACKAGE
    if not (package / "__init__.py").is_file():
        raise ValueError(f"there is no package {PACKAGE} in {root}: run this in the project's root")
    if not (package / WRAPPER).is_file():
        raise ValueError(f"{PACKAGE}/{WRAPPER} is missing: Lambda would start its own, buffering loop")
    files = {f"{PACKAGE}/{relative}": content for relative, content in _tree(package)}
    wrapper = files.pop(f"{PACKAGE}/{WRAPPER}")
    # A checkout with CRLF would make the kernel look for an interpreter named "sh\r".
    files[WRAPPER] = wrapper.replace(b"\r\n", b"\n")
    if SITE_INDEX not in files and (root / SITE).is_dir():
        files[SITE_INDEX] = _site_index(root / SITE)
    return files


def _site_index(folder: Path) -> bytes:
    from api_handler.tools.site_search import build_index

    return json.dumps(build_index(folder), ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def _tree(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files under ``folder`` that are worth shipping, path relative to it, in a fixed order."""
    found: list[tuple[str, str]] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        for name in names:
            if name.startswith(".") or name.endswith((".pyc", "~")):
                continue
            path = os.path.join(place, name)
            if os.path.isfile(path):
                found.append((Path(path).relative_to(folder).as_posix(), path))
    for relative, path in sorted(found):
        yield relative, Path(path).read_bytes()


def _installed(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin) if spec and spec.origin else None


def _bundled_files(name: str, origin: Path) -> dict[str, bytes]:
    if origin.name != "__init__.py":
        return {origin.name: origin.read_bytes()}
    files = dict(_tree(origin.parent)) if name != "botocore" else dict(_botocore(origin.parent))
    return {f"{name}/{relative}": content for relative, content in files.items()}


def _botocore(folder: Path) -> Iterator[tuple[str, bytes]]:
    """botocore without the models of services the API does not call, and without their examples."""
    data = folder / "data"
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix != ".pyc":
            yield path.name, path.read_bytes()
        elif path.is_dir() and path.name not in ("data", "__pycache__"):
            yield from ((f"{path.name}/{relative}", content) for relative, content in _tree(path))
    for path in sorted(data.iterdir()):
        if path.is_file():
            yield f"data/{path.name}", path.read_bytes()
    for service in AWS_SERVICES:
        # Only the newest API version of a service is ever loaded unasked.
        newest = max(path for path in (data / service).iterdir() if path.is_dir())
        for relative, content in _tree(newest):
            if not relative.startswith("examples-"):
                yield f"data/{service}/{newest.name}/{relative}", content


def check_sources(files: Mapping[str, bytes]) -> list[str]:
    """What is wrong with the package's own modules: syntax, and imports the artifact does not carry.

    Args:
        files: path in the zip to content.

    Returns:
        One line a problem, ``path:line: what``; empty when all is well.
    """
    problems: list[str] = []
    for path, content in files.items():
        if not (path.endswith(".py") and path.startswith(f"{PACKAGE}/")):
            continue
        try:
            tree = ast.parse(content, filename=path)
        except SyntaxError as error:
            problems.append(f"{path}:{error.lineno or 1}: {error.msg}")
            continue
        except ValueError as error:  # a NUL byte, or an undecodable source
            problems.append(f"{path}:1: {error}")
            continue
        known = {PACKAGE, *BUNDLED, *sys.stdlib_module_names}
        for line, name in _required_imports(tree):
            if name.split(".")[0] not in known:
                problems.append(
                    f"{path}:{line}: imports {name}, which the artifact does not carry; it has the standard "
                    f"library and {', '.join(BUNDLED)} (BUNDLED in {Path(__file__).name})"
                )
    return problems


def _required_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and module of each absolute import; not those under ``try`` or ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module:
                yield node.lineno, node.module
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from _required_imports(ast.Module(body=[other], type_ignores=[]))
        elif not isinstance(node, ast.Try):
            yield from _required_imports(node)
