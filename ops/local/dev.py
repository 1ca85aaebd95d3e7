"""``ops dev`` while it runs: stack, edge, API, releases and the watch that keeps them up to date."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.errors import OpsError
from ops.local import architecture, bringup
from ops.local.api_process import ApiProcess, environment
from ops.local.architecture import Architecture
from ops.local.bucket import BucketOrigin
from ops.local.dev_page import DevPage
from ops.local.edge import Backends, Edge
from ops.local.folder import FileKeyValueStore, FolderStore
from ops.local.http1 import Request, Response
from ops.local.origin import HttpOrigin
from ops.local.patterns import LOCAL, host_of
from ops.local.releases import Releases
from ops.local.server import Server
from ops.local.trace import Log
from ops.local.watch import changes


@dataclass(frozen=True, kw_only=True)
class DevOptions:
    """What ``ops dev`` was asked for.

    Attributes:
        root: the project.
        stack: with a file.
        overrides: configuration for this run only.
        site: folder of the site.
        folder: where everything local is kept.
        backend_url: another API than the one started here; "": start one.
        scripted: answer without Bedrock.
    """

    root: Path
    stack: str = "dev"
    overrides: Mapping[str, str] = field(default_factory=dict)
    site: Path
    folder: Path
    backend_url: str = ""
    scripted: bool = True


class Dev:
    """Everything that runs.

    Args:
        options: what was asked for.
        say: told what the operator should see.
    """

    def __init__(self, options: DevOptions, say: Callable[[str], object]) -> None:
        self.options = options
        self._say = say
        self.log = Log()
        self.messages: deque[tuple[float, str]] = deque(maxlen=100)
        self.stack: bringup.Stack | None = None
        self.architecture: Architecture | None = None
        self.releases: Releases | None = None
        self.api_url = options.backend_url
        self.api_key = ""
        self.problem = ""
        self._edge: Edge | None = None
        self._api: ApiProcess | None = None
        self._servers: list[HttpOrigin] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._page = DevPage(self)
        self._server = Server(self._handle, lambda problem: self.tell(f"the edge failed: {problem!r}"))

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.port

    @property
    def url(self) -> str:
        """What to open."""
        return f"http://localhost:{self.port}"

    def tell(self, message: str) -> None:
        """Something worth knowing, for the terminal and the status page."""
        self.messages.append((time.time(), message))
        self._say(message)

    async def start(self, sock: socket.socket, *, watch: bool = True) -> None:
        """Brings everything up on a bound socket.

        Raises:
            OpsError: the program, its configuration, the site or the API is wrong.
        """
        await self._server.start(sock)
        self.stack = await self._bring_up()
        self._take(self.stack)
        await asyncio.gather(self._start_api(), asyncio.to_thread(self._deploy))
        if watch:
            self._tasks.append(asyncio.ensure_future(self._watch()))

    async def stop(self) -> None:
        """Ends everything that was started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.stop()
        if self._api:
            await self._api.stop()
        for server in self._servers:
            await server.close()

    async def _bring_up(self) -> bringup.Stack:
        """The stack, from the engine unless nothing that decides the plan has changed."""
        o = self.options
        file = o.folder / "stack.json"
        before = bringup.load(file)
        mark = await asyncio.to_thread(bringup.fingerprint, o.root, o.stack, o.overrides)
        if before is not None and before.fingerprint == mark:
            self.tell(f"stack {o.stack} is up: the program has not changed since")
            return before
        self.tell(f"bringing stack {o.stack} up with stand-in providers …")
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ops.local.bringup", str(o.root), o.stack, json.dumps(dict(o.overrides)),
            str(o.folder), cwd=Path(__file__).resolve().parents[2], stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        stack = bringup.load(file)
        if process.returncode or stack is None:
            raise OpsError(said.decode(errors="replace").strip() or "the local stack did not come up",
                           process.returncode or 1)  # fmt: skip
        spent = time.monotonic() - began
        self.tell(f"stack {o.stack} is up: {bringup.summary(stack.changes)} ({spent:.1f} s)")
        return stack

    def _take(self, stack: bringup.Stack) -> None:
        """Serves what a stack plans from now on."""
        planned = architecture.read(stack.resources, stack.config)
        folder = self.options.folder
        store = FileKeyValueStore(
            folder / "stores" / f"{_slug(planned.store or planned.site.bucket)}.json",
            planned.store_keys.get(planned.store, {}),
        )
        backends = Backends(
            stores=lambda arn: store.values if arn == planned.store else planned.store_keys.get(arn, {})
        )
        for origin in planned.origins.values():
            if origin.bucket:
                bucket = FolderStore(folder / "buckets" / origin.bucket)
                policy = planned.bucket_policies.get(origin.bucket)
                backends.buckets[origin.id] = BucketOrigin(
                    bucket, origin.bucket, policy, planned.arn, signed=origin.signed
                )
            elif self.api_url:
                backends.servers[origin.id] = self._http(self.api_url, origin.read_timeout_s)
        site_bucket = FolderStore(folder / "buckets" / planned.site.bucket)
        edge = Edge(planned, backends, self.log)
        self.releases = Releases(
            self.options.site, site_bucket, store, self.tell, url=f"http://127.0.0.1:{self.port}"
        )
        self.stack, self.architecture, self._edge = stack, planned, edge
        self._backends = backends
        keys = json.loads(planned.api_keys) if planned.api_keys else []
        self.api_key = str(keys[0].get("key", "")) if keys else ""

    def _http(self, url: str, timeout_s: float) -> HttpOrigin:
        server = HttpOrigin(url, timeout_s)
        self._servers.append(server)
        return server

    async def _start_api(self) -> None:
        """Starts the API, if the stack has one and no other was named."""
        planned = self.architecture
        assert planned
        assert self.stack
        wanted = [o for o in planned.origins.values() if not o.bucket]
        if not wanted or self.options.backend_url:
            return
        verify = next((v for o in wanted for n, v in o.headers if n.lower() == "x-origin-verify"), "")
        index = self.options.folder / "site-index.json"
        await asyncio.to_thread(_write_index, self.options.site, index)
        env = environment(
            self.stack.config, api_keys=planned.api_keys, origin_verify=verify,
            origins=[self.url, f"http://127.0.0.1:{self.port}", *(f"https://{n}" for n in planned.names)],
            scripted=self.options.scripted, index=index,
        )  # fmt: skip
        api = ApiProcess(self.options.root, env, self.tell)
        url = await api.start()
        before, self._api, self.api_url = self._api, api, url
        for origin in wanted:
            self._backends.servers[origin.id] = self._http(url, origin.read_timeout_s)
        if before:
            await before.stop()
        self._tasks.append(asyncio.ensure_future(self._mind(api)))

    async def _mind(self, api: ApiProcess) -> None:
        """Says so, and starts it again, when the API ends by itself."""
        code = await api.ended()
        if api is not self._api:
            return
        self.tell(f"the API ended with code {code}; it is started again")
        await asyncio.sleep(1)
        try:
            await self._start_api()
        except OpsError as problem:
            self.tell(problem.message)

    def _deploy(self) -> None:
        """Puts the site online in the local bucket; what is wrong with it is told, the edge serves on."""
        assert self.releases
        try:
            self.releases.deploy()
        except OpsError as problem:
            self.tell(f"the site was not deployed: {problem.message}")

    async def _watch(self) -> None:
        root, stack = self.options.root, self.options.stack
        program = [
            root / "__main__.py",
            root / "Pulumi.yaml",
            root / f"Pulumi.{stack}.yaml",
            root / "components",
        ]
        parts = {"program": program, "api": [root / "api_handler"], "site": [self.options.site]}
        async for changed in changes(parts):
            # A program that does not run keeps nobody from seeing a changed page.
            if "site" in changed:
                await asyncio.to_thread(self._deploy)
            if changed & {"program", "api"}:
                await self._follow(changed)

    async def _follow(self, changed: set[str]) -> None:
        """Takes a changed program or API over; what is wrong with it is told, and nothing changes then."""
        try:
            if "program" in changed:
                before = self.architecture
                self._take(await self._bring_up())
                if before and self.architecture and before.site.bucket != self.architecture.site.bucket:
                    await asyncio.to_thread(self._deploy)
                self.tell("the edge follows the changed program")
            await self._start_api()
            self.problem = ""
        except OpsError as problem:
            self.problem = problem.message
            self.tell(f"{problem.message}\nwhat was served before goes on")

    async def _handle(self, request: Request) -> Response:
        host = host_of(request.get("host"))
        path = request.target.partition("?")[0]
        if host in LOCAL and (path == "/_dev" or path.startswith("/_dev/")):
            return await self._page.answer(request, path)
        if self._edge is None:
            return Response(
                503, [("Content-Type", "text/plain"), ("Retry-After", "2")], b"The stack is coming up.\n"
            )
        if host.startswith("preview-") and host.endswith(".localhost"):
            return await self._preview(request, host.removeprefix("preview-").removesuffix(".localhost"))
        return await self._edge(request)

    async def _preview(self, request: Request, lower: str) -> Response:
        """A release by ``http://preview-<id>.localhost``: asked for as the deployer asks for one."""
        assert self._edge
        assert self.releases
        release = await asyncio.to_thread(self.releases.known, lower)
        if not release:
            return Response(404, [("Content-Type", "text/plain")], f"There is no release {lower}.\n".encode())
        port = f":{self.port}"
        request.headers = [(n, "localhost" + port if n.lower() == "host" else v) for n, v in request.headers]
        request.headers += [("X-Release", release), ("X-Release-Token", self.releases.token)]
        return await self._edge(request)


def _slug(text: str) -> str:
    return text.rsplit("/", 1)[-1] + "-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def _write_index(site: Path, index: Path) -> None:
    """The site's search index, for the API's own tool; a site that cannot be read has none."""
    from api_handler.tools import site_search

    made: dict[str, Any] = site_search.build_index(site)
    index.parent.mkdir(parents=True, exist_ok=True)
    temporary = index.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(made), encoding="utf-8")
    temporary.replace(index)
