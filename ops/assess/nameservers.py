"""The name servers the world is sent to for a zone: one DNS question to the machine's own resolver.

The standard library resolves addresses only, and Route 53 cannot say whether the parent zone
delegates to it. RFC 1035, section 4: https://www.rfc-editor.org/rfc/rfc1035#section-4
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

TIMEOUT_S = 2.0
TRIES = 2
_NS, _IN, _RECURSE = 2, 1, 0x0100
_NXDOMAIN = 3

Lookup = Callable[[str], Sequence[str]]
"""Zone name to its name servers; empty: the name does not exist or has none.

Raises OSError when nobody answers."""


def lookup(zone: str, *, resolvers: Sequence[tuple[str, int]] | None = None) -> tuple[str, ...]:
    """The NS records of a zone as the resolver sees them, lower case, without the trailing dot, sorted.

    Args:
        zone: ``example.com``.
        resolvers: (address, port) to ask in turn; None: those of /etc/resolv.conf.

    Raises:
        OSError: nobody answered, or not in DNS.
    """
    last: OSError = OSError("no resolver is configured")
    for address in resolvers if resolvers is not None else _system_resolvers():
        for _ in range(TRIES):
            try:
                return _ask(zone, address)
            except (OSError, ValueError) as failure:
                last = failure if isinstance(failure, OSError) else OSError(str(failure))
    raise last


def _system_resolvers() -> list[tuple[str, int]]:
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
    return [
        (line.split()[1], 53) for line in lines if line.startswith("nameserver ") and len(line.split()) > 1
    ]


def _ask(zone: str, address: tuple[str, int]) -> tuple[str, ...]:
    number = secrets.randbelow(65536)
    labels = zone.rstrip(".").encode("idna").split(b".")
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    packet = struct.pack(">6H", number, _RECURSE, 1, 0, 0, 0) + question + struct.pack(">2H", _NS, _IN)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(address)
        sock.send(packet)
        answer = sock.recv(4096)
    return _parse(answer, number, zone)


def _parse(answer: bytes, number: int, zone: str) -> tuple[str, ...]:
    try:
        got, flags, questions, answers, _, _ = struct.unpack_from(">6H", answer)
        if got != number or not flags & 0x8000:
            raise ValueError("an answer to another question")
        code = flags & 0x000F
        if code == _NXDOMAIN:
            return ()
        if code:
            raise ValueError(f"the resolver answered with code {code}")
        at = 12
        for _ in range(questions):
            _, at = _name(answer, at)
            at += 4
        servers = []
        for _ in range(answers):
            owner, at = _name(answer, at)
            kind, _, _, length = struct.unpack_from(">2HIH", answer, at)
            at += 10
            if kind == _NS and owner.lower() == zone.rstrip(".").lower():
                servers.append(_name(answer, at)[0].lower())
            at += length
    except (struct.error, IndexError):
        raise ValueError("an answer that is no DNS") from None
    return tuple(sorted(servers))


def _name(packet: bytes, at: int) -> tuple[str, int]:
    """The name at ``at`` and where the next field begins; follows compression pointers."""
    labels: list[str] = []
    end = -1
    for _ in range(128):
        length = packet[at]
        if length & 0xC0 == 0xC0:
            if end < 0:
                end = at + 2
            at = struct.unpack_from(">H", packet, at)[0] & 0x3FFF
        elif length == 0:
            return ".".join(labels), end if end >= 0 else at + 1
        else:
            labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise ValueError("a name that points in a circle")
