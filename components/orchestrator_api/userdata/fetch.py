"""Fetches one object of S3 and checks its SHA-256, with the standard library alone (Python 3.9 or newer).

It runs before anything is installed: at the start of a container, and on an instance under the
system's Python. Credentials come from the task's or the instance's role; the request is signed with
Signature Version 4 (AWS IAM User Guide, "Create a signed AWS API request").
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request

EMPTY = hashlib.sha256(b"").hexdigest()
ATTEMPTS = 5
TIMEOUT_S = 30
METADATA_TIMEOUT_S = 5


class FetchError(Exception):
    """The object could not be had, or is not what was asked for."""


def credentials(environ):
    """Access key, secret key and session token of the role.

    Args:
        environ: the environment; ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`` is set in an ECS task,
            ``AWS_EC2_METADATA_SERVICE_ENDPOINT`` may move the instance's metadata service.
    """
    if environ.get("AWS_ACCESS_KEY_ID"):
        token = environ.get("AWS_SESSION_TOKEN", "")
        return environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"], token
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    if relative:
        base = environ.get("ECS_CREDENTIALS_ENDPOINT", "http://169.254.170.2")
        answer = json.loads(_metadata(base + relative, {}))
    else:
        base = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")
        token = _metadata(
            base + "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"}, method="PUT"
        )
        header = {"X-aws-ec2-metadata-token": token}
        roles = base + "/latest/meta-data/iam/security-credentials/"
        role = _metadata(roles, header).strip().splitlines()[0]
        answer = json.loads(_metadata(roles + role, header))
    return answer["AccessKeyId"], answer["SecretAccessKey"], answer.get("Token", "")


def _metadata(url, headers, method="GET"):
    request = urllib.request.Request(url, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=METADATA_TIMEOUT_S) as answer:
        return answer.read().decode()


def signed_headers(host, path, region, keys, now):
    """The headers of a signed GET.

    Args:
        host: value of the Host header.
        path: the path as it goes over the wire, percent-encoded.
        region: the bucket's Region.
        keys: access key, secret key, session token or "".
        now: the time, in UTC.
    """
    access_key, secret_key, token = keys
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": stamp}
    if token:
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        ["GET", path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names, EMPTY]
    )
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret_key).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def fetch(bucket, key, sha256, target, region, environ=None, pause=time.sleep):
    """Puts the object at ``target``, whole and with the right hash, or not at all.

    Args:
        bucket, key: the object.
        sha256: hex digest its bytes must have.
        target: path of the file to write.
        region: the bucket's Region.
        environ: the environment; ``AWS_ENDPOINT_URL_S3`` names another endpoint (path style).
        pause: waits between attempts.

    Raises:
        FetchError: the hash differs, the object is not there, or every attempt failed.
        OSError: the file cannot be written; what was written is removed.
    """
    environ = os.environ if environ is None else environ
    quoted = urllib.parse.quote("/" + key, safe="/-_.~")
    endpoint = environ.get("AWS_ENDPOINT_URL_S3")
    if endpoint:
        url = urllib.parse.urlsplit(endpoint.rstrip("/") + "/" + bucket + quoted)
    else:
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        url = urllib.parse.urlsplit(f"https://{bucket}.s3.{region}.{suffix}{quoted}")
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(min(2**attempt, 10))
        try:
            digest = _download(url, region, environ, target)
        except urllib.error.HTTPError as error:
            reason = f"S3 answered {error.code}"
            if error.code in (400, 403, 404):
                break
        except (http.client.HTTPException, urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = f"the download was cut: {error!r}"
        else:
            if digest == sha256:
                return
            os.unlink(target)
            raise FetchError(f"s3://{bucket}/{key} has SHA-256 {digest}, not {sha256}")
    raise FetchError(f"s3://{bucket}/{key}: {reason}")


def _download(url, region, environ, target):
    """Streams the object into ``target`` and gives its SHA-256; nothing is left behind on any error."""
    now = datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017  # Python 3.9
    headers = signed_headers(url.netloc, url.path, region, credentials(environ), now)
    del headers["host"]
    digest = hashlib.sha256()
    try:
        request = urllib.request.Request(url.geturl(), headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer, open(target, "wb") as file:
            expected = answer.headers.get("Content-Length")
            size = 0
            while True:
                block = answer.read(1 << 16)
                if not block:
                    break
                size += len(block)
                digest.update(block)
                file.write(block)
            if expected is not None and size != int(expected):
                raise http.client.IncompleteRead(b"", int(expected) - size)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        if os.path.exists(target):
            os.unlink(target)
        raise
    return digest.hexdigest()
