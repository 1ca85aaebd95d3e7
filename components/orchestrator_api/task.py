"""The container of the Fargate backend, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from components import forms
from components.iam import Statement, allow
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.artifact_store import StoredArtifact
from components.orchestrator_api.endpoints import PULL_IMAGE
from components.orchestrator_api.load_balancer import APP_PORT, HEALTH_PATH

DEFAULT_IMAGE = "public.ecr.aws/docker/library/python:3.13-slim"
"""Python and nothing else; ECS pins the tag to a digest for each deployment (Amazon ECS Developer Guide,
"Container image resolution")."""

FOLDER = "/work"
MEMORY_FOLDER_MB = 64
"""Size of the memory file system: three times the unpacked artifact."""

STOP_S = 60
"""Twice the grace time of the API; ECS waits for the load balancer to drain before it counts."""

USER = "65534:65534"

_SCRIPTS = Path(__file__).with_name("userdata")


def is_private_ecr(image: str) -> bool:
    """Whether an image is one by digest in a private ECR repository."""
    return forms.PRIVATE_IMAGE.fullmatch(image) is not None


def pull_statements(args: OrchestratorApiArgs) -> list[Statement]:
    """Pulling the configured image from its private repository; nothing for a public one."""
    match = forms.PRIVATE_IMAGE.fullmatch(args.image)
    if match is None:
        return []
    repository = f"arn:aws:ecr:{match['region']}:{match['account']}:repository/{match['name']}"
    login = "ecr:GetAuthorizationToken"
    return [
        allow("Pull", [action for action in PULL_IMAGE if action != login], [repository]),
        # A login is for the registry, which no ARN names (Service Authorization Reference, Amazon ECR).
        allow("PullLogin", [login], ["*"]),
    ]


def bootstrap() -> str:
    """The program of the first process: fetch, check, unpack, become the API."""
    return (_SCRIPTS / "fetch.py").read_text() + "\n\n" + (_SCRIPTS / "task.py").read_text()


def container(
    *,
    image: str,
    environment: Mapping[str, pulumi.Input[str]],
    artifact: StoredArtifact | None,
    log_group: pulumi.Input[str],
    region: str,
) -> dict[str, Any]:
    """The container definition.

    Args:
        image: image by tag or digest.
        environment: of the API.
        artifact: what to fetch; None: the image holds the API itself.
        log_group: name of the log group.
        region: its Region.
    """
    serve = ["--host", "0.0.0.0", "--port", str(APP_PORT)]  # noqa: S104  # inside a task, behind its group
    variables: dict[str, pulumi.Input[str]] = dict(environment)
    command: dict[str, Any]
    if artifact is None:
        command = {"command": ["python", "-m", "api_handler", *serve]}
    else:
        variables |= {
            "ARTIFACT_BUCKET": artifact.bucket,
            "ARTIFACT_KEY": artifact.key,
            "ARTIFACT_SHA256": artifact.sha256,
            "ARTIFACT_DIR": FOLDER,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = {"entryPoint": ["python3", "-c", bootstrap()], "command": serve}
    probe = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{APP_PORT}{HEALTH_PATH}', timeout=4)"
    return {
        "name": "api",
        "image": image,
        "essential": True,
        **command,
        "user": USER,
        "readonlyRootFilesystem": True,
        "environment": [{"name": name, "value": variables[name]} for name in sorted(variables)],
        "portMappings": [{"containerPort": APP_PORT, "protocol": "tcp"}],
        "stopTimeout": STOP_S,
        "linuxParameters": {
            "initProcessEnabled": True,
            "capabilities": {"drop": ["ALL"]},
            # Fargate has memory file systems since January 2026; they count as memory of the task.
            "tmpfs": [
                {
                    "containerPath": folder,
                    "size": MEMORY_FOLDER_MB,
                    "mountOptions": ["mode=1777", "nosuid", "nodev"],
                }
                for folder in (FOLDER, "/tmp")  # noqa: S108  # in the container
            ],
        },
        "healthCheck": {
            "command": ["CMD", "python3", "-c", probe],
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 60,
        },
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": "api",
                # A slow log service must not stop the answers.
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
    }
