"""One served distribution for all tests that only ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ops.local.running import Local, served


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    with served(tmp_path_factory.mktemp("edge")) as running:
        yield running
