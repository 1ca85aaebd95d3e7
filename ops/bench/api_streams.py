"""Token delay, health latency and memory under many streams at once."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ops.bench.api_cold import KEY, _cpu_ms, _rss_mb

_SENT = re.compile(rb'"text":\s?"([0-9.]+) "')


@dataclass
class Result:
    """One server under one number of streams.

    Attributes:
        delays_ms: from the model's sending of a token to its arrival at the client.
        health_ms: latency of ``/health`` meanwhile.
        cpu_share: CPU time of the server over the time measured.
        stream_mb: resident memory an open stream added.
        wall_s: until the last stream was complete.
    """

    delays_ms: list[float] = field(default_factory=list)
    health_ms: list[float] = field(default_factory=list)
    cpu_share: float = 0.0
    stream_mb: float = 0.0
    wall_s: float = 0.0


def measure(
    command: list[str],
    folder: Path,
    environ: Mapping[str, str],
    port: int,
    streams: int,
    tokens: int,
    gap_ms: float,
) -> Result:
    """Serve streams with one server on a core of its own; model and clients share the other ones.

    Args:
        command: starts the server.
        folder: where it is started.
        environ: its environment; the model's address is added.
        port: where it listens.
        streams: streams at once.
        tokens: tokens of each.
        gap_ms: milliseconds between them.
    """
    cores = sorted(os.sched_getaffinity(0))
    own, rest = {cores[0]}, set(cores[1:]) or set(cores)
    root = Path(__file__).parents[2]
    source = subprocess.Popen(
        [sys.executable, "-m", "ops.bench.api_source", f"--tokens={tokens}", f"--gap-ms={gap_ms}"],
        cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert source.stdin is not None
    assert source.stdout is not None
    before = os.sched_getaffinity(0)
    server = None
    try:
        model_port = int(source.stdout.readline())
        os.sched_setaffinity(source.pid, rest)
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "x",
                "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"http://127.0.0.1:{model_port}",
                **environ,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.sched_setaffinity(server.pid, own)
        os.sched_setaffinity(0, rest)
        return asyncio.run(_measure(server.pid, port, streams, tokens))
    finally:
        os.sched_setaffinity(0, before)
        for process in (server, source):
            if process is not None:
                process.kill()
                process.wait()
        source.stdin.close()
        source.stdout.close()


async def _measure(pid: int, port: int, streams: int, tokens: int) -> Result:
    ends = time.monotonic() + 30
    while True:
        try:
            await _health(port)
            break
        except OSError:
            if time.monotonic() > ends:
                raise RuntimeError("the server did not start") from None
            await asyncio.sleep(0.05)
    # One stream first: what is imported and connected once is not the streams'.
    await _stream(port, [], asyncio.Event())
    await asyncio.sleep(1.0)
    result = Result()
    idle = _rss_mb(pid)
    cpu, started = _cpu_ms(pid), time.monotonic()
    done = asyncio.Event()
    open_streams = [asyncio.Event() for _ in range(streams)]
    health = asyncio.ensure_future(_ask_health(port, result.health_ms, done))
    working = [asyncio.ensure_future(_stream(port, result.delays_ms, opened)) for opened in open_streams]
    await asyncio.wait(working, timeout=0.5 * tokens * 0.02)
    result.stream_mb = (_rss_mb(pid) - idle) / streams
    await asyncio.gather(*working)
    result.wall_s = time.monotonic() - started
    result.cpu_share = (_cpu_ms(pid) - cpu) / 1000 / result.wall_s
    done.set()
    await health
    expected = streams * tokens
    if len(result.delays_ms) != expected:
        raise RuntimeError(f"{len(result.delays_ms)} tokens arrived of {expected}")
    return result


async def _stream(port: int, delays_ms: list[float], opened: asyncio.Event) -> None:
    body = json.dumps({"task": "go", "agent_ids": ["assistant"]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /api/v1/orchestrate HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nAccept: text/event-stream\r\n"
        b"Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
        % (KEY.encode(), len(body), body)
    )
    while line := await reader.readline():
        if line.startswith(b"data: ") and (sent := _SENT.search(line)) and b'"answer"' not in line[:60]:
            delays_ms.append((time.monotonic() - float(sent.group(1))) * 1000)
            opened.set()
    writer.close()


async def _health(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()


async def _ask_health(port: int, latencies_ms: list[float], done: asyncio.Event) -> None:
    while not done.is_set():
        started = time.monotonic()
        await _health(port)
        latencies_ms.append((time.monotonic() - started) * 1000)
        await asyncio.sleep(0.05)
