"""S3, STS, CloudFront, its key-value store and an edge, on 127.0.0.1, with faults.

One server for a test or a benchmark: the deployer, or any other tool, calls it through ``--endpoint-url``;
visitors ask ``site_url``, which answers as the distribution with the edge function would. Everything is
in memory. ``faults`` decide per call whether it fails, and how.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ops.deploy.rules import is_hashed_asset
from tests.ops.deploy.aws_s3 import S3Operations
from tests.ops.deploy.aws_world import FUNCTION, Call, Fault, World, error
from tests.timing import until


class AwsServer:
    """Both servers; a context manager.

    Args:
        world: state, instead of a new one.
    """

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self._api = _server(_ApiHandler, self.world)
        self._site = _server(_SiteHandler, self.world)
        self.endpoint_url = f"http://127.0.0.1:{self._api.server_port}"
        self.site_url = f"http://127.0.0.1:{self._site.server_port}"

    def __enter__(self) -> AwsServer:
        """Starts."""
        for server in (self._api, self._site):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops."""
        for server in (self._api, self._site):
            server.shutdown()
            server.server_close()

    def settle(self) -> None:
        """Waits until all is done that clients which are gone by now have asked for."""
        # Connections are taken up in their order: when this one is, all that were before it have been.
        with socket.create_connection(("127.0.0.1", self._api.server_port)) as last:
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        until(lambda: self._api.open == 0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    world: World
    open = 0
    """Connections that are being served."""

    def process_request(self, request: Any, client_address: Any) -> None:
        """Counted before its thread begins."""
        with self.world.lock:
            self.open += 1
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """In a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.world.lock:
                self.open -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed leaves its connections: no news here. Anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _server(handler: type[BaseHTTPRequestHandler], world: World) -> _Server:
    server = _Server(("127.0.0.1", 0), handler)
    server.world = world
    return server


class _Cut(Exception):
    """The connection is to be closed unanswered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        """Small answers go out at once."""
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    @property
    def world(self) -> World:
        """The state."""
        return self.server.world

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` header by the world's clock."""
        return format_datetime(self.world.now(), usegmt=True)

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Sends an answer."""
        self.send_response(status)
        sent = {"content-length": str(len(body)), **(headers or {})}
        for name, value in sent.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD" and body:
            self.wfile.write(body)
        self.wfile.flush()

    def cut(self) -> None:
        """Closes the connection."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _ApiHandler(_Handler, S3Operations):
    def _handle(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(*_operation(self.command, parts.path, query, headers, self.world), headers, query, body)
        world = self.world
        if world.latency_s:
            time.sleep(world.latency_s)
        with world.lock:
            world.calls.append(call)
        if world.on_call:
            world.on_call(call)
        fault = world.fault_for(call)
        if fault and fault.how == "cut":
            self.cut()
            return
        if fault and fault.how == "delay":
            time.sleep(fault.seconds)
        if fault and fault.how == "error":
            self.reply(fault.status, error(fault.code, "injected"), _kind(fault.code))
            return
        if world.check_skew and abs(self._signed_at(headers) - world.now()) > timedelta(minutes=15):
            self.reply(403, error("RequestTimeTooSkewed", "the difference is too large"))
            return
        with world.lock:
            status, out, more = getattr(self, f"_{call.operation}")(call, fault)
        if fault and fault.how == "lost":
            self.cut()
            return
        self.reply(status, out, more)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle

    def _signed_at(self, headers: dict[str, str]) -> datetime:
        return datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    # STS

    def _GetCallerIdentity(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        body = (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            f"<Arn>arn:aws:iam::{self.world.account}:user/deployer</Arn><UserId>AIDA</UserId>"
            f"<Account>{self.world.account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
        return 200, body.encode(), {"content-type": "text/xml"}

    # CloudFront

    def _GetDistributionConfig(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        world = self.world
        if call.key != world.distribution:
            return 404, error("NoSuchDistribution", "The specified distribution does not exist."), {}
        association = (
            "<FunctionAssociations><Quantity>1</Quantity><Items><FunctionAssociation>"
            f"<FunctionARN>arn:aws:cloudfront::{world.account}:function/{FUNCTION}</FunctionARN>"
            "<EventType>viewer-request</EventType></FunctionAssociation></Items></FunctionAssociations>"
            if world.has_function
            else "<FunctionAssociations><Quantity>0</Quantity></FunctionAssociations>"
        )
        origin = world.origin or f"{world.bucket}.s3.{world.region}.amazonaws.com"
        body = (
            '<?xml version="1.0"?><DistributionConfig xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
            "<CallerReference>x</CallerReference><Origins><Quantity>1</Quantity><Items><Origin><Id>site</Id>"
            f"<DomainName>{origin}</DomainName><OriginPath>{world.origin_path}</OriginPath></Origin></Items></Origins>"
            f"<DefaultCacheBehavior><TargetOriginId>site</TargetOriginId>{association}</DefaultCacheBehavior>"
            f"<Enabled>{'true' if world.enabled else 'false'}</Enabled></DistributionConfig>"
        )
        return 200, body.encode(), {"content-type": "text/xml", "etag": "E1"}

    def _DescribeFunction(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        store = (
            "<KeyValueStoreAssociations><Quantity>1</Quantity><Items><KeyValueStoreAssociation>"
            f"<KeyValueStoreARN>{self.world.function_store}</KeyValueStoreARN>"
            "</KeyValueStoreAssociation></Items></KeyValueStoreAssociations>"
        )
        body = (
            '<?xml version="1.0"?><FunctionSummary xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
            f"<Name>{FUNCTION}</Name><FunctionConfig>{store}</FunctionConfig></FunctionSummary>"
        )
        return 200, body.encode(), {"content-type": "text/xml"}

    def _CreateInvalidation(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        paths = re.findall(r"<Path>(.*?)</Path>", call.body.decode())
        self.world.invalidations.append([path.replace("&amp;", "&") for path in paths])
        made = f"I{len(self.world.invalidations)}"
        body = f"<Invalidation><Id>{made}</Id><Status>InProgress</Status></Invalidation>"
        return 201, body.encode(), {"content-type": "text/xml"}

    # Key-value store

    def _store_missing(self, call: Call) -> tuple[int, bytes, dict[str, str]] | None:
        if call.query["_arn"] == self.world.store_arn:
            return None
        return _json(404, {"Message": "no such store"}, _kind("ResourceNotFoundException"))

    def _DescribeKeyValueStore(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        body = {"ItemCount": len(self.world.kvs), "KvsARN": call.query["_arn"]}
        return self._store_missing(call) or _json(200, body, {"etag": f"KV{self.world.kvs_version}"})

    def _GetKey(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        if missing := self._store_missing(call):
            return missing
        if call.key not in self.world.kvs:
            return _json(404, {"Message": "no such key"}, _kind("ResourceNotFoundException"))
        return _json(200, {"Key": call.key, "Value": self.world.kvs[call.key], "ItemCount": 1}, {})

    def _UpdateKeys(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        world = self.world
        if missing := self._store_missing(call):
            return missing
        if call.headers.get("if-match") != f"KV{world.kvs_version}":
            return _json(409, {"Message": "the store has changed"}, _kind("ConflictException"))
        document = json.loads(call.body)
        for put in document.get("Puts", []):
            if len(put["Value"].encode()) > 1024 or len(put["Key"].encode()) > 512:
                return _json(400, {"Message": "too long"}, _kind("ValidationException"))
        for put in document.get("Puts", []):
            world.kvs[put["Key"]] = put["Value"]
        for gone in document.get("Deletes", []):
            world.kvs.pop(gone["Key"], None)
        world.kvs_version += 1
        world.flips.append((time.monotonic(), world.kvs.get("release", "")))
        return _json(200, {"ItemCount": len(world.kvs)}, {"etag": f"KV{world.kvs_version}"})


class _SiteHandler(_Handler):
    """The distribution: the edge function's rewrite, the bucket, the custom error response."""

    def do_GET(self) -> None:
        """A visitor's request."""
        world = self.world
        path = unquote(urlsplit(self.path).path)
        preview = self.headers.get("x-release") or ""
        if preview and self.headers.get("x-release-token") != world.kvs.get("preview-token"):
            preview = ""
        if world.site_broken and (status := world.site_broken(path, bool(preview))):
            self.reply(status, b"broken")
            return
        with world.lock:
            key = site_key(path, "" if world.serves_in_place else preview or self._live())
            found = world.objects.get(key)
            missing = world.objects.get("404.html")
        if found is not None:
            self.reply(200, found.data, {"etag": f'"{found.etag}"', **found.headers})
        elif missing is not None:
            self.reply(404, missing.data, missing.headers)
        else:
            self.reply(403, b"AccessDenied")

    do_HEAD = do_GET

    def _live(self) -> str:
        """The pointer as the edge has it: some time after it was moved."""
        world = self.world
        if not world.edge_delay_s:
            return world.kvs.get("release", "")
        seen = [release for when, release in world.flips if when <= time.monotonic() - world.edge_delay_s]
        return seen[-1] if seen else ""


def site_key(path: str, release: str) -> str:
    """The key a URL path stands for: the edge function's rule."""
    if is_hashed_asset(path):
        return path.lstrip("/")
    last = path.rpartition("/")[2]
    if "." not in last and not (last and path.startswith("/.well-known/")):
        path = path + ("" if path.endswith("/") else "/") + "index.html"
    return f"_releases/{release}{path}" if release else path.lstrip("/")


def _operation(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], world: World
) -> tuple[str, str]:
    if path.startswith("/key-value-stores/"):
        pieces = path.split("/")
        query["_arn"] = unquote(pieces[2])
        if len(pieces) == 3:
            return "DescribeKeyValueStore", ""
        key = unquote(pieces[4]) if len(pieces) > 4 else ""
        return ("UpdateKeys", "release") if method == "POST" else ("GetKey", key)
    if path.startswith("/2020-05-31/distribution/"):
        pieces = path.split("/")
        return ("CreateInvalidation" if method == "POST" else "GetDistributionConfig"), pieces[3]
    if path.startswith("/2020-05-31/function/"):
        return "DescribeFunction", path.split("/")[3]
    if path == "/" and method == "POST":
        return "GetCallerIdentity", ""
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    query["_bucket"] = bucket
    if not key:
        return {"HEAD": "HeadBucket", "POST": "DeleteObjects"}.get(method, "ListObjectsV2"), query.get(
            "prefix", ""
        )
    if method == "POST":
        return ("CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"), key
    if method == "PUT" and "partNumber" in query:
        return "UploadPart", key
    if method == "PUT":
        return ("CopyObject" if "x-amz-copy-source" in headers else "PutObject"), key
    if method == "DELETE":
        return ("AbortMultipartUpload" if "uploadId" in query else "DeleteObject"), key
    return {"GET": "GetObject", "HEAD": "HeadObject"}[method], key


def _kind(code: str) -> dict[str, str]:
    return {"x-amzn-errortype": code} if code.endswith("Exception") else {}


def _json(
    status: int, document: dict[str, Any], headers: dict[str, str]
) -> tuple[int, bytes, dict[str, str]]:
    return status, json.dumps(document).encode(), {"content-type": "application/json", **headers}
