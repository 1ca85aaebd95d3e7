"""What an instance gets at its first start, and the document that brings releases to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_SCRIPTS = Path(__file__).with_name("userdata")

USER_DATA_LIMIT = 16 * 1024
"""Bytes EC2 takes, before Base64 (Amazon EC2 User Guide, "Run commands when you launch an EC2 instance")."""

LOG_FILE = "/var/log/api/api.log"
HEX64 = "^[0-9a-f]{64}$"


def agent_config(log_group: str, namespace: str) -> dict[str, Any]:
    """The CloudWatch agent: the API's log, and how full disk and memory are, by instance alone.

    Args:
        log_group: where the log goes; it is there already, so the agent needs no right to make it.
        namespace: of the metrics ``disk_used_percent`` and ``mem_used_percent``.
    """
    return {
        "agent": {"run_as_user": "root", "metrics_collection_interval": 60},
        "logs": {
            "logs_collected": {
                "files": {
                    "collect_list": [
                        {
                            "file_path": LOG_FILE,
                            "log_group_name": log_group,
                            "log_stream_name": "{instance_id}",
                        }
                    ]
                }
            }
        },
        "metrics": {
            "namespace": namespace,
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            # Alarms ask by instance; the finer series would be paid and never read.
            "aggregation_dimensions": [["InstanceId"]],
            "metrics_collected": {
                "disk": {
                    "measurement": ["used_percent"],
                    "resources": ["/"],
                    "ignore_file_system_types": ["tmpfs", "devtmpfs", "overlay"],
                    "drop_original_metrics": ["used_percent"],
                },
                "mem": {"measurement": ["used_percent"]},
            },
        },
    }


def user_data(log_group: str, namespace: str) -> str:
    """The script of the first start."""
    parts = {
        "@UNIT@": (_SCRIPTS / "api@.service").read_text().rstrip(),
        "@FRONT@": (_SCRIPTS / "front.sh").read_text().rstrip(),
        "@AGENT@": json.dumps(agent_config(log_group, namespace), indent=1),
    }
    text = (_SCRIPTS / "instance.sh").read_text()
    for mark, part in parts.items():
        text = text.replace(mark, part)
    if len(text.encode()) > USER_DATA_LIMIT:
        raise ValueError(f"the user data has {len(text.encode())} bytes; EC2 takes {USER_DATA_LIMIT}")
    return text


def release_program() -> str:
    """The program that brings a release onto the instance."""
    return (_SCRIPTS / "fetch.py").read_text() + "\n\n" + (_SCRIPTS / "release.py").read_text()


def release_document() -> dict[str, Any]:
    """The Systems Manager document: the program, and parameters that can be nothing but what they are."""
    parameters = {
        "bucket": "^[a-z0-9.-]{3,63}$",
        "key": "^api/[0-9a-f]{64}\\.zip$",
        "sha256": HEX64,
        "size": "^[0-9]{1,10}$",
        "region": "^[a-z0-9-]{5,25}$",
        "environment": "^[A-Za-z0-9+/=]*$",
    }
    options = " \\\n  ".join(f"--{name} '{{{{ {name} }}}}'" for name in parameters)
    command = "\n".join(
        [
            "set -eu",
            # The first start may still be under way.
            "cloud-init status --wait >/dev/null || true",
            "install -d -m 0755 /run/api",
            # In one step: another run may be reading it.
            "cat >/run/api/release.$$ <<'PROGRAM'",
            release_program().rstrip(),
            "PROGRAM",
            "mv -f /run/api/release.$$ /run/api/release.py",
            f"exec python3 /run/api/release.py \\\n  {options}",
        ]
    )
    return {
        "schemaVersion": "2.2",
        "description": "Brings a release of the agent API onto the instance, or leaves all as it was",
        "parameters": {
            name: {"type": "String", "description": name, "allowedPattern": pattern}
            for name, pattern in parameters.items()
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": "release",
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {"timeoutSeconds": "1200", "runCommand": command.split("\n")},
            }
        ],
    }
