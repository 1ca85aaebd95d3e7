"""Fixtures of this folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.components.orchestrator_api.local_s3 import LocalS3


@pytest.fixture
def s3() -> Iterator[LocalS3]:
    server = LocalS3()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
