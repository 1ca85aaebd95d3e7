"""Every test is hermetic: no AWS profile, key, metadata service or Pulumi login reaches it."""

from __future__ import annotations

import os

import hypothesis  # noqa: F401  # imported before any test: CPython 3.11 fails now and then to parse it

# late, when pytest's plugin loads it at the end of the session (AST constructor recursion depth mismatch)
import pytest

pytest.register_assert_rewrite("tests.components.harness")

# An f-string of an Output raises instead of writing "Calling __str__ on an Output" into the value.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"


@pytest.fixture(autouse=True)
def hermetic_aws(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Takes away whatever would let a test reach an account."""
    for key in list(os.environ):
        if key.startswith("AWS_") or key in ("PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "NO_COLOR"):
            monkeypatch.delenv(key)
    nowhere = str(tmp_path_factory.getbasetemp() / "no-aws-config")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
