"""``ops artifact``: builds the API's deployment package and says what it is."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path

from ops.errors import OpsError

ROOT = Path(__file__).resolve().parent.parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.epilog = """\
The package goes to .build/ and its name is the hash of what is in it: the same sources give the same
bytes on every machine. Nothing is asked of the network. What it is: path, size, SHA-256, runtime.

Exit codes: 0 built; 1 a source of api_handler/ is broken, or the file cannot be written.
"""
    parser.add_argument("-o", "--output", metavar="FILE.zip", help="copy the package to this file as well")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Builds the package and prints path, size in bytes and SHA-256.

    Raises:
        OpsError: the API's sources are broken, or the package cannot be written.
    """
    # Late: the dataclasses between the components pull in the Pulumi SDK.
    from components.orchestrator_api.artifact import build

    try:
        artifact = build(ROOT)
        path = artifact.path
    except (ValueError, RuntimeError, OSError) as failure:
        raise OpsError(str(failure)) from failure
    if args.output:
        try:
            path = str(_copy(ROOT / artifact.path, Path(args.output)))
        except OSError as failure:
            raise OpsError(f"-o {args.output} cannot be written: {failure.strerror}") from failure
    if args.json:
        print(json.dumps({**dataclasses.asdict(artifact), "path": path}))
        return 0
    print(f"path    {path}")
    print(f"size    {artifact.size} bytes ({artifact.size / 1e6:.1f} MB)")
    print(f"sha256  {artifact.sha256}")
    print(f"runtime {artifact.runtime}, {'byte-compiled' if artifact.compiled else 'sources only'}")
    for note in artifact.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0


def _copy(built: Path, target: Path) -> Path:
    """Puts the package at ``target``: whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(built, partial)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target
