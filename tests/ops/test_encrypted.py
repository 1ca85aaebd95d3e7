"""What stands in place of encrypted values, and that it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.encrypted import PLACEHOLDER, is_encrypted, told
from ops.engine.scratch import prepare
from ops.errors import UsageError
from ops.stackfiles import effective_config, encrypted_keys

SECRET = {"secure": "AAABAFz0example"}
PROJECT = {
    "name": "p",
    "config": {
        "mail": {"type": "string", "default": "default@example.com"},
        "models": {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
        "size": {"type": "integer", "default": 7},
        "wanted": {"type": "string"},
        "count": {"type": "integer"},
        "fixed": "plain value",
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a project whose stack ``dev`` has this configuration."""

    def write(config: dict[str, Any]) -> Path:
        (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(PROJECT))
        (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("value", "encrypted"),
    [
        (SECRET, True),
        ({"a": [1, SECRET]}, True),
        ([SECRET], True),
        ({"secure": "x", "other": "y"}, False),
        ("secure", False),
        ([], False),
    ],
)
def test_what_counts_as_encrypted(value: object, encrypted: bool) -> None:
    assert is_encrypted(value) is encrypted


def test_a_declared_key_takes_its_default_and_any_other_a_placeholder(
    project: Callable[[dict[str, Any]], Path],
) -> None:
    root = project(
        {
            "aws:region": SECRET,
            "p:mail": SECRET,
            "models": ["c", SECRET],
            "p:size": SECRET,
            "p:wanted": SECRET,
            "p:count": SECRET,
            "p:fixed": SECRET,
            "p:unknown": SECRET,
            "x:deep": {"a": [1, SECRET]},
            "p:plain": "open",
        }
    )
    expected = {
        "aws:region": "us-east-1",
        "p:mail": "default@example.com",
        "p:models": '["a", "b"]',
        "p:size": "7",
        "p:wanted": PLACEHOLDER,
        "p:count": "1",
        "p:fixed": "plain value",
        "p:unknown": PLACEHOLDER,
        "x:deep": json.dumps({"a": [1, PLACEHOLDER]}),
        "p:plain": "open",
    }
    assert effective_config(root, "dev", {}) == expected
    hidden = (
        "aws:region (us-east-1)",
        "p:count (its default)",
        "p:fixed (its default)",
        "p:mail (its default)",
        "p:models (its default)",
        "p:size (its default)",
        "p:unknown",
        "p:wanted (its default)",
        "x:deep.a[1]",
    )
    assert encrypted_keys(root, "dev", {}) == hidden
    # The engine's copy says the same: what is left out there is what Pulumi.yaml has a default for.
    (root / "work").mkdir()
    prepared = prepare(root, "dev", root / "work", {}, own_backend=True)
    assert prepared.hidden == hidden
    written = yaml.safe_load((root / "work" / "Pulumi.dev.yaml").read_text())["config"]
    assert written == {
        "aws:region": "us-east-1",
        "p:count": 1,
        "p:plain": "open",
        "p:unknown": PLACEHOLDER,
        "p:wanted": PLACEHOLDER,
        "x:deep": {"a": [1, PLACEHOLDER]},
    }


def test_a_value_given_for_the_run_needs_no_placeholder(project: Callable[[dict[str, Any]], Path]) -> None:
    root = project({"p:mail": SECRET, "p:token": SECRET})
    (root / "work").mkdir()
    over = {"mail": "me@example.com", "p:token": "open"}
    assert effective_config(root, "dev", over)["p:mail"] == "me@example.com"
    assert encrypted_keys(root, "dev", over) == ()
    assert prepare(root, "dev", root / "work", over, own_backend=True).hidden == ()


def test_headers_of_an_adopted_site_take_the_names_of_its_file(
    project: Callable[[dict[str, Any]], Path],
) -> None:
    root = project({"adopted:headers": SECRET})
    assert effective_config(root, "dev", {})["adopted:headers"] == "{}"
    origins = [
        {"Id": "one", "CustomHeaders": {"Items": [{"HeaderName": "Referer"}, {"HeaderName": "X-Key"}]}},
        {"Id": "two", "CustomHeaders": {"Quantity": 0}},
    ]
    (root / "adopted").mkdir()
    file = root / "adopted" / "dev.json"
    file.write_text(json.dumps({"distribution": {"config": {"Origins": {"Items": origins}}}}))
    assert json.loads(effective_config(root, "dev", {})["adopted:headers"]) == {
        "one/Referer": PLACEHOLDER,
        "one/X-Key": PLACEHOLDER,
    }
    file.write_text("no JSON")
    assert effective_config(root, "dev", {})["adopted:headers"] == "{}"


def test_the_sentence() -> None:
    assert told(()) == ""
    assert told(("a:b", "p:c (its default)")) == (
        "Encrypted values were not read; a placeholder stands for: a:b, p:c (its default)."
    )


def test_a_configuration_that_is_no_mapping_is_told(project: Callable[[dict[str, Any]], Path]) -> None:
    root = project({})
    (root / "Pulumi.dev.yaml").write_text("config: [a]\n")
    with pytest.raises(UsageError, match=r"Pulumi\.dev\.yaml: `config` must be a mapping"):
        effective_config(root, "dev", {})
