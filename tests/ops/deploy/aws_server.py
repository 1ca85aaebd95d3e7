"""S3, STS, CloudFront, its key-value store and an edge, on 127.0.0.1, with faults.

One server for a test or a benchmark: the deployer, or any other tool, calls it through ``--endpoint-url``;
visitors ask ``site_url``, which answers as the distribution with the edge function would. Everything is
in memory. ``faults`` decide per call whether it fails, and how.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from ops.deploy.rules import is_hashed_asset

ACCOUNT = "123456789012"
REGION = "us-east-1"
DISTRIBUTION = "E2QWRUHAPOMQZL"
STORE_ARN = f"arn:aws:cloudfront::{ACCOUNT}:key-value-store/0b1d3f5a-77aa-4c1e-9d2f-1a2b3c4d5e6f"
FUNCTION = "site-edge"
TOKEN = "preview-secret"


@dataclass
class Stored:
    """An object of the bucket."""

    data: bytes
    etag: str
    headers: dict[str, str]
    modified: datetime


@dataclass
class Call:
    """One request: operation, key, headers (lower case) and query."""

    operation: str
    key: str
    headers: dict[str, str]
    query: dict[str, str]
    body: bytes = b""


@dataclass
class Fault:
    """What goes wrong.

    Attributes:
        operation: such as ``PutObject``; ``*``: any.
        key: regular expression the key must match.
        times: how often; -1: always.
        after: matching calls that go well first.
        status: HTTP status of the answer.
        code: AWS's error code.
        how: ``error``; ``cut`` (connection closed unanswered, nothing done); ``lost`` (done, connection
            closed unanswered); ``etag`` (other bytes are stored); ``delay`` (done after ``seconds``);
            ``keys`` (multi-delete: the key is answered with an error, 200 over all).
        seconds: of a delay.
    """

    operation: str
    key: str = ".*"
    times: int = 1
    after: int = 0
    status: int = 500
    code: str = "InternalError"
    how: str = "error"
    seconds: float = 0.0


@dataclass
class World:
    """The state of the account."""

    bucket: str = "site-bucket"
    account: str = ACCOUNT
    owner: str = ACCOUNT
    region: str = REGION
    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    upload_headers: dict[str, dict[str, str]] = field(default_factory=dict)
    kvs: dict[str, str] = field(default_factory=lambda: {"preview-token": TOKEN})
    kvs_version: int = 1
    store_arn: str = STORE_ARN
    enabled: bool = True
    origin: str = ""
    origin_path: str = ""
    distribution: str = DISTRIBUTION
    function_store: str = STORE_ARN
    has_function: bool = True
    invalidations: list[list[str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    latency_s: float = 0.0
    skew: timedelta = timedelta()
    check_skew: bool = False
    kms: bool = False
    site_broken: Callable[[str, bool], int] | None = None
    edge_delay_s: float = 0.0
    lock: threading.RLock = field(default_factory=threading.RLock)
    flips: list[tuple[float, str]] = field(default_factory=list)
    on_call: Callable[[Call], None] | None = None
    serves_in_place: bool = False

    def now(self) -> datetime:
        """The servers' clock."""
        return datetime.now(UTC) + self.skew

    def operations(self, *names: str) -> list[Call]:
        """Calls of these operations."""
        return [call for call in self.calls if call.operation in names]

    def writes(self) -> list[Call]:
        """Every call that changes something."""
        return self.operations(
            "PutObject", "CopyObject", "DeleteObjects", "DeleteObject", "UpdateKeys", "CreateInvalidation",
            "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload",
        )  # fmt: skip

    def keys(self, prefix: str = "") -> list[str]:
        """Keys of the bucket."""
        return sorted(key for key in self.objects if key.startswith(prefix))

    def fail(self, operation: str, key: str = ".*", **more: Any) -> Fault:
        """Adds a fault."""
        fault = Fault(operation, key, **more)
        self.faults.append(fault)
        return fault

    def fault_for(self, call: Call) -> Fault | None:
        """The fault that strikes a call, if one does."""
        with self.lock:
            for fault in self.faults:
                if (
                    fault.operation in ("*", call.operation)
                    and re.search(fault.key, call.key)
                    and fault.times
                ):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None


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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    world: World

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed leaves its connections: no news here."""


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
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class _ApiHandler(_Handler):
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
            self.reply(fault.status, _error(fault.code, "injected"), _kind(fault.code))
            return
        if world.check_skew and abs(self._signed_at(headers) - world.now()) > timedelta(minutes=15):
            self.reply(403, _error("RequestTimeTooSkewed", "the difference is too large"))
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

    # S3

    def _refused(self, call: Call) -> tuple[int, bytes, dict[str, str]] | None:
        world = self.world
        if call.query.get("_bucket") != world.bucket:
            return 404, _error("NoSuchBucket", "no such bucket"), {}
        expected = call.headers.get("x-amz-expected-bucket-owner")
        if expected and expected != world.owner:
            return 403, _error("AccessDenied", "Access Denied"), {"x-amz-bucket-region": world.region}
        region = call.headers.get("authorization", "").partition("Credential=")[2].split("/")
        if len(region) > 2 and region[2] != world.region:
            return 301, _error("PermanentRedirect", "another Region"), {"x-amz-bucket-region": world.region}
        return None

    def _HeadBucket(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        return self._refused(call) or (200, b"", {"x-amz-bucket-region": self.world.region})

    def _PutObject(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        world = self.world
        if refused := self._refused(call):
            return refused
        digest = call.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        if digest != "UNSIGNED-PAYLOAD" and digest != hashlib.sha256(call.body).hexdigest():
            return 400, _error("XAmzContentSHA256Mismatch", "mismatch"), {}
        present = world.objects.get(call.key)
        if call.headers.get("if-none-match") == "*" and present:
            return 412, _error("PreconditionFailed", "exists"), {}
        if (match := call.headers.get("if-match")) is not None:
            if present is None:
                return 404, _error("NoSuchKey", "gone"), {}
            if match.strip('"') != present.etag:
                return 412, _error("PreconditionFailed", "changed"), {}
        data = call.body + b"!" if fault and fault.how == "etag" else call.body
        stored = self._store(call.key, data, _kept(call.headers))
        return 200, b"", {"etag": f'"{stored.etag}"', **self._encryption()}

    def _store(self, key: str, data: bytes, headers: dict[str, str], etag: str = "") -> Stored:
        world = self.world
        etag = etag or hashlib.md5(data).hexdigest()
        if world.kms:
            etag = hashlib.md5(b"kms" + data).hexdigest()
        stored = Stored(data, etag, headers, world.now())
        world.objects[key] = stored
        return stored

    def _encryption(self) -> dict[str, str]:
        return {"x-amz-server-side-encryption": "aws:kms" if self.world.kms else "AES256"}

    def _CopyObject(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        world = self.world
        if refused := self._refused(call):
            return refused
        source = unquote(call.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        found = world.objects.get(source)
        if found is None:
            return 404, _error("NoSuchKey", source), {}
        if (match := call.headers.get("x-amz-copy-source-if-match")) and match.strip('"') != found.etag:
            return 412, _error("PreconditionFailed", "changed"), {}
        replaced = call.headers.get("x-amz-metadata-directive") == "REPLACE"
        stored = self._store(call.key, found.data, _kept(call.headers) if replaced else dict(found.headers))
        body = f"<CopyObjectResult><LastModified>{_iso(stored.modified)}</LastModified><ETag>&quot;{stored.etag}&quot;</ETag></CopyObjectResult>"
        return 200, body.encode(), {"content-type": "application/xml"}

    def _GetObject(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        if refused := self._refused(call):
            return refused
        found = self.world.objects.get(call.key)
        if found is None:
            return 404, _error("NoSuchKey", "no such key"), {}
        headers = {
            "etag": f'"{found.etag}"', "last-modified": format_datetime(found.modified, usegmt=True),
            **found.headers, **self._encryption(),
        }  # fmt: skip
        if spec := call.headers.get("range"):
            first, last = re.match(r"bytes=(\d+)-(\d*)", spec).groups()  # type: ignore[union-attr]
            end = min(int(last or len(found.data)), len(found.data) - 1)
            piece = found.data[int(first) : end + 1]
            if not piece:
                return 416, _error("InvalidRange", "range"), {}
            headers["content-range"] = f"bytes {first}-{end}/{len(found.data)}"
            return 206, piece, headers
        return 200, found.data, headers

    def _HeadObject(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        status, data, headers = self._GetObject(call, fault)
        return status, b"", {**headers, "content-length": str(len(data) if status == 200 else 0)}

    def _ListObjectsV2(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        if refused := self._refused(call):
            return refused
        prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
        after = call.query.get("continuation-token") or call.query.get("start-after", "")
        most = min(int(call.query.get("max-keys") or 1000), 1000)
        rows, folders, last, more = [], [], "", False
        for key in sorted(self.world.objects, key=str.encode):
            if not key.startswith(prefix) or key.encode() <= after.encode():
                continue
            if len(rows) + len(folders) >= most:
                more = True
                break
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folder = prefix + rest.split(delimiter)[0] + delimiter
                if folder not in folders:
                    folders.append(folder)
            else:
                rows.append((key, self.world.objects[key]))
            last = key
        encode = quote if call.query.get("encoding-type") == "url" else escape
        items = "".join(
            f"<Contents><Key>{encode(key)}</Key><LastModified>{_iso(o.modified)}</LastModified>"
            f"<ETag>&quot;{o.etag}&quot;</ETag><Size>{len(o.data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key, o in rows
        )
        shared = "".join(f"<CommonPrefixes><Prefix>{encode(f)}</Prefix></CommonPrefixes>" for f in folders)
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>{self.world.bucket}</Name>'
            f"<Prefix>{encode(prefix)}</Prefix><KeyCount>{len(rows) + len(folders)}</KeyCount><MaxKeys>{most}</MaxKeys>"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{items}{shared}</ListBucketResult>"
        )
        return 200, body.encode(), {"content-type": "application/xml"}

    def _DeleteObjects(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        if refused := self._refused(call):
            return refused
        if "content-md5" in call.headers:
            if base64.b64encode(hashlib.md5(call.body).digest()).decode() != call.headers["content-md5"]:
                return 400, _error("BadDigest", "digest"), {}
        elif not any(name.startswith("x-amz-checksum-") for name in call.headers):
            return 400, _error("InvalidRequest", "Missing required header for this request: Content-MD5"), {}
        failed = []
        for raw in re.findall(r"<Key>(.*?)</Key>", call.body.decode(), re.DOTALL):
            key = raw.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            row = Call("DeleteKey", key, call.headers, call.query)
            strike = self.world.fault_for(row)
            if strike:
                failed.append((key, strike.code))
                continue
            self.world.objects.pop(key, None)
        errors = "".join(
            f"<Error><Key>{escape(key)}</Key><Code>{code}</Code><Message>injected</Message></Error>"
            for key, code in failed
        )
        return 200, f"<DeleteResult>{errors}</DeleteResult>".encode(), {"content-type": "application/xml"}

    def _DeleteObject(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        if refused := self._refused(call):
            return refused
        self.world.objects.pop(call.key, None)
        return 204, b"", {}

    def _CreateMultipartUpload(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        name = f"upload-{len(self.world.upload_headers)}"
        self.world.uploads[name] = {}
        self.world.upload_headers[name] = _kept(call.headers)
        body = (
            f"<InitiateMultipartUploadResult><Bucket>{self.world.bucket}</Bucket><Key>{escape(call.key)}</Key>"
            f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
        )
        return 200, body.encode(), {"content-type": "application/xml"}

    def _UploadPart(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        self.world.uploads[call.query["uploadId"]][int(call.query["partNumber"])] = call.body
        return 200, b"", {"etag": f'"{hashlib.md5(call.body).hexdigest()}"'}

    def _CompleteMultipartUpload(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        parts = self.world.uploads.pop(call.query["uploadId"])
        ordered = [parts[number] for number in sorted(parts)]
        digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in ordered)).hexdigest()
        headers = self.world.upload_headers[call.query["uploadId"]]
        stored = self._store(call.key, b"".join(ordered), headers, f"{digest}-{len(ordered)}")
        body = (
            f"<CompleteMultipartUploadResult><Location>x</Location><Bucket>{self.world.bucket}</Bucket>"
            f"<Key>{escape(call.key)}</Key><ETag>&quot;{stored.etag}&quot;</ETag></CompleteMultipartUploadResult>"
        )
        return 200, body.encode(), {"content-type": "application/xml"}

    def _AbortMultipartUpload(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        self.world.uploads.pop(call.query["uploadId"], None)
        return 204, b"", {}

    # CloudFront

    def _GetDistributionConfig(self, call: Call, fault: Fault | None) -> tuple[int, bytes, dict[str, str]]:
        world = self.world
        if call.key != world.distribution:
            return 404, _error("NoSuchDistribution", "The specified distribution does not exist."), {}
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
        body = f"<Invalidation><Id>I{len(self.world.invalidations)}</Id><Status>InProgress</Status></Invalidation>"
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


def _kept(headers: dict[str, str]) -> dict[str, str]:
    names = ("content-type", "cache-control", "content-disposition", "content-language", "content-encoding")
    return {
        k: v for k, v in headers.items() if (k in names and v != "aws-chunked") or k.startswith("x-amz-meta-")
    }


def _iso(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def _kind(code: str) -> dict[str, str]:
    return {"x-amzn-errortype": code} if code.endswith("Exception") else {}


def _json(
    status: int, document: dict[str, Any], headers: dict[str, str]
) -> tuple[int, bytes, dict[str, str]]:
    return status, json.dumps(document).encode(), {"content-type": "application/json", **headers}
