"""How the function starts: wrapper and adapter, INIT and what is warmed in it, a wrong environment."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
import urllib.request
from pathlib import Path
from typing import Any

import botocore
import pytest

from api_handler import lambda_runtime
from api_handler.runtime_api import Invocation, RuntimeGone
from ops.bench.api_bedrock import LocalBedrock
from ops.bench.api_runtime import LocalRuntime
from ops.bench.ports import free_port
from tests.api_handler.running import MODEL, LambdaApi, _LambdaStream
from tests.api_handler.test_lambda import event
from tests.timing import PATIENCE_S, until


def test_the_web_adapter_s_way(tmp_path: Path) -> None:
    """The fallback: the handler script serves HTTP on the adapter's port, in the artifact's layout."""
    (tmp_path / "api_handler").symlink_to(Path("api_handler").resolve())
    port = free_port()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    process = subprocess.Popen(
        ["/bin/sh", "api_handler/run.sh"],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "AWS_LWA_PORT": str(port), "API_KEYS": "[]",
            "MODEL": "scripted", "PYTHONPATH": str(Path(botocore.__file__).parents[1]),
        },
        stdout=subprocess.DEVNULL,
    )  # fmt: skip

    def healthy() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=2) as answer:
                return answer.status
        except OSError:
            return 0

    try:
        assert until(healthy) == 200
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()


def bootstrap(runtime: LocalRuntime, tmp_path: Path, **environ: str) -> subprocess.Popen[bytes]:
    """The function's files as the artifact lays them out, started by the exec wrapper."""
    root = tmp_path / "task"
    root.mkdir()
    (root / "api_handler").symlink_to(Path("api_handler").resolve())
    wrapper = root / "bootstrap-wrapper"
    wrapper.write_bytes(Path("api_handler/bootstrap-wrapper").read_bytes())
    wrapper.chmod(0o755)
    return subprocess.Popen(
        [str(wrapper), sys.executable, "/var/runtime/bootstrap.py"],
        cwd=root,
        env={
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.port}",
            "AWS_LAMBDA_FUNCTION_NAME": "api",
            "AWS_REGION": "us-east-1",
            # The artifact has the SDK beside the package; the checkout has it in its environment.
            "PYTHONPATH": str(Path(botocore.__file__).parents[1]),
            **environ,
        },
    )


def test_the_exec_wrapper_starts_it(runtime: LocalRuntime, tmp_path: Path, bedrock: LocalBedrock) -> None:
    process = bootstrap(
        runtime, tmp_path, API_KEYS='[{"name": "a", "key": "secret-0"}]', BEDROCK_MODELS=json.dumps([MODEL]),
        AWS_ENDPOINT_URL_BEDROCK_RUNTIME=bedrock.url, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x",
    )  # fmt: skip
    try:
        stream = _LambdaStream(runtime.invoke(event("rest_v1")))
        assert stream.status == 200
        assert json.loads(b"".join(stream.lines()))["agent_id"] == "assistant"
        stream = _LambdaStream(runtime.invoke(event("rest_v1_post_base64")))
        assert json.loads(b"".join(stream.lines()))["results"][0]["output"] == "Hello from the model"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("called", ["absolute", "relative", "package"])
def test_what_the_exec_wrapper_starts(tmp_path: Path, called: str) -> None:
    """No search for site-packages, nothing written, nothing from the working directory; layers stay."""
    (tmp_path / "api_handler").mkdir()
    place = tmp_path / "api_handler" if called == "package" else tmp_path
    wrapper = place / "bootstrap-wrapper"
    wrapper.write_bytes(Path("api_handler/bootstrap-wrapper").read_bytes())
    wrapper.chmod(0o755)
    python = tmp_path / "python3.13"
    python.write_text('#!/bin/sh\necho "$PYTHONPATH"\nfor word in "$@"; do echo "$word"; done\n')
    python.chmod(0o755)
    command = "./bootstrap-wrapper" if called == "relative" else str(wrapper)
    done = subprocess.run(
        [command, str(python), "/var/runtime/bootstrap.py"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "PYTHONPATH": "/opt/python"},
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    path, *words = done.stdout.splitlines()
    assert path == f"{tmp_path}:/opt/python"
    assert words[:4] == ["-S", "-B", "-P", "-c"]
    (code,) = words[4:]
    assert code.endswith("from api_handler.lambda_runtime import main; sys.exit(main())")


class Steps:
    """Services whose warming is one short step after the other.

    The first is taken at once. The second and all others wait for ``go_on`` of the test; without it they
    are taken too in the end, sooner than the product would stop to wait for them.
    """

    def __init__(self, count: int) -> None:
        self.taken: list[float] = []
        self.count = count
        self.go_on = threading.Event()

    def _step(self) -> None:
        if self.taken and not self.go_on.wait(lambda_runtime.WARM_S / 2):
            self.go_on.set()
        self.taken.append(time.monotonic())
        time.sleep(0.02)

    def warm_steps(self) -> list[Any]:
        return [self._step] * self.count


class Events:
    """A Runtime API that hands out events and lets a test look while each is answered."""

    def __init__(self, *events: Any, wait_s: float = 0.0) -> None:
        self.events = list(events)
        self.wait_s = wait_s

    async def next(self) -> Invocation:
        await asyncio.sleep(self.wait_s)
        if not self.events:
            raise RuntimeGone
        body = json.dumps(self.events.pop(0)).encode()
        return Invocation(request_id="id", deadline=time.time() + 60, trace_id=None, body=body)

    async def error(self, *_: str) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("method", "waits"), [("GET", True), ("HEAD", True), ("OPTIONS", True), ("POST", False)]
)
def test_warming_holds_still_while_a_get_is_answered_and_ends_before_the_next_event(
    lambda_api: LambdaApi, monkeypatch: pytest.MonkeyPatch, method: str, waits: bool
) -> None:
    steps = Steps(8)
    warming = lambda_runtime.Warming(steps)  # type: ignore[arg-type]
    taken: list[int] = []

    async def answer(self: Any, app: Any) -> None:
        before = len(steps.taken)
        steps.go_on.set()
        # For two more steps: they come beside a POST, and must not beside the others.
        ends = time.monotonic() + (0.1 if waits else PATIENCE_S)
        while len(steps.taken) < before + 2 and len(taken) < 1 and time.monotonic() < ends:
            await asyncio.sleep(0.005)
        taken.append(len(steps.taken) - before)

    class Counted(Events):
        async def next(self) -> Invocation:
            asked.append(len(steps.taken))
            return await super().next()

    asked: list[int] = []
    monkeypatch.setattr(lambda_runtime, "WARM_S", PATIENCE_S)
    monkeypatch.setattr(lambda_runtime._HttpAnswer, "run", answer)
    told = {**event("rest_v1"), "httpMethod": method}
    app: Any = types.SimpleNamespace(services=lambda_api.services)
    api: Any = types.SimpleNamespace(answer=lambda _: types.SimpleNamespace(started=False))
    events = Counted(told, told)
    api.next, api.error, api.close = events.next, events.error, events.close
    warming.go_on()
    asyncio.run(lambda_runtime.serve_forever(api, app, warming))
    if waits:
        # At most the step that INIT had begun.
        assert taken[0] <= 1
    else:
        assert taken[0] >= 2
    # The first event is asked for at once, the second when there is nothing left to import.
    assert asked[0] <= 1
    assert asked[1:] == [8, 8]


def test_the_next_event_does_not_wait_for_ever(
    lambda_api: LambdaApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = threading.Event()
    warming = lambda_runtime.Warming(types.SimpleNamespace(warm_steps=lambda: [stuck.wait]))  # type: ignore[arg-type]
    monkeypatch.setattr(lambda_runtime, "WARM_S", 0.01)
    warming.go_on()
    try:
        events = Events({"no": "request"})
        app: Any = types.SimpleNamespace(services=lambda_api.services)
        asyncio.run(lambda_runtime.serve_forever(events, app, warming))  # type: ignore[arg-type]
        assert events.events == []
        assert warming.is_alive()
    finally:
        stuck.set()


@pytest.mark.parametrize(("kind", "ahead"), [("provisioned-concurrency", True), ("on-demand", False)])
def test_a_start_ahead_of_time_warms_before_it_asks_for_events(
    monkeypatch: pytest.MonkeyPatch, kind: str, ahead: bool
) -> None:
    steps = Steps(3)
    seen: list[int] = []

    class Api:
        def __init__(self, address: str) -> None:
            assert address == "127.0.0.1:9001"

        async def next(self) -> Invocation:
            seen.append(len(steps.taken))
            steps.go_on.set()
            raise RuntimeGone

        def close(self) -> None:
            pass

    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", kind)
    monkeypatch.setattr(lambda_runtime, "WARM_S", PATIENCE_S)
    monkeypatch.setattr(lambda_runtime, "RuntimeApi", Api)
    monkeypatch.setattr(lambda_runtime, "load_settings", lambda environ: None)
    monkeypatch.setattr(lambda_runtime, "build_services", lambda settings, log: steps)
    monkeypatch.setattr(lambda_runtime, "App", lambda services: None)
    if ahead:
        steps.go_on.set()
    try:
        assert lambda_runtime.main() == 0
    finally:
        gc.unfreeze()
    # On demand it has begun, and nobody waits for it.
    assert seen == [3] if ahead else seen[0] <= 1
    for thread in threading.enumerate():
        if isinstance(thread, lambda_runtime.Warming):
            thread.join(PATIENCE_S)
    assert len(steps.taken) == 3
    assert gc.isenabled()


def test_warming_leaves_nothing_to_import_for_a_model_call() -> None:
    script = (
        "import sys; from api_handler.settings import load_settings; "
        "from api_handler.services import build_services; "
        "services = build_services(load_settings({'TABLE_NAME': 'table', 'AWS_REGION': 'us-east-1'})); "
        "services.warm(); "
        "before = set(sys.modules); services.orchestrator; services.runs; services.worker; services.store; "
        "services.clients.get('bedrock-runtime'); services.clients.get('dynamodb'); "
        "print(sorted(set(sys.modules) - before), sorted(services.clients._clients))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE_S,
        env={**os.environ, "AWS_REGION": "us-east-1", "PYTHONPATH": "."},
    )  # fmt: skip
    assert done.stdout.strip() == "[] ['bedrock-runtime', 'dynamodb']"


def test_a_wrong_environment_is_told_to_lambda(runtime: LocalRuntime, tmp_path: Path) -> None:
    process = bootstrap(runtime, tmp_path, API_KEYS="[SECRET", LIMITS="{")
    assert process.wait(PATIENCE_S) == 2
    (error,) = until(lambda: runtime.init_errors)
    assert error["errorType"] == "Configuration.Invalid"
    assert "API_KEYS is not valid JSON" in error["errorMessage"]
    assert "LIMITS is not valid JSON" in error["errorMessage"]
    assert "SECRET" not in error["errorMessage"]


HEALTH_ALONE = """
import asyncio, json, sys
import api_handler.lambda_runtime
from api_handler.app import App
from api_handler.services import build_services
from api_handler.settings import load_settings

app = App(build_services(load_settings({"TABLE_NAME": "table", "API_KEYS": "[]"})))
init = set(sys.modules)
got = []

async def send(message):
    got.append(message)

scope = {"type": "http", "method": "GET", "path": "/api/v1/health", "headers": []}
asyncio.run(app(scope, None, send))
own = sorted(name.partition(".")[2] for name in init if name.startswith("api_handler."))
more = sorted(set(sys.modules) - init)
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
packages = [name for name, file in files.items() if "site-packages" in file]
known = ("concurrent.futures.thread", "http.client", "email", "urllib.request", "xml", "html", "zoneinfo")
heavy = [name for name in known if name in sys.modules]
print(json.dumps([got[0]["status"], own, more, packages, heavy]))
"""


def test_init_imports_nothing_that_health_does_not_need() -> None:
    """No package at all: those come with the warming thread, or with what needs them. Of the API itself the
    runtime client, the application's frame, and what reads the environment, whose problems INIT tells."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", HEALTH_ALONE],
        capture_output=True, text=True, check=True, timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([".", str(Path(botocore.__file__).parents[1])])},
    )  # fmt: skip
    *logged, told = done.stdout.splitlines()
    status, own, more, packages, heavy = json.loads(told)
    assert (status, len(logged), packages, heavy) == (200, 1, [], [])
    assert own == [
        "app", "auth", "aws", "configtext", "context", "errors", "http", "jsontext", "lambda_events",
        "lambda_runtime", "limits", "log", "registry", "routes", "runtime_api", "services", "settings",
        "store", "tools",
    ]  # fmt: skip
    assert [name for name in more if name.startswith("api_handler.")] == ["api_handler.routes.health"]
