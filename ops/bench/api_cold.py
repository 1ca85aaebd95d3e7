"""Cold starts and CPU a request, through Lambda's Runtime API on 127.0.0.1."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.bench.api_runtime import Invoked, LocalRuntime

KEY = "benchmark-key"
EDGE = "origin-verify-value"
REQUESTS = 400


@dataclass
class Candidate:
    """One way to serve the API on Lambda.

    Attributes:
        name: for the table.
        command: how Lambda would start it.
        folder: its files.
        environ: what it needs beside the Runtime API's address.
        cold_ms: process started to first answer complete, a round each.
        cold_cpu_ms: CPU time of the process by then.
        request_us: CPU time of a further request.
        rss_mb: resident memory after them.
    """

    name: str
    command: list[str]
    folder: Path
    environ: Mapping[str, str]
    cold_ms: list[float] = field(default_factory=list)
    cold_cpu_ms: list[float] = field(default_factory=list)
    request_us: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)


def event(path: str, method: str = "GET", body: str | None = None) -> dict[str, Any]:
    """A REST proxy event as API Gateway sends it through CloudFront."""
    headers = {
        "Accept": "*/*",
        "Host": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        "User-Agent": "Amazon CloudFront",
        "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
        "X-Forwarded-For": "203.0.113.7",
        "X-Api-Key": KEY,
        "X-Origin-Verify": EDGE,
        "Content-Type": "application/json",
    }
    return {
        "resource": "/api/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.removeprefix("/api/")},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/api/{proxy+}",
            "httpMethod": method,
            "path": "/stage" + path,
            "stage": "stage",
            "requestId": "3f0c8a52-6f0e-4a53-9d4f-1d2f3a4b5c6d",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "Amazon CloudFront"},
            "apiId": "a1b2c3d4e5",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def answer_of(invoked: Invoked, seconds: float = 30.0) -> bytes:
    """The whole answer of an invocation; raises RuntimeError when it failed."""
    parts = []
    while (chunk := invoked.chunks.get(timeout=seconds)) is not None:
        parts.append(chunk)
    if invoked.error is not None:
        raise RuntimeError(f"the invocation failed: {invoked.error}")
    return b"".join(parts)


def measure(candidates: list[Candidate], rounds: int, tell: Any = lambda text: None) -> None:
    """Start every candidate once a round, in an order that changes."""
    order = list(candidates)
    shuffle = random.Random(1)
    for number in range(rounds):
        shuffle.shuffle(order)
        for candidate in order:
            tell(f"cold start {number + 1} of {rounds}: {candidate.name}")
            _round(candidate)


def _round(candidate: Candidate) -> None:
    runtime = LocalRuntime()
    runtime.start()
    first = runtime.invoke(event("/api/v1/agents"))
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.port}",
        "AWS_LAMBDA_FUNCTION_NAME": "api",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/api",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(candidate.folder),
        **candidate.environ,
    }
    started = time.monotonic()
    process = subprocess.Popen(
        candidate.command,
        cwd=candidate.folder,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        try:
            answer = answer_of(first)
        except Exception as error:
            process.kill()
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{candidate.name} did not answer: {error}\n{said}") from error
        candidate.cold_ms.append((time.monotonic() - started) * 1000)
        candidate.cold_cpu_ms.append(_cpu_ms(process.pid))
        assert json.loads(_body(answer))["count"] == 4
        # What is still being imported in the background is not part of a request.
        time.sleep(0.8)
        for _ in range(20):
            answer_of(runtime.invoke(event("/api/v1/agents")))
        before = _cpu_ms(process.pid)
        for _ in range(REQUESTS):
            answer_of(runtime.invoke(event("/api/v1/agents")))
        candidate.request_us.append((_cpu_ms(process.pid) - before) * 1000 / REQUESTS)
        candidate.rss_mb.append(_rss_mb(process.pid))
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
        runtime.stop()


def _body(answer: bytes) -> bytes:
    """The HTTP body: behind the prelude of a streamed answer, or within a buffered one."""
    if b"\0" * 8 in answer:
        return answer.partition(b"\0" * 8)[2]
    return json.loads(answer)["body"].encode()


def _cpu_ms(pid: int) -> float:
    """CPU time of the process's threads: the scheduler's nanoseconds, where the usual ticks are 10 ms."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end meanwhile; what it has used is a part of the process's ticks only.
        with contextlib.suppress(OSError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e6


def _rss_mb(pid: int) -> float:
    line = next(
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024
