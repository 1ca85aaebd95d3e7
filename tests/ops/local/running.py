"""A local edge in a thread: the planned distribution, a bucket in a folder, an API or a stand-in for it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ops.local import architecture
from ops.local.architecture import Architecture, Resource
from ops.local.bucket import BucketOrigin
from ops.local.edge import Backends, Edge
from ops.local.folder import FileKeyValueStore, FolderStore
from ops.local.http1 import Request, Response
from ops.local.origin import HttpOrigin
from ops.local.releases import Releases
from ops.local.server import Server
from ops.local.trace import Log
from tests.components.static_site.build import CERTIFICATE, DOMAIN, deployed
from tests.timing import PATIENCE_S

SITE = Path(__file__).parents[3] / "site"


def resources(**overrides: Any) -> list[Resource]:
    """What a StaticSite with an API plans."""
    return [
        Resource(r.type, r.name, str(r.outputs.get("id", "")), r.inputs, r.outputs)
        for r in deployed(**overrides).resources
        if r.custom
    ]


def planned(**overrides: Any) -> Architecture:
    """The same as the edge reads it."""
    return architecture.read(resources(**overrides))


def with_domain() -> Architecture:
    """With the names example.com, www and api."""
    return planned(domain=DOMAIN, certificate_arn=CERTIFICATE)


def make_site(folder: Path) -> Path:
    """A small site with the chat page in it."""
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Home</title><h1>Home</h1>\n")
    (folder / "404.html").write_text("<!doctype html><title>Missing</title><h1>There is no such page</h1>\n")
    shutil.copytree(SITE / "chat", folder / "chat")
    return folder


class Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any], timeout_s: float = PATIENCE_S) -> Any:
        """Runs a coroutine there to its end."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def stop(self) -> None:
        """Ends it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


def listening() -> socket.socket:
    """A bound socket on a free port."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(128)
    sock.setblocking(False)
    return sock


class FakeApi:
    """An origin that tells what it got; ``/stream`` streams, ``/slow`` never answers.

    Attributes:
        begun: called when a stream is asked for.
        left: somebody left a stream before its end.
        go_on: lets a stream go on to its end.
    """

    def __init__(self) -> None:
        self.begun: Callable[[], object] = lambda: None
        self.left = threading.Event()
        self.go_on = threading.Event()

    async def __call__(self, request: Request) -> Response:
        path = request.target.partition("?")[0]
        if path.endswith("/stream"):
            self.begun()
            return Response(200, [("Content-Type", "text/event-stream")], self._stream())
        if path.endswith("/slow"):
            await asyncio.sleep(4 * PATIENCE_S)
        if path.endswith("/broken"):
            return Response(200, [("Content-Type", "text/plain")], self._broken())
        body = b""
        if request.body is not None:
            async for data in request.body:
                body += data
        got = {
            "method": request.method,
            "target": request.target,
            "headers": request.headers,
            "body": body.decode(),
        }
        extra = [("Set-Cookie", "a=1"), ("X-Content-Type-Options", "own")]
        return Response(200, [("Content-Type", "application/json"), *extra], json.dumps(got).encode())

    async def _stream(self) -> AsyncIterator[bytes]:
        try:
            yield b"data: first\n\n"
            while not self.go_on.is_set():
                await asyncio.sleep(0.005)
            yield b"data: last\n\n"
        except (GeneratorExit, asyncio.CancelledError):
            self.left.set()
            raise

    async def _broken(self) -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the origin died")


class Local:
    """A served distribution.

    Attributes:
        url: where it listens.
        edge: the edge; ``log`` its record.
        releases: the releases of its site.
        api: the stand-in for the API, unless ``api_url`` named another.
        origin: the way to it; its read timeout is so long by default that nothing but the test ends a stream.
    """

    def __init__(
        self,
        folder: Path,
        plan: Architecture,
        site: Path,
        *,
        api_url: str = "",
        read_timeout_s: float = 2 * PATIENCE_S,
    ) -> None:
        self._loop = Loop()
        self.log = Log()
        self.api = FakeApi()
        self._api_server = Server(self.api)
        if not api_url:
            sock = listening()
            self._loop.run(self._api_server.start(sock))
            api_url = f"http://127.0.0.1:{self._api_server.port}"
        self.store = FileKeyValueStore(folder / "store.json", plan.store_keys[plan.store])
        self.bucket = FolderStore(folder / "bucket")
        origin = plan.site
        backends = Backends(stores=lambda arn: self.store.values)
        policy = plan.bucket_policies.get(origin.bucket)
        backends.buckets[origin.id] = BucketOrigin(
            self.bucket, origin.bucket, policy, plan.arn, signed=origin.signed
        )
        self.origin = HttpOrigin(api_url, read_timeout_s)
        backends.servers["api"] = self.origin
        self.edge = Edge(plan, backends, self.log)
        self._server = Server(self.edge)
        self._loop.run(self._server.start(listening()))
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.said: list[str] = []
        self.releases = Releases(site, self.bucket, self.store, self.said.append, url=self.url)
        self.releases.deploy()

    def stop(self) -> None:
        """Ends it."""
        for work in (self._server.stop(), self._api_server.stop(), self.origin.close()):
            self._loop.run(work)
        self._loop.stop()

    def get(
        self, path: str, method: str = "GET", *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            data = response.read()
            return response.status, {k.lower(): v for k, v in response.getheaders()}, data
        finally:
            connection.close()

    def last(self) -> dict[str, Any]:
        """The record of the last request."""
        return self.log.documents()[0]


@contextlib.contextmanager
def served(
    folder: Path, change: Callable[[Architecture], Architecture] = lambda p: p, **more: Any
) -> Iterator[Local]:
    """A served distribution with the small site."""
    local = Local(folder, change(with_domain()), make_site(folder / "site"), **more)
    try:
        yield local
    finally:
        local.stop()


def with_function(plan: Architecture, code: str, *, on: str = "*") -> Architecture:
    """The plan with other code in the viewer-request function of one behavior."""
    behaviors = []
    for behavior in plan.behaviors:
        if behavior.pattern == on and behavior.viewer_request:
            behavior = replace(behavior, viewer_request=replace(behavior.viewer_request, code=code))
        behaviors.append(behavior)
    return replace(plan, behaviors=tuple(behaviors))
