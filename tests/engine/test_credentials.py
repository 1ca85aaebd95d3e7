"""Whether there are credentials is seen from environment and files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.engine import credentials
from ops.engine.credentials import aws_credentials


def found(tmp_path: Path, config: str = "", shared: str = "", **environment: str) -> str:
    (tmp_path / ".aws").mkdir(exist_ok=True)
    (tmp_path / ".aws" / "config").write_text(config)
    (tmp_path / ".aws" / "credentials").write_text(shared)
    return aws_credentials({"HOME": str(tmp_path), **environment}, vendor_file=tmp_path / "vendor")


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({}, ""),
        ({"AWS_ACCESS_KEY_ID": "x"}, ""),
        ({"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}, "the environment (AWS_ACCESS_KEY_ID)"),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"},
            "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
        ),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"}, "the container's role"),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://c"}, "the container's role"),
    ],
)
def test_the_environment(tmp_path: Path, environment: dict[str, str], where: str) -> None:
    assert found(tmp_path, **environment) == where


@pytest.mark.parametrize(
    ("config", "shared", "profile", "where"),
    [
        ("", "[default]\naws_access_key_id = x\naws_secret_access_key = y\n", "", "the profile 'default'"),
        ("[default]\nregion = us-east-1\n", "", "", ""),
        ("[profile work]\nsso_session = s\n", "", "work", "the profile 'work'"),
        ("[profile work]\nsso_session = s\n", "", "", ""),
        ("[profile work]\nsso_session = s\n", "", "other", ""),
        ("[default]\ncredential_process = /bin/x\n", "", "", "the profile 'default'"),
        ("this is no configuration", "", "", ""),
    ],
)
def test_the_profile_files(tmp_path: Path, config: str, shared: str, profile: str, where: str) -> None:
    environment = {"AWS_PROFILE": profile} if profile else {}
    assert found(tmp_path, config, shared, **environment) == where


def test_only_an_ec2_machine_asks_its_metadata_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def role() -> bool:
        asked.append(True)
        return True

    monkeypatch.setattr(credentials, "_instance_role", role)
    assert found(tmp_path) == ""
    assert asked == []
    (tmp_path / "vendor").write_text("Amazon EC2\n")
    assert found(tmp_path) == "the instance's role"
    assert found(tmp_path, AWS_EC2_METADATA_DISABLED="true") == ""
    assert asked == [True]
