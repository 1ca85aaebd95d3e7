"""Fetching the artifact: signatures like botocore's, a local S3 with failures, the task's first process."""

from __future__ import annotations

import datetime
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from components.orchestrator_api import task
from components.orchestrator_api.userdata import fetch as fetching
from tests.components.orchestrator_api.local_s3 import LocalS3

CONTENT = b"artifact" * 50_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}


def fetch(s3: LocalS3, target: Path, sha256: str = DIGEST) -> list[float]:
    pauses: list[float] = []
    fetching.fetch("bucket", "api/x.zip", sha256, str(target), "us-east-1",
                   {**KEYS, "AWS_ENDPOINT_URL_S3": s3.url}, pauses.append)  # fmt: skip
    return pauses


@pytest.mark.parametrize("token", ["", "a-session-token"])
@pytest.mark.parametrize("path", ["/api/0a.zip", "/with%20blank/%C3%BC.zip"])
def test_the_signature_is_botocores(token: str, path: str):
    host = "bucket.s3.eu-central-1.amazonaws.com"
    now = datetime.datetime(2026, 11, 24, 12, 30, 5, tzinfo=datetime.UTC)
    ours = fetching.signed_headers(host, path, "eu-central-1", ("AKID", "secret/key+x", token), now)

    request = AWSRequest("GET", f"https://{host}{path}", headers={"Host": host})
    signer = S3SigV4Auth(Credentials("AKID", "secret/key+x", token or None), "s3", "eu-central-1")
    request.context["timestamp"] = ours["x-amz-date"]
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = fetching.EMPTY
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert ours["authorization"].endswith(f"Signature={signature}")
    assert "Credential=AKID/20261124/eu-central-1/s3/aws4_request" in ours["authorization"]


def test_an_object_is_fetched_signed_and_whole(s3: LocalS3, tmp_path: Path):
    s3.objects["/bucket/api/x.zip"] = CONTENT
    assert fetch(s3, tmp_path / "a.zip") == []
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    (asked,) = s3.asked
    assert asked["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert asked["x-amz-security-token"] == "token"


def test_another_hash_is_refused_at_once_and_nothing_stays(s3: LocalS3, tmp_path: Path):
    s3.objects["/bucket/api/x.zip"] = CONTENT
    s3.failures = ["flip"]
    with pytest.raises(fetching.FetchError, match=f"has SHA-256 [0-9a-f]{{64}}, not {DIGEST}"):
        fetch(s3, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []
    assert len(s3.asked) == 1


def test_cuts_and_server_errors_are_tried_again(s3: LocalS3, tmp_path: Path):
    s3.objects["/bucket/api/x.zip"] = CONTENT
    s3.failures = ["cut", "500", "503"]
    assert fetch(s3, tmp_path / "a.zip") == [2, 4, 8]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_it_gives_up_and_says_why(s3: LocalS3, tmp_path: Path):
    s3.objects["/bucket/api/x.zip"] = CONTENT
    s3.failures = ["cut"] * 9
    with pytest.raises(fetching.FetchError, match="the download was cut"):
        fetch(s3, tmp_path / "a.zip")
    assert len(s3.asked) == fetching.ATTEMPTS
    s3.failures = []
    s3.objects.clear()
    with pytest.raises(fetching.FetchError, match="S3 answered 404"):
        fetch(s3, tmp_path / "a.zip")
    assert len(s3.asked) == fetching.ATTEMPTS + 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(s3: LocalS3, tmp_path: Path):
    s3.objects["/bucket/api/x.zip"] = CONTENT
    # A link: what cannot be written whole is removed, and that must not be the device.
    (tmp_path / "a.zip").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        fetch(s3, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []
    assert Path("/dev/full").exists()


def test_credentials_of_a_task_and_of_an_instance(s3: LocalS3):
    answer = json.dumps({"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T"}).encode()
    s3.objects["/v2/credentials/1"] = answer
    task_environ = {
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1",
        "ECS_CREDENTIALS_ENDPOINT": s3.url,
    }
    assert fetching.credentials(task_environ) == ("A", "S", "T")
    roles = "/latest/meta-data/iam/security-credentials/"
    s3.objects |= {roles: b"the-role\n", roles + "the-role": answer}
    assert fetching.credentials({"AWS_EC2_METADATA_SERVICE_ENDPOINT": s3.url + "/"}) == ("A", "S", "T")
    assert s3.asked[-1]["x-aws-ec2-metadata-token"] == "metadata-token"  # IMDSv2


def test_the_first_process_of_a_task_becomes_the_api(s3: LocalS3, tmp_path: Path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("api_handler/__init__.py", "")
        packed.writestr("api_handler/__main__.py", "import os, sys\nprint(sys.argv[1:], os.getcwd())\n")
    content = archive.read_bytes()
    s3.objects["/bucket/api/x.zip"] = content
    work = tmp_path / "work"
    work.mkdir()
    environ = {
        **KEYS, "AWS_ENDPOINT_URL_S3": s3.url, "AWS_REGION": "us-east-1", "ARTIFACT_DIR": str(work),
        "ARTIFACT_BUCKET": "bucket", "ARTIFACT_KEY": "api/x.zip",
        "ARTIFACT_SHA256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip

    def start(**changes: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", task.bootstrap(), "--host", "0.0.0.0"]
        return subprocess.run(
            command, env={**environ, **changes}, capture_output=True, text=True, check=False, timeout=30
        )

    done = start()
    assert (done.returncode, done.stdout.split()) == (0, ["['--host',", "'0.0.0.0']", str(work / "app")]), (
        done.stderr
    )
    assert [p.name for p in work.iterdir()] == ["app"]
    broken = start(ARTIFACT_SHA256="0" * 64)
    assert broken.returncode == 1
    assert broken.stderr.startswith("the API cannot start: s3://bucket/api/x.zip has SHA-256")
