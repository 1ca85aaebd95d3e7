"""The benchmark of the API: its page says what was measured, and a missed target is an exit code."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.bench import api, api_cold, api_streams, api_usual
from ops.bench.api_runtime import LocalRuntime
from ops.errors import UsageError


def candidate(name: str, cold_ms: float) -> api_cold.Candidate:
    return api_cold.Candidate(
        name, [], Path(), {},
        [cold_ms * 0.9, cold_ms, cold_ms * 2], [cold_ms / 2] * 3, [500.0] * 3, [44.0] * 3,
    )  # fmt: skip


def result(delay_ms: float, health_ms: float = 5.0, stream_mb: float = 0.1) -> api_streams.Result:
    return api_streams.Result([delay_ms] * 100, [health_ms] * 20, 0.5, stream_mb, 3.0)


def page(
    cold_ms: float = 100.0, one: float = 1.0, many: float = 9.0, health_ms: float = 5.0, size: int = 3_000_000
) -> tuple[str, bool]:
    candidates = [candidate("this API", cold_ms), candidate("FastAPI + Mangum + boto3", 500.0)]
    streams = {
        ("this API", 1): result(one),
        ("FastAPI + boto3", 1): result(2.0),
        ("this API", 64): result(many, health_ms),
        ("FastAPI + boto3", 64): result(70.0),
    }
    args = argparse.Namespace(rounds=3, streams=64, tokens=10, stream_rounds=1)
    return api._page(candidates, streams, args, size)


def test_the_page_holds_the_figures() -> None:
    text, missed = page()
    assert not missed
    assert "| cold start over FastAPI's | 0.20 | ≤ 0.25 | yes |" in text
    assert "| this API | 100 (90–200) | 50 | 0.20 | 0.20 | 500 | 44 |" in text
    assert "| token delay p95, 64 streams, ms | 9.0 | ≤ 50 | yes |" in text
    assert "**no**" not in text


@pytest.mark.parametrize(
    ("figures", "row"),
    [
        ({"cold_ms": 126.0}, "| cold start over FastAPI's | 0.25 | ≤ 0.25 | **no** |"),
        ({"one": 3.1}, "| token delay p95, one stream, ms | 3.1 | ≤ 3 | **no** |"),
        ({"many": 50.1}, "| token delay p95, 64 streams, ms | 50.1 | ≤ 50 | **no** |"),
        ({"health_ms": 21.0}, "| health p95, 64 streams, ms | 21.0 | ≤ 20 | **no** |"),
        ({"size": 6_100_000}, "| artifact, MB | 6.10 | ≤ 6 | **no** |"),
    ],
)
def test_a_missed_target_is_told(figures: dict[str, Any], row: str) -> None:
    text, missed = page(**figures)
    assert missed
    assert row in text
    assert text.count("**no**") == 1


@pytest.mark.parametrize("option", ["rounds", "streams", "tokens", "stream_rounds"])
def test_wrong_options(option: str) -> None:
    args = argparse.Namespace(**{"rounds": 1, "streams": 1, "tokens": 1, "stream_rounds": 1, option: 0})
    with pytest.raises(UsageError, match=f"--{option.replace('_', '-')} 0"):
        api.run(args)


def test_the_floor_answers_and_its_cpu_is_read() -> None:
    runtime = LocalRuntime()
    runtime.start()
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", api_usual.FLOOR],
        env={"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.port}"},
    )
    try:
        for _ in range(3):
            answer = api_cold.answer_of(runtime.invoke(api_cold.event("/api/v1/agents")), 10)
            assert api_cold._body(answer) == b'{"count": 4}'
        assert 1 < api_cold._cpu_ms(process.pid) < 1000
        assert api_cold._rss_mb(process.pid) > 3
    finally:
        process.kill()
        process.wait()
        runtime.stop()
