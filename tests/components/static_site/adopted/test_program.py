"""The program finds what was adopted for its stack, and the secret values beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components import program
from components.static_site.adoption import Adopted
from tests.components.harness import deploy
from tests.components.static_site.adopted.setups import adopted_file
from tests.ops.assess.aws_shapes import DOMAIN


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a file for the stack ``web`` alone."""
    (tmp_path / "adopted").mkdir()
    (tmp_path / "adopted" / "web.json").write_text(
        json.dumps(adopted_file("website endpoint kept by a referer"))
    )
    monkeypatch.setattr(program, "ROOT", tmp_path)
    return tmp_path


def found(stack: str, **config: str) -> Adopted | None:
    """What the program finds, with this configuration."""
    settings = {f"adopted:{key}": value for key, value in config.items()}
    result: Any = deploy(lambda: {"adopted": program.adopted_site(stack)}, config=settings).result
    return result["adopted"]


def test_a_stack_without_a_file_makes_a_new_site(root: Path) -> None:
    assert found("dev") is None


def test_header_values_come_from_the_configuration_as_secrets(root: Path) -> None:
    name = f"S3-{DOMAIN}/Referer"

    def build() -> dict[str, Any]:
        adopted = program.adopted_site("web")
        assert adopted is not None
        return {"value": adopted.header(f"S3-{DOMAIN}", "Referer")}

    result = deploy(build, config={"adopted:headers": json.dumps({name: "hunter2"})})
    assert result.value("value") == "hunter2"
    assert result.is_secret("value")


def test_a_value_that_is_missing_is_named_with_the_command(root: Path) -> None:
    with pytest.raises(ValueError, match=r"pulumi config set --secret adopted:headers"):
        found("web")
