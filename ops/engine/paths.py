"""Where the engine and its working files are kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project: the folder with Pulumi.yaml."""


def cache_candidates(root: Path = ROOT, environment: Mapping[str, str] | None = None) -> list[Path]:
    """The cache folders in the order they are tried: the user's, then one inside the project.

    The second one (``.cache/``, ignored by git) serves a home that is read-only or missing.

    Args:
        root: the project.
        environment: instead of ``os.environ``.
    """
    env = os.environ if environment is None else environment
    if env.get("ORCHESTRATOR_CACHE"):
        return [Path(env["ORCHESTRATOR_CACHE"]).expanduser(), root / ".cache" / "orchestrator"]
    home = env.get("XDG_CACHE_HOME") or (os.path.join(env["HOME"], ".cache") if env.get("HOME") else "")
    own = [Path(home) / "orchestrator"] if home else []
    return [*own, root / ".cache" / "orchestrator"]


def writable_cache(candidates: list[Path]) -> Path | None:
    """The first of the folders that can be written, made if it is missing; None when there is none."""
    for folder in candidates:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # os.access says nothing of a read-only mount under root, so a file is really made.
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None
