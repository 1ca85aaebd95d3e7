"""The S3 operations of the test server, as S3's API reference has them."""

from __future__ import annotations

import base64
import hashlib
import re
from abc import ABC, abstractmethod
from email.utils import format_datetime
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

from tests.ops.deploy.aws_world import Call, Fault, Stored, World, error, iso, kept

Answer = tuple[int, bytes, dict[str, str]]


class S3Operations(ABC):
    """One method an operation; each gives status, body and headers."""

    @property
    @abstractmethod
    def world(self) -> World:
        """The state."""

    def _refused(self, call: Call) -> Answer | None:
        world = self.world
        if call.query.get("_bucket") != world.bucket:
            return 404, error("NoSuchBucket", "no such bucket"), {}
        expected = call.headers.get("x-amz-expected-bucket-owner")
        if expected and expected != world.owner:
            return 403, error("AccessDenied", "Access Denied"), {"x-amz-bucket-region": world.region}
        region = call.headers.get("authorization", "").partition("Credential=")[2].split("/")
        if len(region) > 2 and region[2] != world.region:
            return 301, error("PermanentRedirect", "another Region"), {"x-amz-bucket-region": world.region}
        return None

    def _HeadBucket(self, call: Call, fault: Fault | None) -> Answer:
        return self._refused(call) or (200, b"", {"x-amz-bucket-region": self.world.region})

    def _PutObject(self, call: Call, fault: Fault | None) -> Answer:
        world = self.world
        if refused := self._refused(call):
            return refused
        digest = call.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        if digest != "UNSIGNED-PAYLOAD" and digest != hashlib.sha256(call.body).hexdigest():
            return 400, error("XAmzContentSHA256Mismatch", "mismatch"), {}
        present = world.objects.get(call.key)
        if call.headers.get("if-none-match") == "*" and present:
            return 412, error("PreconditionFailed", "exists"), {}
        if (match := call.headers.get("if-match")) is not None:
            if present is None:
                return 404, error("NoSuchKey", "gone"), {}
            if match.strip('"') != present.etag:
                return 412, error("PreconditionFailed", "changed"), {}
        data = call.body + b"!" if fault and fault.how == "etag" else call.body
        stored = self._store(call.key, data, kept(call.headers))
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

    def _CopyObject(self, call: Call, fault: Fault | None) -> Answer:
        world = self.world
        if refused := self._refused(call):
            return refused
        source = unquote(call.headers["x-amz-copy-source"]).lstrip("/").partition("/")[2]
        found = world.objects.get(source)
        if found is None:
            return 404, error("NoSuchKey", source), {}
        if (match := call.headers.get("x-amz-copy-source-if-match")) and match.strip('"') != found.etag:
            return 412, error("PreconditionFailed", "changed"), {}
        replaced = call.headers.get("x-amz-metadata-directive") == "REPLACE"
        stored = self._store(call.key, found.data, kept(call.headers) if replaced else dict(found.headers))
        body = (
            f"<CopyObjectResult><LastModified>{iso(stored.modified)}</LastModified>"
            f"<ETag>&quot;{stored.etag}&quot;</ETag></CopyObjectResult>"
        )
        return 200, body.encode(), {"content-type": "application/xml"}

    def _GetObject(self, call: Call, fault: Fault | None) -> Answer:
        if refused := self._refused(call):
            return refused
        found = self.world.objects.get(call.key)
        if found is None:
            return 404, error("NoSuchKey", "no such key"), {}
        headers = {
            "etag": f'"{found.etag}"', "last-modified": format_datetime(found.modified, usegmt=True),
            **found.headers, **self._encryption(),
        }  # fmt: skip
        if spec := call.headers.get("range"):
            first, last = re.match(r"bytes=(\d+)-(\d*)", spec).groups()  # type: ignore[union-attr]
            end = min(int(last or len(found.data)), len(found.data) - 1)
            piece = found.data[int(first) : end + 1]
            if not piece:
                return 416, error("InvalidRange", "range"), {}
            headers["content-range"] = f"bytes {first}-{end}/{len(found.data)}"
            return 206, piece, headers
        return 200, found.data, headers

    def _HeadObject(self, call: Call, fault: Fault | None) -> Answer:
        status, data, headers = self._GetObject(call, fault)
        return status, b"", {**headers, "content-length": str(len(data) if status == 200 else 0)}

    def _ListObjectsV2(self, call: Call, fault: Fault | None) -> Answer:
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
            f"<Contents><Key>{encode(key)}</Key><LastModified>{iso(o.modified)}</LastModified>"
            f"<ETag>&quot;{o.etag}&quot;</ETag><Size>{len(o.data)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key, o in rows
        )
        shared = "".join(f"<CommonPrefixes><Prefix>{encode(f)}</Prefix></CommonPrefixes>" for f in folders)
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if more else ""
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>{self.world.bucket}</Name>'
            f"<Prefix>{encode(prefix)}</Prefix><KeyCount>{len(rows) + len(folders)}</KeyCount>"
            f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token}{items}{shared}</ListBucketResult>"
        )
        return 200, body.encode(), {"content-type": "application/xml"}

    def _DeleteObjects(self, call: Call, fault: Fault | None) -> Answer:
        if refused := self._refused(call):
            return refused
        if "content-md5" in call.headers:
            if base64.b64encode(hashlib.md5(call.body).digest()).decode() != call.headers["content-md5"]:
                return 400, error("BadDigest", "digest"), {}
        elif not any(name.startswith("x-amz-checksum-") for name in call.headers):
            return 400, error("InvalidRequest", "Missing required header for this request: Content-MD5"), {}
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

    def _DeleteObject(self, call: Call, fault: Fault | None) -> Answer:
        if refused := self._refused(call):
            return refused
        self.world.objects.pop(call.key, None)
        return 204, b"", {}

    def _CreateMultipartUpload(self, call: Call, fault: Fault | None) -> Answer:
        name = f"upload-{len(self.world.upload_headers)}"
        self.world.uploads[name] = {}
        self.world.upload_headers[name] = kept(call.headers)
        body = (
            f"<InitiateMultipartUploadResult><Bucket>{self.world.bucket}</Bucket><Key>{escape(call.key)}</Key>"
            f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
        )
        return 200, body.encode(), {"content-type": "application/xml"}

    def _UploadPart(self, call: Call, fault: Fault | None) -> Answer:
        self.world.uploads[call.query["uploadId"]][int(call.query["partNumber"])] = call.body
        return 200, b"", {"etag": f'"{hashlib.md5(call.body).hexdigest()}"'}

    def _CompleteMultipartUpload(self, call: Call, fault: Fault | None) -> Answer:
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

    def _AbortMultipartUpload(self, call: Call, fault: Fault | None) -> Answer:
        self.world.uploads.pop(call.query["uploadId"], None)
        return 204, b"", {}
