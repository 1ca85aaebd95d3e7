"""What tests/conftest.py promises: nothing of the machine reaches a test, and no test another machine."""

from __future__ import annotations

import os
import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "get.pulumi.com"])
def test_another_machine_is_out_of_reach(host: str) -> None:
    with socket.socket(socket.AF_INET) as connection:
        connection.settimeout(0.1)
        for connect in (connection.connect, connection.connect_ex):
            with pytest.raises(AssertionError, match=f"another machine: {host}"):
                connect((host, 9))


def test_this_machine_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_no_login_is_left() -> None:
    assert not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL"} & set(
        os.environ
    )
    assert not os.path.exists(os.environ["AWS_CONFIG_FILE"])
