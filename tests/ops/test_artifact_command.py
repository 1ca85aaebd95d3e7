"""``ops artifact``: what it prints, the copy it makes, a broken package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.interfaces import Artifact
from components.orchestrator_api import artifact
from ops import artifact as command
from ops.cli import main

MADE = Artifact(
    path=".build/api-1.zip",
    sha256="ab" * 32,
    size=3_068_315,
    runtime="python3.13",
    compiled=True,
    notes=("a note",),
)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".build").mkdir()
    (tmp_path / MADE.path).write_bytes(b"zip")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(artifact, "build", lambda root: MADE if root == tmp_path else None)
    return tmp_path


def test_path_size_and_hash(built: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["artifact"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "path    .build/api-1.zip",
        "size    3068315 bytes (3.1 MB)",
        f"sha256  {'ab' * 32}",
        "runtime python3.13, byte-compiled",
    ]
    assert printed.err == "note: a note\n"


def test_copy_and_json(built: Path, capsys: pytest.CaptureFixture[str]):
    target = built / "new" / "out.zip"
    assert main(["artifact", "-o", str(target), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["path"], answer["size"], answer["notes"]) == (str(target), 3_068_315, ["a note"])
    assert target.read_bytes() == b"zip"
    assert [p.name for p in target.parent.iterdir()] == ["out.zip"]


def test_a_broken_package_is_an_error_without_a_traceback(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken(root: Path) -> Artifact:
        raise ValueError("api_handler/app.py:2: invalid syntax")

    monkeypatch.setattr(artifact, "build", broken)
    assert main(["artifact"]) == 1
    assert capsys.readouterr().err == "error: api_handler/app.py:2: invalid syntax\n"


def test_a_target_that_cannot_be_written_is_named(built: Path, capsys: pytest.CaptureFixture[str]):
    (built / "file").write_text("a folder cannot be made here")
    target = built / "file" / "out.zip"
    assert main(["artifact", "-o", str(target)]) == 1
    assert capsys.readouterr().err.startswith(f"error: -o {target} cannot be written: ")
