"""Reviewed snapshots of the whole program: ``python -m tests.components.snapshots`` takes them anew.

They answer one question: what changed in the graph. What must hold is asserted elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ops.plan import Plan

FOLDER = Path(__file__).parents[1] / "snapshots"
REVIEWED = ("dev", "prod", "dev with a domain")
ARCHIVE_MARK = "4dabf18193072939515e22adb298388d"


def path(case: str) -> Path:
    """Where the snapshot of a case lies."""
    return FOLDER / f"{case.replace(' ', '-')}.json"


def taken(plan: Plan) -> list[dict[str, Any]]:
    """A plan as plain, sorted data; what changes with every edit of the API's code is left out."""
    return [
        {
            "type": r.type,
            "name": r.name,
            "parent": (r.parent or "").rsplit("::", 1)[-1],
            "protect": r.protect,
            "retain": r.retain_on_delete,
            "ignore": list(r.ignore_changes),
            "secret": sorted(r.secret_paths),
            "inputs": _scrubbed(r.inputs),
        }
        for r in sorted(plan.resources, key=lambda r: (r.type, r.name))
    ]


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        if ARCHIVE_MARK in value:
            return "<archive>"
        return {k: _scrubbed(v) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [_scrubbed(v) for v in value]
    if isinstance(value, str):
        if value[:1] in "{[":
            try:
                return {"<json>": _scrubbed(json.loads(value))}
            except ValueError:
                return value
        if "\n" in value and len(value) > 400:
            return f"<text of {value.splitlines()[0][:60]}>"
    return value


def main() -> int:
    """Takes every reviewed snapshot anew; never in CI, where a difference is a failure."""
    if os.environ.get("CI"):
        print("snapshots are reviewed by a person, not taken in CI", file=sys.stderr)
        return 2
    from tests.components.test_program import planned

    FOLDER.mkdir(exist_ok=True)
    for case in REVIEWED:
        text = json.dumps(taken(planned(case)), indent=1, ensure_ascii=False, sort_keys=True)
        path(case).write_text(text + "\n")
        print(path(case).name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
