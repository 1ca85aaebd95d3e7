"""The copies a run works on: typed overrides, nothing of the real backend in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ops.encrypted import PLACEHOLDER
from ops.engine.scratch import parse_overrides, prepare, typed_overrides
from ops.errors import UsageError

PROJECT = {
    "name": "p",
    "runtime": "python",
    "backend": {"url": "s3://state"},
    "config": {
        "count": {"type": "integer", "default": 1},
        "on": {"type": "boolean", "default": True},
        "names": {"type": "array", "items": {"type": "string"}, "default": []},
        "zone": {"type": "string", "default": ""},
    },
}
STACK = {
    "secretsprovider": "awskms://alias/x",
    "encryptedkey": "k",
    "encryptionsalt": "s",
    "config": {
        "aws:region": "us-east-1",
        "p:token": {"secure": "c2VjcmV0"},
        "p:deep": {"a": [{"secure": "eA=="}]},
    },
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(PROJECT))
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump(STACK))
    (tmp_path / "work").mkdir()
    return folder


def read(path: Path) -> dict[str, object]:
    return yaml.safe_load(path.read_text())


def test_a_run_with_its_own_backend_takes_nothing_of_the_real_one(root: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in root.iterdir()}
    prepared = prepare(root, "dev", tmp_path / "work", {}, own_backend=True)
    project, stack = read(tmp_path / "work" / "Pulumi.yaml"), read(tmp_path / "work" / "Pulumi.dev.yaml")
    assert "backend" not in project
    assert project["main"] == str(root.resolve())
    assert set(stack) == {"config"}
    assert stack["config"] == {
        "aws:region": "us-east-1",
        "p:token": PLACEHOLDER,
        "p:deep": {"a": [PLACEHOLDER]},
    }
    assert prepared.hidden == ("p:deep.a[0]", "p:token")
    assert {path.name: path.read_bytes() for path in root.iterdir()} == before


def test_a_run_with_the_real_backend_keeps_its_keys_and_secrets(root: Path, tmp_path: Path) -> None:
    prepared = prepare(root, "dev", tmp_path / "work", {"count": "3"}, own_backend=False)
    stack = read(tmp_path / "work" / "Pulumi.dev.yaml")
    assert stack == {**STACK, "config": {**STACK["config"], "p:count": 3}}  # pyright: ignore[reportGeneralTypeIssues]
    assert read(tmp_path / "work" / "Pulumi.yaml")["backend"] == PROJECT["backend"]
    assert prepared.hidden == ()


def test_an_unknown_stack_is_told_with_the_nearest(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no stack 'dve': did you mean 'dev'"):
        prepare(root, "dve", tmp_path / "work", {}, own_backend=True)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("count", "3", 3),
        ("count", "three", "three"),
        ("count", "true", "true"),
        ("on", "false", False),
        ("on", "no", "no"),
        ("names", "a, b", ["a", "b"]),
        ("names", '["a"]', ["a"]),
        ("names", "", []),
        ("zone", "123", "123"),
        ("other", "5", "5"),
    ],
)
def test_overrides_are_typed_as_the_project_declares(key: str, text: str, value: object) -> None:
    assert typed_overrides(PROJECT, "p", {key: text}) == {f"p:{key}": value}
    assert typed_overrides(PROJECT, "p", {f"p:{key}": text}) == {f"p:{key}": value}


def test_keys_of_another_namespace_stay() -> None:
    assert typed_overrides(PROJECT, "p", {"aws:region": "eu-west-1"}) == {"aws:region": "eu-west-1"}


def test_options_are_split_at_the_first_equals_sign() -> None:
    assert parse_overrides(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}


def test_all_wrong_options_are_told_at_once() -> None:
    with pytest.raises(UsageError, match=r"KEY=VALUE.*got 'apiBackend', '=x'"):
        parse_overrides(["apiBackend", "a=1", "=x"])
