"""A Lambda runtime client that streams: the Runtime API's loop over the ASGI application.

The managed Python runtime cannot stream; this one is started in its place by
``bootstrap-wrapper`` through ``AWS_LAMBDA_EXEC_WRAPPER``.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import threading
from typing import Any

from api_handler.app import App
from api_handler.http import Scope
from api_handler.jsontext import dumps
from api_handler.lambda_events import WORKER_EVENT, NotHttp, to_scope
from api_handler.log import Log
from api_handler.runtime_api import AnswerStream, Invocation, RuntimeApi, RuntimeGone
from api_handler.services import Services, build_services
from api_handler.settings import SettingsError, load_settings

PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"

WARM_S = 10.0
"""Seconds the next event waits for warming at the most, after an answer has gone out."""


def main() -> int:
    """Serve invocations until Lambda ends the process.

    Returns:
        2 when the environment is wrong, after Lambda was told; 0 when the Runtime API went away.
    """
    return asyncio.run(_main())


async def _main() -> int:
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    log = Log(os.environ.get("METRIC_NAMESPACE") or "Orchestrator")
    try:
        settings = load_settings(os.environ)
        services = build_services(settings, log=log)
    except SettingsError as error:
        print(error, file=sys.stderr, flush=True)
        await api.init_error("Configuration.Invalid", str(error))
        return 2
    except Exception as error:
        log.failure("init_failed", error)
        await api.init_error("Runtime.InitFailed", type(error).__name__)
        return 1
    warming = Warming(services)
    warming.go_on()
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") not in (None, "on-demand"):
        # Nobody waits for a start ahead of time, and later nobody shall.
        await warming.done()
    # What is there now stays: it is not looked at again in every collection.
    gc.freeze()
    gc.enable()
    await serve_forever(api, App(services), warming)
    return 0


async def serve_forever(api: RuntimeApi, app: App, warming: Warming | None = None) -> None:
    """Answer one invocation after the other until the Runtime API goes away."""
    try:
        while True:
            await serve(await api.next(), api, app, warming)
            if warming is not None:
                # The client has its answer. Asking for the next event would freeze the process, and
                # whoever sends the first model call would wait for the rest of the imports.
                await warming.done()
    except RuntimeGone:
        return
    finally:
        api.close()


class Warming(threading.Thread):
    """Imports what the first model call needs, beside everything else, from INIT on.

    A GET needs none of it, so the thread holds still between two steps while one is answered: a cold
    start that only asks for health or agents pays for one step at the most. What is left is done as
    soon as that answer is out.
    """

    def __init__(self, services: Services) -> None:
        super().__init__(daemon=True)
        self._services = services
        self._free = threading.Event()

    def run(self) -> None:
        try:
            for step in self._services.warm_steps():
                self._free.wait()
                step()
        except Exception as error:
            self._services.log.failure("warming_failed", error)

    def go_on(self) -> None:
        """Begin, or go on."""
        self._free.set()
        if self.ident is None:
            self.start()

    def hold(self) -> None:
        """Come to a halt before the next step."""
        self._free.clear()

    async def done(self) -> None:
        """Wait until all is imported, or for ``WARM_S``."""
        if self.is_alive():
            await asyncio.to_thread(self.join, WARM_S)


async def serve(invocation: Invocation, api: RuntimeApi, app: App, warming: Warming | None = None) -> None:
    """Answer one invocation, whatever it is; nothing it holds ends the process."""
    log = app.services.log
    if invocation.trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = invocation.trace_id
    try:
        event = json.loads(invocation.body)
        if isinstance(event, dict) and event.get("source") == WORKER_EVENT:
            await _work(event, invocation, api, app)
            return
        scope, body = to_scope(event, deadline=invocation.deadline, trace_id=invocation.trace_id)
    except (NotHttp, ValueError, RecursionError) as error:
        log.warn("event_refused", invocation=invocation.request_id, error=type(error).__name__)
        await api.error(invocation.request_id, "Runtime.UnknownEvent", "The event is no HTTP request.")
        return
    answer = api.answer(invocation.request_id)
    if warming is not None and scope["method"] in ("GET", "HEAD", "OPTIONS"):
        warming.hold()
    try:
        await _HttpAnswer(scope, body, answer).run(app)
    except Exception as error:
        log.failure("invocation_failed", error, invocation=invocation.request_id)
        if answer.started:
            await answer.fail("Runtime.StreamError", type(error).__name__)
        else:
            await api.error(invocation.request_id, "Runtime.Failed", type(error).__name__)
    finally:
        if warming is not None:
            warming.go_on()


async def _work(event: dict[str, Any], invocation: Invocation, api: RuntimeApi, app: App) -> None:
    """Work on a run that another invocation of this function has accepted."""
    owner, run_id = event.get("owner"), event.get("run_id")
    if not isinstance(owner, str) or not isinstance(run_id, str):
        raise NotHttp("the worker event is not whole")
    try:
        status = await app.services.worker.work(owner, run_id, invocation.deadline)
    except Exception as error:
        app.services.log.failure("run_failed", error, run_id=run_id)
        await api.error(invocation.request_id, "Runtime.RunFailed", type(error).__name__)
        return
    # The run is stored: an answer that the Runtime API does not take any more changes nothing.
    with contextlib.suppress(OSError):
        answer = api.answer(invocation.request_id)
        await answer.start("application/json")
        await answer.write(dumps({"run_id": run_id, "status": status}))
        await answer.finish()


class _HttpAnswer:
    """The ASGI side of one invocation: what the application sends becomes the streamed answer."""

    def __init__(self, scope: Scope, body: bytes, answer: AnswerStream) -> None:
        self._scope = scope
        self._body: bytes | None = body
        self._answer = answer
        self._prelude = b""

    async def run(self, app: App) -> None:
        await app(self._scope, self._receive, self._send)
        await self._answer.finish()

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        # The client of the API is visible only as the broken connection of our answer.
        await self._answer.broken()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._prelude = dumps(_prelude(message["status"], message.get("headers", ()))) + b"\0" * 8
            await self._answer.start(PRELUDE_TYPE)
            return
        data = self._prelude + message.get("body", b"")
        self._prelude = b""
        if data:
            await self._answer.write(data)


def _prelude(status: int, pairs: Any) -> dict[str, Any]:
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in pairs:
        text = value.decode("latin-1")
        key = name.decode("latin-1")
        if key == "set-cookie":
            cookies.append(text)
        elif key != "content-length":  # the answer goes out in chunks
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    prelude: dict[str, Any] = {"statusCode": status, "headers": headers}
    if cookies:
        prelude["cookies"] = cookies
    return prelude


if __name__ == "__main__":
    sys.exit(main())
