"""``python -m api_handler``: the application under uvicorn."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from api_handler import __version__
from api_handler.app import App
from api_handler.errors import ApiError
from api_handler.log import Log
from api_handler.services import build_services
from api_handler.settings import Settings, SettingsError, load_settings

GRACE_S = 30
END_S = 2
"""Seconds before the end of the grace time in which what still runs is ended, so that its ``end`` is sent."""

HEADERS_TIMEOUT_S = 15.0
UNREAD_BODY_S = 10.0
MAX_HEADERS = 64 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT.

    Returns:
        0 after a graceful stop, 2 when the environment or the options are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m api_handler", description="Serve the agent API over HTTP.", allow_abbrev=False
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0: any free one (8000)")
    parser.add_argument("--scripted", action="store_true", help="answer with the scripted model, without AWS")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(arguments)
    if not 0 <= options.port <= 65535:
        parser.error(f"--port is {options.port}; allowed: 0 to 65535")
    environ = {**os.environ, **({"MODEL": "scripted"} if options.scripted else {})}
    try:
        settings = load_settings(environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    return serve(settings, options.host, options.port)


def serve(settings: Settings, host: str, port: int) -> int:
    """Serve until a signal; new requests are refused then, and streams get 30 seconds."""
    log = Log(settings.metric_namespace)
    _log_through(log)
    services = build_services(settings, log=log)
    server = Server(App(services), host, port, log)
    asyncio.run(server.run_until_stopped())
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """uvicorn's server for one application, stopped by SIGTERM and SIGINT.

    Args:
        app: the application.
        host: address to listen on.
        port: port to listen on; 0: any free one, told in the log.
        log: the log.
    """

    def __init__(self, app: App, host: str, port: int, log: Log) -> None:
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]
            host=host,
            port=port,
            http=_Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=MAX_HEADERS,
        )
        super().__init__(config)
        self._app = app
        self._log = log
        self._stopped_at: float | None = None

    async def serve_threaded(self) -> None:
        """Serve in a thread that is not the main one, where no signal arrives."""
        await self._serve()
        await self._app.services.finish(1.0)

    async def run_until_stopped(self) -> None:
        """Serve until a signal, then let requests and runs finish for 30 seconds together."""
        services = self._app.services
        # Imported in a thread while the first requests may already come: they do not wait for it.
        warming = asyncio.get_running_loop().run_in_executor(None, services.warm)
        try:
            await self.serve()
            await services.finish(self._grace_left())
        finally:
            await asyncio.gather(warming, return_exceptions=True)
            services.close()

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
            asyncio.get_running_loop().call_later(GRACE_S - END_S, self._app.services.end_now)
        super().handle_exit(sig, frame)

    def _grace_left(self) -> float:
        # Requests and runs share one grace time: what stops a container waits once.
        return max(1.0, GRACE_S - (time.monotonic() - (self._stopped_at or time.monotonic())))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again at the end, which would skip what comes after it.
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            names = [server.getsockname()[:2] for item in self.servers for server in item.sockets]
            self._log.line("listening", addresses=[f"http://{host}:{port}" for host, port in names])


class _Protocol(H11Protocol):
    """uvicorn's protocol, with errors in the API's shape and an end for headers that never come."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_headers()

    def _wait_for_headers(self) -> None:
        self._patience = self.loop.call_later(HEADERS_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            # Answered before the body was read: the rest is thrown away, so that the client
            # can read the answer instead of a reset; but not for ever.
            self._patience = self.loop.call_later(UNREAD_BODY_S, self._stop_reading)

    def _stop_reading(self) -> None:
        if self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        error = ApiError(400, "malformed_request", "This is not a valid HTTP/1.1 request.")
        request_id = os.urandom(16).hex()
        body = json.dumps(error.body(request_id), separators=(",", ":")).encode()
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("x-request-id", request_id),
            ("connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Handler(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        # The message only: arguments and tracebacks of libraries may quote what a client sent.
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._log.failure("library", error, logger=record.name)
        else:
            self._log.line("library", record.levelname.lower(), logger=record.name, message=str(record.msg))


def _log_through(log: Log) -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Handler(log)]
    root.setLevel(logging.WARNING)
