"""The one DNS question, against a name server of the test's own."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ops.assess import nameservers
from tests.timing import PATIENCE_S

Reply = Callable[[bytes], bytes]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers may be late."""
    monkeypatch.setattr(nameservers, "TIMEOUT_S", PATIENCE_S)


@contextmanager
def server(reply: Reply) -> Iterator[tuple[str, int]]:
    """A UDP server that answers every packet with ``reply``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    packet, client = sock.recvfrom(512)
                except TimeoutError:
                    continue
                sock.sendto(reply(packet), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()
        finally:
            stop.set()
            thread.join()


def label(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def answer(query: bytes, *servers: str, code: int = 0, pointer: bool = True) -> bytes:
    """A response with NS records; the owner is a pointer to the question, as real servers send it."""
    head = query[:2] + struct.pack(">5H", 0x8180 | code, 1, len(servers), 0, 0)
    owner = b"\xc0\x0c" if pointer else query[12:-4]
    rows = b"".join(
        owner + struct.pack(">2HIH", 2, 1, 3600, len(label(name))) + label(name) for name in servers
    )
    return head + query[12:] + rows


def test_name_servers_come_sorted_and_in_lower_case() -> None:
    asked = []

    def reply(query: bytes) -> bytes:
        asked.append(query[12:])
        return answer(query, "NS-2.example.net", "ns-1.example.org")

    with server(reply) as address:
        assert nameservers.lookup("example.com.", resolvers=[address]) == (
            "ns-1.example.org",
            "ns-2.example.net",
        )
    assert asked == [label("example.com") + b"\x00\x02\x00\x01"]


def test_a_name_that_does_not_exist_has_none() -> None:
    with server(lambda query: answer(query, code=3)) as address:
        assert nameservers.lookup("example.com", resolvers=[address]) == ()


def test_an_uncompressed_owner_is_read_too() -> None:
    with server(lambda query: answer(query, "a.example.net", pointer=False)) as address:
        assert nameservers.lookup("example.com", resolvers=[address]) == ("a.example.net",)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (lambda query: answer(query, code=2), "code 2"),
        (
            lambda query: b"\0\0" + answer(query)[2:] if query[:2] != b"\0\0" else b"\1" * 12,
            "another question",
        ),
        (lambda query: query[:2] + b"\x81\x80", "no DNS"),
        (lambda query: answer(query, "x.example")[:-6], "no DNS"),
        (lambda query: query[:2] + struct.pack(">5H", 0x8180, 1, 0, 0, 0) + b"\xc0\x0c", "circle"),
    ],
)
def test_what_is_no_answer_is_an_error(reply: Reply, why: str) -> None:
    with server(reply) as address, pytest.raises(OSError, match=why):
        nameservers.lookup("example.com", resolvers=[address])


def test_the_next_resolver_is_asked_when_one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = nameservers._ask
    asked = []

    def patient_with_the_other(zone: str, address: tuple[str, int]) -> tuple[str, ...]:
        asked.append(address)
        monkeypatch.setattr(nameservers, "TIMEOUT_S", 0.05 if address == resolvers[0] else PATIENCE_S)
        return ask(zone, address)

    monkeypatch.setattr(nameservers, "_ask", patient_with_the_other)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with server(lambda query: answer(query, "a.example.net")) as address:
            resolvers = [silent.getsockname(), address]
            assert nameservers.lookup("example.com", resolvers=resolvers) == ("a.example.net",)
    assert asked == [resolvers[0]] * nameservers.TRIES + [resolvers[1]]


def test_no_resolver_is_an_error() -> None:
    with pytest.raises(OSError, match="no resolver"):
        nameservers.lookup("example.com", resolvers=[])
