"""The calls: STS, S3 (what obstore does not offer), CloudFront, and its key-value store."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ops.deploy.aws.credentials import Credentials, CredentialSource, endpoint_of
from ops.deploy.aws.http import SKEW_LIMIT, AwsError, Http, Response, ServerClock, error_code, failure
from ops.deploy.aws.sigv4 import Query, encoded, query_string, sign, sign_asymmetric

GLOBAL_REGION = "us-east-1"
"""Where CloudFront's control plane is, and what is asked when no Region is known."""


class Aws:
    """A session: credentials, connections, the servers' clock, endpoints.

    Args:
        endpoint_url: replaces the endpoint of every service.
        region: Region of S3 and STS; may be set later, when the bucket has told it.
        credentials: instead of the environment's and botocore's.
        http: instead of a new pool.
    """

    def __init__(
        self,
        *,
        endpoint_url: str = "",
        region: str = "",
        credentials: CredentialSource | None = None,
        http: Http | None = None,
    ) -> None:
        self.endpoint_url = endpoint_url
        self.region = region
        self.credentials = credentials or CredentialSource()
        self.http = http or Http()
        self.clock = ServerClock()

    def endpoint(self, service: str) -> str:
        """The endpoint that replaces a service's own; "": none does."""
        return endpoint_of(service, self.endpoint_url)

    @property
    def partition_suffix(self) -> str:
        """The domain of the Region's endpoints."""
        return "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"

    def call(
        self,
        operation: str,
        service: str,
        method: str,
        base: str,
        path: str,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        region: str = "",
        asymmetric: bool = False,
        attempts: int = 5,
    ) -> Response:
        """Signs and sends; an answer of any status is returned. A clock that is off is learnt and mended."""
        url = f"{base}{path}" + (f"?{query_string(query)}" if query else "")
        plain = {"user-agent": "orchestrator-deploy", "accept": "*/*", **(headers or {})}

        def prepare() -> Mapping[str, str]:
            return self._signed(method, url, plain, body, service, region or self.region, asymmetric)

        response = self.http.send(operation, method, url, plain, body, attempts=attempts, prepare=prepare)
        before = self.clock.offset
        if response.status in (400, 403) and self._clock_is_off(response, before):
            response = self.http.send(operation, method, url, plain, body, attempts=attempts, prepare=prepare)
        elif response.status < 400:
            self.clock.learn(response)
        return response

    def _signed(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        service: str,
        region: str,
        asymmetric: bool,
    ) -> Mapping[str, str]:
        credentials: Credentials = self.credentials.current()
        now = self.clock.now()
        if asymmetric:
            return sign_asymmetric(
                method, url, headers, body, service=service, credentials=credentials, now=now
            )
        return sign(
            method,
            url,
            headers,
            body,
            service=service,
            region=region or GLOBAL_REGION,
            credentials=credentials,
            now=now,
        )

    def _clock_is_off(self, response: Response, before: timedelta) -> bool:
        offset = self.clock.learn(response)
        skewed = error_code(response) in (
            "RequestTimeTooSkewed",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
        )
        # HEAD has no body to name the code in, so the clock itself is looked at.
        return abs(offset - before) > (timedelta(seconds=2) if skewed else SKEW_LIMIT)


def caller_account(aws: Aws) -> str:
    """The account of the credentials (sts:GetCallerIdentity, which needs no permission)."""
    region = aws.region or GLOBAL_REGION
    base = aws.endpoint("STS") or f"https://sts.{region}.{aws.partition_suffix}"
    response = aws.call(
        "sts:GetCallerIdentity", "sts", "POST", base, "/",
        headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
        body=b"Action=GetCallerIdentity&Version=2011-06-15", region=region,
    )  # fmt: skip
    if response.status != 200:
        raise failure("sts:GetCallerIdentity", response)
    account = _between(response.body, b"<Account>", b"</Account>")
    if not account:
        raise AwsError("sts:GetCallerIdentity", response.status, "BadAnswer", "the answer names no account")
    return account


class Bucket:
    """One bucket: the calls obstore does not offer.

    Args:
        aws: session; its Region is the bucket's.
        name: bucket.
        owner: account that must own it; sent with every call as the expected bucket owner.
    """

    def __init__(self, aws: Aws, name: str, owner: str = "") -> None:
        self.aws = aws
        self.name = name
        self.owner = owner

    @property
    def base(self) -> str:
        """Endpoint and bucket, path style: no certificate fits the virtual host of a bucket with a dot."""
        region = self.aws.region or GLOBAL_REGION
        return (
            self.aws.endpoint("S3") or f"https://s3.{region}.{self.aws.partition_suffix}"
        ) + f"/{self.name}"

    def _call(
        self,
        operation: str,
        method: str,
        key: str = "",
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        region: str = "",
        attempts: int = 5,
    ) -> Response:
        own = {"x-amz-expected-bucket-owner": self.owner} if self.owner else {}
        return self.aws.call(
            operation, "s3", method, self.base, f"/{encoded(key, '/')}" if key else "",
            query=query, headers={**own, **(headers or {})}, body=body, region=region, attempts=attempts,
        )  # fmt: skip

    def head_bucket(self, region: str = "") -> Response:
        """HeadBucket; the answer's ``x-amz-bucket-region`` tells the Region even when it is refused."""
        return self._call("s3:HeadBucket", "HEAD", region=region)

    def head(self, key: str) -> Response | None:
        """HeadObject; None when there is none (S3 says 403 to who may not list)."""
        response = self._call("s3:HeadObject", "HEAD", key)
        if response.status in (404, 403):
            return None
        return _checked("s3:HeadObject", response)

    def put(self, key: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """PutObject of a small object."""
        return _checked("s3:PutObject", self._call("s3:PutObject", "PUT", key, headers=headers, body=body))

    def copy(self, source: str, target: str, headers: Mapping[str, str] | None, source_etag: str = "") -> str:
        """CopyObject within the bucket; gives the copy's ETag.

        Args:
            source: key.
            target: key.
            headers: replace the source's; None: they are kept.
            source_etag: the copy is refused (412) unless the source has it.

        Raises:
            AwsError: also when the answer starts with 200 and ends with an error, as S3's may.
        """
        sent = {"x-amz-copy-source": f"/{self.name}/{encoded(source, '/')}"}
        if headers is not None:
            sent |= {"x-amz-metadata-directive": "REPLACE", **{k.lower(): v for k, v in headers.items()}}
        if source_etag:
            sent["x-amz-copy-source-if-match"] = f'"{source_etag}"'
        response = _checked("s3:CopyObject", self._call("s3:CopyObject", "PUT", target, headers=sent))
        etag = _between(response.body, b"<ETag>", b"</ETag>").replace("&quot;", "").strip('"')
        if not etag:
            raise AwsError(
                "s3:CopyObject", response.status, error_code(response) or "BadAnswer", "no ETag in the answer"
            )
        return etag

    def delete(self, keys: Sequence[str]) -> list[tuple[str, str, str]]:
        """DeleteObjects of up to 1,000 keys; gives key, code and message of each that was not deleted."""
        from xml.etree import ElementTree
        from xml.sax.saxutils import escape

        items = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
        body = (
            f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{items}<Quiet>true</Quiet></Delete>'
        ).encode()
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        headers = {"content-md5": digest, "content-type": "application/xml"}
        response = self._call("s3:DeleteObjects", "POST", query=[("delete", "")], headers=headers, body=body)
        _checked("s3:DeleteObjects", response)
        root = ElementTree.fromstring(response.body or b"<DeleteResult/>")  # noqa: S314  # S3's own answer
        return [
            (_text(error, "Key"), _text(error, "Code"), _text(error, "Message"))
            for error in root
            if _local(error.tag) == "Error"
        ]


class KeyValueStore:
    """The data plane of a CloudFront KeyValueStore.

    Args:
        aws: session.
        arn: of the store; its account stands before the host of the endpoint, unless one is given.
    """

    def __init__(self, aws: Aws, arn: str) -> None:
        self._aws = aws
        self.arn = arn
        account = arn.split(":")[4] if arn.count(":") >= 5 else ""
        self._base = (
            aws.endpoint("CLOUDFRONT_KEYVALUESTORE") or f"https://{account}.cloudfront-kvs.global.api.aws"
        )
        self._path = f"/key-value-stores/{encoded(arn)}"

    def _call(self, operation: str, method: str, path: str = "", **more: Any) -> Response:
        return self._aws.call(
            f"cloudfront-keyvaluestore:{operation}", "cloudfront-keyvaluestore", method,
            self._base, self._path + path, asymmetric=True, **more,
        )  # fmt: skip

    def describe(self) -> str:
        """The store's ETag: its version, which an update must name."""
        response = _checked(
            "cloudfront-keyvaluestore:DescribeKeyValueStore", self._call("DescribeKeyValueStore", "GET")
        )
        return response.headers.get("etag", "")

    def get(self, key: str) -> str:
        """The value of a key; "" when there is none."""
        response = self._call("GetKey", "GET", f"/keys/{encoded(key)}")
        if response.status == 404:
            return ""
        return str(json.loads(_checked("cloudfront-keyvaluestore:GetKey", response).body).get("Value", ""))

    def update(self, etag: str, puts: Mapping[str, str], deletes: Sequence[str] = ()) -> str:
        """UpdateKeys, all or nothing; gives the new ETag.

        Raises:
            AwsError: code ConflictException (or status 409, 412) when the store has another ETag by now.
        """
        document: dict[str, Any] = {"Puts": [{"Key": k, "Value": v} for k, v in puts.items()]}
        if deletes:
            document["Deletes"] = [{"Key": key} for key in deletes]
        response = self._call(
            "UpdateKeys", "POST", "/keys", body=json.dumps(document).encode(),
            headers={"content-type": "application/json", "if-match": etag},
        )  # fmt: skip
        return _checked("cloudfront-keyvaluestore:UpdateKeys", response).headers.get("etag", "")


class CloudFront:
    """The control plane: reading a distribution, invalidating."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._base = aws.endpoint("CLOUDFRONT") or "https://cloudfront.amazonaws.com"

    def _call(self, operation: str, method: str, path: str, **more: Any) -> Response:
        return self._aws.call(
            f"cloudfront:{operation}", "cloudfront", method, self._base, f"/2020-05-31{path}",
            region=GLOBAL_REGION, **more,
        )  # fmt: skip

    def distribution_config(self, distribution_id: str) -> Response:
        """GetDistributionConfig: XML; where an emulator lacks it, GetDistribution."""
        path = f"/distribution/{encoded(distribution_id)}"
        response = self._call("GetDistributionConfig", "GET", f"{path}/config")
        if response.status in (404, 405, 501) and error_code(response) != "NoSuchDistribution":
            return self._call("GetDistribution", "GET", path)
        return response

    def function(self, name: str) -> Response:
        """DescribeFunction in its live stage: XML."""
        return self._call(
            "DescribeFunction", "GET", f"/function/{encoded(name)}/describe", query=[("Stage", "LIVE")]
        )

    def invalidate(self, distribution_id: str, paths: Sequence[str], reference: str) -> str:
        """CreateInvalidation; gives its id. The same reference again is the same invalidation."""
        from xml.sax.saxutils import escape

        items = "".join(f"<Path>{escape(path)}</Path>" for path in paths)
        body = (
            '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
            f"<Paths><Quantity>{len(paths)}</Quantity><Items>{items}</Items></Paths>"
            f"<CallerReference>{escape(reference)}</CallerReference></InvalidationBatch>"
        ).encode()
        response = self._call(
            "CreateInvalidation", "POST", f"/distribution/{encoded(distribution_id)}/invalidation",
            body=body, headers={"content-type": "application/xml"},
        )  # fmt: skip
        return _between(_checked("cloudfront:CreateInvalidation", response).body, b"<Id>", b"</Id>")


def _checked(operation: str, response: Response) -> Response:
    if response.status >= 300:
        raise failure(operation, response)
    return response


def _between(body: bytes, start: bytes, end: bytes) -> str:
    _, found, rest = body.partition(start)
    return rest.partition(end)[0].strip().decode("utf-8", "replace") if found else ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _text(element: Any, name: str) -> str:
    return next((child.text or "" for child in element if _local(child.tag) == name), "")


SessionFactory = Callable[[], Aws]
