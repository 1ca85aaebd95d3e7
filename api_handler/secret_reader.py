"""One call of Secrets Manager without the SDK, for a cold start that needs nothing else of it.

On Lambda the keys of the API lie in Secrets Manager, and a cold start that lists the
agents would import and set up botocore for that one call alone. The credentials stand in
the environment there, so that a signed POST is all it takes. Whatever is out of the
ordinary (proxies, FIPS, other partitions, errors) is left to the SDK.
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from api_handler.runtime_api import read_response
from api_handler.sigv4 import authorization

if TYPE_CHECKING:
    import ssl

TIMEOUT_S = 3.0
_TARGET = "secretsmanager.GetSecretValue"
_TYPE = "application/x-amz-json-1.1"
# The regions of the commercial partition; the others have other host names.
_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-(?!gov|iso)[a-z]+-\d")
_UNUSUAL = (
    "AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_USE_FIPS_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",  # noqa: E501
    "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy",
)  # fmt: skip
"""Variables that change where or how the SDK calls: with one of them it shall do so itself."""


def possible(environ: Mapping[str, str]) -> bool:
    """Whether this is a Lambda function with nothing unusual about its calls."""
    return (
        all(
            environ.get(name)
            for name in ("AWS_LAMBDA_RUNTIME_API", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        and _REGION.fullmatch(environ.get("AWS_REGION", "")) is not None
        and not any(environ.get(name) for name in _UNUSUAL)
    )


async def read_secret(arn: str, environ: Mapping[str, str]) -> str:
    """The text of a secret.

    Args:
        arn: ARN of the secret.
        environ: the function's environment, of which ``possible`` is true.

    Raises:
        OSError, EOFError, ValueError, KeyError, TimeoutError: it could not be read this way.
    """
    url = urlsplit(
        environ.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")
        or environ.get("AWS_ENDPOINT_URL")
        or f"https://secretsmanager.{environ['AWS_REGION']}.amazonaws.com"
    )
    body = json.dumps({"SecretId": arn}).encode()
    headers = signed(url.netloc, url.path or "/", body, environ, time.gmtime())
    pairs = [*headers.items(), ("content-length", str(len(body))), ("connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in pairs)
    tls = None
    if url.scheme == "https":
        tls = _tls(environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR"))
    async with asyncio.timeout(TIMEOUT_S):
        port = url.port or (443 if tls else 80)
        reader, writer = await asyncio.open_connection(url.hostname, port, ssl=tls)
        try:
            writer.write(f"POST {url.path or '/'} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body)
            status, _, answer = await read_response(reader)
        finally:
            # At once: nothing more is said on it.
            writer.transport.abort()
    if status != 200:
        raise ValueError(f"status {status}")
    text = json.loads(answer)["SecretString"]
    if not isinstance(text, str):
        raise ValueError("the secret is no text")
    return text


@functools.cache
def _tls(file: str | None, folder: str | None) -> ssl.SSLContext:
    """How servers are checked; once, as reading all authorities takes some thirty milliseconds.

    Args:
        file, folder: where the authorities lie, as OpenSSL is told by the environment.
    """
    import ssl

    return ssl.create_default_context()


def signed(
    host: str, path: str, body: bytes, environ: Mapping[str, str], now: time.struct_time
) -> dict[str, str]:
    """Headers of a POST, signed with Signature Version 4.

    Args:
        host: host name, with a port when it is not the scheme's own.
        path: path of the endpoint.
        body: the body.
        environ: has the credentials and the region.
        now: the time in UTC.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", now)
    headers = {"content-type": _TYPE, "host": host, "x-amz-date": stamp}
    if environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = environ["AWS_SESSION_TOKEN"]
    headers["x-amz-target"] = _TARGET
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n{path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    headers["authorization"] = authorization(
        canonical,
        names,
        stamp=stamp,
        region=environ["AWS_REGION"],
        service="secretsmanager",
        access_key=environ["AWS_ACCESS_KEY_ID"],
        secret_key=environ["AWS_SECRET_ACCESS_KEY"],
    )
    return headers
