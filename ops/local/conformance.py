"""``python -m ops.local.conformance --target URL``: the table of CloudFront's documented answers, asked.

The same table runs against the local edge (in the tests) and against a real distribution of this program
with ``site/`` on it. What the origin got is seen on the local edge only, through ``/_dev``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import re
import socket
import ssl
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TABLE = Path(__file__).with_name("conformance.toml")
TIMEOUT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and what is documented of its answer; see ``conformance.toml``."""

    id: str
    cite: str
    says: str
    path: str
    expect: Mapping[str, Any]
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    scheme: str = "https"
    version: str = "1.1"
    host: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Answer:
    """What came back; header names in lower case, ``pieces`` how often something arrived."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    pieces: int = 1

    def get(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for key, value in self.headers if key == name), None)


def load() -> tuple[str, list[Case]]:
    """The address of the guide, and the cases."""
    document = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return str(document["guide"]), [Case(**case) for case in document["case"]]


class Skipped(Exception):
    """A case that this target cannot be asked."""


@dataclass
class Target:
    """Where the table is asked.

    Attributes:
        url: of the distribution or the local edge.
        domain: its apex; "": it has only one name, and the cases of www and api are skipped.
        key: an API key; "": the case that needs one is skipped.
        observe: gives the local edge's record of the last request; None on a real distribution.
    """

    url: str
    domain: str = ""
    key: str = ""
    observe: Callable[[], Mapping[str, Any]] | None = None

    @property
    def local(self) -> bool:
        """Whether it is a local edge: plain http that counts as https."""
        return urlsplit(self.url).scheme == "http"

    def ask(self, case: Case) -> Answer:
        """Sends the request of a case.

        Raises:
            Skipped: it needs a name or a key that was not given.
        """
        if case.host and not self.domain:
            raise Skipped("needs the domain (--domain)")
        values = {"key": self.key}
        if any("{key}" in value for value in case.headers.values()) and not self.key:
            raise Skipped("needs an API key (--key)")
        if any("{etag}" in v or "{last-modified}" in v for v in case.headers.values()):
            first = self._send("GET", case.path, {}, b"", "https", "1.1", case.host)
            values["etag"] = first.get("etag") or ""
            values["last-modified"] = first.get("last-modified") or ""
        headers = {name: _filled(value, values) for name, value in case.headers.items()}
        path = _filled(case.path, values)
        return self._send(
            case.method, path, headers, case.body.encode(), case.scheme, case.version, case.host
        )

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        scheme: str,
        version: str,
        host: str,
    ) -> Answer:
        parts = urlsplit(self.url)
        name = f"{host}.{self.domain}" if host else (self.domain or parts.hostname or "")
        lines = [f"{method} {path} HTTP/{version}", f"host: {name}"]
        if self.local and scheme == "http":
            lines.append("x-forwarded-proto: http")
        lines += [f"{key}: {value}" for key, value in headers.items()]
        if body:
            lines.append(f"content-length: {len(body)}")
        if "close" not in headers.get("connection", ""):
            lines.append("connection: keep-alive")
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        with self._connected(parts.hostname or "", name, scheme) as sock:
            sock.sendall(data)
            return _read(sock, method)

    def _connected(self, address: str, name: str, scheme: str) -> socket.socket:
        port = urlsplit(self.url).port
        if self.local:
            return socket.create_connection((address, port or 80), timeout=TIMEOUT_S)
        if scheme == "http":
            return socket.create_connection((name, 80), timeout=TIMEOUT_S)
        raw = socket.create_connection((name, port or 443), timeout=TIMEOUT_S)
        return ssl.create_default_context().wrap_socket(raw, server_hostname=name)


def _read(sock: socket.socket, method: str) -> Answer:
    response = http.client.HTTPResponse(sock, method=method)
    response.begin()
    body, pieces, last = b"", 0, 0.0
    while True:
        data = response.read1(65536)
        if not data:
            break
        now = time.monotonic()
        # What arrives together counts as one piece.
        pieces += now - last > 0.005
        last = now
        body += data
    headers = [(name.lower(), value) for name, value in response.getheaders()]
    return Answer(response.status, headers, body, pieces)


def _filled(text: str, values: Mapping[str, str]) -> str:
    text = re.sub(r"\{x\*([0-9]+)\}", lambda match: "x" * int(match.group(1)), text)
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _fits(wanted: str, found: str | None) -> bool:
    if found is None:
        return False
    if wanted.startswith("~"):
        return re.search(wanted[1:], found) is not None
    return wanted.lower() == found.lower()


def problems(case: Case, answer: Answer, seen: Mapping[str, Any] | None) -> list[str]:
    """What differs from the table; ``seen`` is the local edge's record of the request."""
    expect = case.expect
    found = []
    if answer.status not in expect["status"]:
        found.append(f"status {answer.status}, not {' or '.join(map(str, expect['status']))}")
    found += _header_problems("", expect, answer.headers)
    if "length" in expect and len(answer.body) != expect["length"]:
        found.append(f"{len(answer.body)} bytes, not {expect['length']}")
    if "body" in expect and not _fits(expect["body"], answer.body.decode(errors="replace")):
        found.append(f"the body does not fit {expect['body']!r}")
    if answer.pieces < expect.get("pieces", 0):
        found.append(f"it came in {answer.pieces} pieces")
    if seen is not None and case.origin:
        got = seen.get("origin") or {"line": "", "headers": []}
        if "line" in case.origin and not _fits(case.origin["line"], got["line"]):
            found.append(f"the origin was asked {got['line']!r}")
        headers = [(name.lower(), value) for name, value in got["headers"]]
        found += _header_problems("at the origin ", case.origin, headers)
    return found


def _header_problems(where: str, expect: Mapping[str, Any], headers: list[tuple[str, str]]) -> list[str]:
    found = []
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    for name, wanted in expect.get("headers", {}).items():
        if not any(_fits(wanted, value) for value in values.get(name, [])):
            found.append(f"{where}{name} is {values.get(name)}, not {wanted!r}")
    found += [
        f"{where}{name} is there: {values[name]}" for name in expect.get("absent", []) if name in values
    ]
    for name in expect.get("once", []):
        if len(values.get(name, [])) != 1:
            found.append(f"{where}{name} stands there {len(values.get(name, []))} times")
    return found


def check(case: Case, target: Target) -> list[str]:
    """Asks one case.

    Raises:
        Skipped: the target cannot be asked it.
    """
    answer = target.ask(case)
    return problems(case, answer, target.observe() if target.observe else None)


def _observer(url: str) -> Callable[[], Mapping[str, Any]] | None:
    try:
        with urllib.request.urlopen(url.rstrip("/") + "/_dev/state", timeout=5) as response:
            json.loads(response.read())
    except (OSError, ValueError):
        return None

    def observe() -> Mapping[str, Any]:
        with urllib.request.urlopen(url.rstrip("/") + "/_dev/state", timeout=5) as response:
            return json.loads(response.read())["requests"][0]

    return observe


def main(arguments: list[str] | None = None) -> int:
    """Prints a line a case; 1 when one differs."""
    parser = argparse.ArgumentParser(
        prog="python -m ops.local.conformance", description=__doc__, allow_abbrev=False
    )
    parser.add_argument(
        "--target", required=True, metavar="URL", help="https://example.com or http://localhost:8080"
    )
    parser.add_argument("--domain", default="", help="the apex name, when the distribution has one")
    parser.add_argument("--key", default="", help="an API key, for the case that streams")
    options = parser.parse_args(arguments)
    observe = _observer(options.target) if options.target.startswith("http:") else None
    target = Target(options.target, options.domain, options.key, observe)
    guide, cases = load()
    failed = skipped = 0
    for case in cases:
        try:
            found = check(case, target)
        except Skipped as why:
            skipped += 1
            print(f"skip  {case.id}: {why}")
            continue
        except (OSError, http.client.HTTPException) as problem:
            found = [f"{type(problem).__name__}: {problem}"]
        failed += bool(found)
        print(f"{'FAIL' if found else 'ok  '}  {case.id}: {case.says}")
        for line in found:
            print(f"      {line}\n      {guide}{case.cite}")
    print(f"{len(cases) - failed - skipped} as documented, {failed} not, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
