"""Signature version 4 (HMAC) and 4A (ECDSA, by the AWS Common Runtime) of a request's headers.

https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from api_handler.sigv4 import authorization
from ops.deploy.aws.credentials import Credentials

Query = Sequence[tuple[str, str]]


def encoded(text: str, safe: str = "") -> str:
    """Percent-encodes all but the unreserved characters of RFC 3986, as AWS does."""
    return quote(text, safe="-_.~" + safe)


def query_string(query: Query) -> str:
    """The query in canonical order and encoding; sent as it is signed."""
    return "&".join(f"{name}={value}" for name, value in sorted((encoded(n), encoded(v)) for n, v in query))


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    region: str,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """The headers with ``Authorization`` and what it covers.

    Args:
        method: HTTP method.
        url: absolute; its path is percent-encoded once, its query is canonical.
        headers: names in lower case.
        body: the whole body.
        service: signing name.
        region: signing Region.
        credentials: keys.
        now: UTC, by the server's clock.
    """
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    signed = {**headers, "host": parts.netloc, "x-amz-date": stamp}
    if service == "s3":
        signed["x-amz-content-sha256"] = payload
    if credentials.token:
        signed["x-amz-security-token"] = credentials.token
    # S3 takes the path as it is sent; every other service encodes it once more.
    path = (parts.path or "/") if service == "s3" else encoded(parts.path or "/", "/")
    names = sorted(signed)
    canonical = "\n".join(
        [method, path, parts.query, *(f"{name}:{' '.join(signed[name].split())}" for name in names), "",
         ";".join(names), payload]
    )  # fmt: skip
    signed["authorization"] = authorization(
        canonical,
        ";".join(names),
        stamp=stamp,
        region=region,
        service=service,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
    )
    return signed


def sign_asymmetric(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    credentials: Credentials,
    now: datetime,
) -> dict[str, str]:
    """As ``sign``, with signature version 4A for any Region, which the key-value store asks for.

    The settings are those botocore uses for it (``botocore.crt.auth.CrtSigV4AsymAuth``).
    """
    from io import BytesIO

    from awscrt import auth, http

    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = http.HttpRequest(
        method,
        path,
        http.HttpHeaders([*headers.items(), ("host", parts.netloc)]),
        BytesIO(body) if body else None,
    )
    config = auth.AwsSigningConfig(
        algorithm=auth.AwsSigningAlgorithm.V4_ASYMMETRIC,
        signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=auth.AwsCredentialsProvider.new_static(
            credentials.access_key, credentials.secret_key, credentials.token or None
        ),
        region="*",
        service=service,
        date=now,
        use_double_uri_encode=True,
        should_normalize_uri_path=True,
        signed_body_header_type=auth.AwsSignedBodyHeaderType.NONE,
    )
    auth.aws_sign_request(request, config).result()
    return {name.lower(): value for name, value in request.headers}
