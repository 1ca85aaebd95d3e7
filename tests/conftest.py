"""Every test is hermetic: no AWS profile, key, metadata service or Pulumi login reaches it."""

from __future__ import annotations

import gc
import os

import hypothesis  # noqa: F401  # imported before any test: CPython 3.11 fails now and then to parse it

# late, when pytest's plugin loads it at the end of the session (AST constructor recursion depth mismatch)
import pytest

from tests import botocore_once

pytest.register_assert_rewrite("tests.components.harness")
botocore_once.share()

# An f-string of an Output raises instead of writing "Calling __str__ on an Output" into the value.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"

FOLDERS_THAT_SHARE = ("tests/api_handler/", "tests/ops/keys/")
"""Folders with fixtures made once for all of their files: their tests go to one worker."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a file (or a folder that shares fixtures) on one worker, so that nothing is made twice."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            file = item.nodeid.partition("::")[0]
            group = next((folder for folder in FOLDERS_THAT_SHARE if file.startswith(folder)), file)
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    """Spares the collector what lives as long as the process.

    The AWS SDKs are about a million objects; a full collection walks all of them, and a program planned
    with the mocks makes enough garbage for several: half of the time of such a test.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


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
