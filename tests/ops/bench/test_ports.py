"""Ports for servers that must be told one."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ops.bench import ports


class _Given:
    """Proposes what a test says."""

    def __init__(self, *numbers: int) -> None:
        self.numbers: Iterator[int] = iter(numbers)

    def randint(self, first: int, last: int) -> int:
        return next(self.numbers)


def test_ports_are_different_and_none_that_the_system_gives_away() -> None:
    found = ports.free_ports(50)
    assert len(set(found)) == 50
    assert all(10_000 <= port <= 30_000 for port in found)
    for port in found:
        with socket.socket() as server:
            server.bind(("127.0.0.1", port))


def test_a_taken_port_and_one_that_was_found_already_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = ports.free_ports(2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(ports, "_ANY", _Given(taken, one, one, two))
        assert ports.free_ports(2) == [one, two]


def test_the_last_try_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    free = ports.free_port()
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(ports, "_ANY", _Given(*[server.getsockname()[1]] * 99, free))
        assert ports.free_port() == free


def test_it_gives_up_when_every_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(ports, "_ANY", _Given(*[server.getsockname()[1]] * 100))
        with pytest.raises(OSError, match="in use"):
            ports.free_port()
