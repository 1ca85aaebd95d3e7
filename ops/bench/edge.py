"""``ops bench edge``: the local edge: files a second, what it adds to a streamed token, time of a function.

Everything runs in processes of its own on this machine: the edge with the program's plan and the real site,
an origin that streams, and the load. Latencies are differences within one run, edge against direct.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ops.errors import UsageError

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "benchmarks" / "edge.md"
TARGETS = {"files": 1000.0, "token_ms": 2.0}
GAP_S = 0.02
_EPILOG = """\
Files: keep-alive connections ask for small files of site/ in turn; beside the edge Python's own
http.server serves the same folder. Tokens: an origin sends one every 20 ms with the time it was sent;
the clients read directly and through the edge in turn, and the percentiles are compared.

Exit codes: 0 within the targets (1,000 files a second, 2 ms p95 added to a token); 1 outside one.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The benchmark's options."""
    parser.epilog = _EPILOG
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a load round (default: 2)")
    parser.add_argument("--connections", type=int, default=16, help="connections of the load (default: 16)")
    parser.add_argument("--tokens", type=int, default=150, help="tokens of a stream (default: 150)")
    parser.add_argument("--no-write", action="store_true", help="print, and leave the page as it is")


def run(args: argparse.Namespace) -> int:
    """Measures, prints, writes the page; 1 when a target is missed."""
    for name in ("rounds", "connections", "tokens"):
        if getattr(args, name) < 1:
            raise UsageError(f"--{name} {getattr(args, name)}: at least 1")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        origin = stack.enter_context(_process("origin", str(args.tokens)))
        edge = stack.enter_context(_process("edge", folder, f"http://127.0.0.1:{origin}"))
        plain = stack.enter_context(_process("plain"))
        paths = [f"/{p.relative_to(ROOT / 'site')}" for p in _small_files()]
        rates: dict[str, list[float]] = {"edge": [], "http.server": []}
        tokens: dict[tuple[str, int], list[float]] = {}
        for number in range(args.rounds):
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
            rates["edge"].append(load(edge, paths, args.connections, args.seconds))
            rates["http.server"].append(load(plain, paths, args.connections, args.seconds))
            for streams in (1, 16):
                for name, port in (("direct", origin), ("edge", edge)):
                    tokens.setdefault((name, streams), []).extend(read_tokens(port, streams))
        spent = _function_time(Path(folder))
    page, missed = _page(args, rates, tokens, spent, len(paths))
    print(page)
    if not args.no_write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page, encoding="utf-8")
    return 1 if missed else 0


def _small_files() -> list[Path]:
    found = [
        p for p in sorted((ROOT / "site").rglob("*")) if p.is_file() and p.suffix in (".css", ".js", ".svg")
    ]
    return [p for p in found if p.stat().st_size <= 16 * 1024]


@contextlib.contextmanager
def _process(*role: str) -> Iterator[int]:
    """A process of this module in a role; gives the port it listens on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ops.bench.edge", *role], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()  # type: ignore[union-attr]


def load(port: int, paths: list[str], connections: int, seconds: float) -> float:
    """Requests answered a second, from keep-alive connections with one request in flight each.

    Args:
        port: of the server.
        paths: asked for in turn.
        connections: how many.
        seconds: how long.
    """
    requests = [f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    chooser = selectors.DefaultSelector()
    place = done = 0
    buffers: dict[socket.socket, bytes] = {}
    for _ in range(connections):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(sock, selectors.EVENT_READ)
        buffers[sock] = b""
        sock.sendall(requests[place % len(requests)])
        place += 1
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        for key, _ in chooser.select(1.0):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            data = buffers[sock] + sock.recv(262144)
            if not _whole(data):
                buffers[sock] = data
                continue
            assert data.startswith(b"HTTP/1.1 200"), data[:200]
            done += 1
            buffers[sock] = b""
            sock.sendall(requests[place % len(requests)])
            place += 1
    rate = done / (time.perf_counter() - began)
    for sock in buffers:
        sock.close()
    chooser.close()
    return rate


def _whole(data: bytes) -> bool:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    mark = head.find(b"content-length: ")
    return len(data) - end - 4 >= int(head[mark + 16 :].split(b"\r\n", 1)[0])


def read_tokens(port: int, streams: int) -> list[float]:
    """Milliseconds from sending to arrival of each token, of so many streams side by side."""
    delays: list[float] = []

    def read() -> None:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            buffer = b""
            while data := sock.recv(65536):
                now = time.monotonic_ns()
                buffer += data
                while (start := buffer.find(b"data: ")) >= 0 and (end := buffer.find(b"\n\n", start)) >= 0:
                    delays.append((now - int(buffer[start + 6 : end])) / 1e6)
                    buffer = buffer[end + 2 :]

    threads = [threading.Thread(target=read) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return delays


def _function_time(folder: Path) -> float:
    """Median microseconds of one call of the site's function."""
    from ops.local import events
    from ops.local.bringup import load as load_stack
    from ops.local.javascript import Function

    stack = load_stack(folder / "stack.json")
    assert stack
    from ops.local import architecture

    planned = architecture.read(stack.resources).behaviors[-1].viewer_request
    assert planned
    function = Function(planned.code, with_store=True)
    function.fill(json.dumps({"release": "r" * 20, "preview-token": "t"}))
    headers = [("Host", "localhost"), ("User-Agent", "bench"), ("Accept", "*/*"), ("Accept-Encoding", "gzip")]
    event = events.request_event("GET", "/docs/deploy/", None, headers, "127.0.0.1", {"requestId": "r"})
    times = []
    for _ in range(2000):
        began = time.perf_counter()
        function(event)
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.median(times)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _page(
    args: argparse.Namespace,
    rates: dict[str, list[float]],
    tokens: dict[tuple[str, int], list[float]],
    spent: float,
    files: int,
) -> tuple[str, bool]:
    ours, other = (statistics.median(rates[name]) for name in ("edge", "http.server"))
    lines = [
        "# Benchmark: the local edge",
        "",
        f"`python -m ops bench edge`, {args.rounds} rounds, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores shared by edge, origin and load. Compare within the page only.",
        "",
        f"## {files} small files of the site over {args.connections} keep-alive connections",
        "",
        "| | requests a second (median) | range |",
        "|---|---|---|",
    ]
    for name in ("edge", "http.server"):
        found = rates[name]
        what = "the local edge" if name == "edge" else "Python's http.server, no edge at all"
        lines.append(f"| {what} | {statistics.median(found):,.0f} | {min(found):,.0f}–{max(found):,.0f} |")
    lines += [
        "",
        f"Each request runs the edge function ({spent:.0f} µs a call, median), bucket and cache policy and "
        f"response-headers policy. Ratio to http.server: {ours / other:.1f}. Target: at least 1,000.",
        "",
        "## A token of a stream, sent every 20 ms",
        "",
        "| streams | direct p50 | direct p95 | through the edge p50 | p95 | added at p95 |",
        "|---|---|---|---|---|---|",
    ]
    missed = ours < TARGETS["files"]
    for streams in (1, 16):
        direct, edge = tokens["direct", streams], tokens["edge", streams]
        added = _percentile(edge, 0.95) - _percentile(direct, 0.95)
        missed = missed or added > TARGETS["token_ms"]
        lines.append(
            f"| {streams} | {_percentile(direct, 0.5):.2f} ms | {_percentile(direct, 0.95):.2f} ms "
            f"| {_percentile(edge, 0.5):.2f} ms | {_percentile(edge, 0.95):.2f} ms | {added:.2f} ms |"
        )
    lines += ["", "Target: at most 2 ms added at p95.", ""]
    return "\n".join(lines), missed


# The roles of the other processes.


def _serve_edge(folder: str, api: str) -> None:
    import asyncio
    import warnings

    from ops.engine.recorder import rehearse
    from ops.local import bringup
    from ops.local.architecture import Resource
    from ops.local.cli import listen
    from ops.local.dev import Dev, DevOptions

    warnings.simplefilter("ignore")
    plan = rehearse(ROOT, "dev")
    resources = tuple(
        Resource(r.type, r.name, str(r.outputs.get("id", "")), r.inputs, r.outputs) for r in plan.custom()
    )
    mark = bringup.fingerprint(ROOT, "dev", {})
    bringup.save(Path(folder) / "stack.json", bringup.Stack(resources, plan.config, (), mark))

    async def serve() -> None:
        options = DevOptions(root=ROOT, site=ROOT / "site", folder=Path(folder), backend_url=api)
        dev = Dev(options, lambda _: None)
        await dev.start(listen(0), watch=False)
        print(dev.port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


def _serve_origin(count: int) -> None:
    import asyncio
    from collections.abc import AsyncIterator

    from ops.local.cli import listen
    from ops.local.http1 import Request, Response
    from ops.local.server import Server

    async def tokens() -> AsyncIterator[bytes]:
        for _ in range(count):
            await asyncio.sleep(GAP_S)
            yield b"data: %d\n\n" % time.monotonic_ns()

    async def answer(_: Request) -> Response:
        return Response(200, [("Content-Type", "text/event-stream")], tokens())

    async def serve() -> None:
        server = Server(answer)
        await server.start(listen(0))
        print(server.port, flush=True)
        await asyncio.Event().wait()

    asyncio.run(serve())


class _Plain(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for a delayed acknowledgement

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # the load leaves with answers on their way


def _serve_plain() -> None:
    os.chdir(ROOT / "site")
    server = _Quiet(("127.0.0.1", 0), _Plain)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "edge":
        _serve_edge(*rest)
    elif role == "origin":
        _serve_origin(int(rest[0]))
    else:
        _serve_plain()
