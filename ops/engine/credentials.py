"""Whether there are AWS credentials and a Pulumi login: a look at environment and files, no network.

The order is that of the SDKs' default chain
(https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from ops.errors import UsageError

_IMDS = "http://169.254.169.254/latest"
_IMDS_TIMEOUT_S = 0.5
_VENDOR_FILE = Path("/sys/devices/virtual/dmi/id/sys_vendor")
_PROFILE_KEYS = frozenset(
    {
        "aws_access_key_id",
        "credential_process",
        "credential_source",
        "login_session",
        "role_arn",
        "source_profile",
        "sso_account_id",
        "sso_session",
        "sso_start_url",
        "web_identity_token_file",
    }
)


def aws_credentials(environment: Mapping[str, str] | None = None, vendor_file: Path = _VENDOR_FILE) -> str:
    """Where credentials would come from, in words; "" when there are none.

    Nothing is asked of AWS: expired credentials count, the provider says so itself. Only
    on EC2 hardware the instance's role is looked for, for half a second.

    Args:
        environment: instead of ``os.environ``.
        vendor_file: names the machine's maker.
    """
    env = os.environ if environment is None else environment
    if env.get("AWS_ACCESS_KEY_ID") and env.get("AWS_SECRET_ACCESS_KEY"):
        return "the environment (AWS_ACCESS_KEY_ID)"
    if env.get("AWS_WEB_IDENTITY_TOKEN_FILE") and env.get("AWS_ROLE_ARN"):
        return "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)"
    profile = _profile(env)
    if profile:
        return f"the profile '{profile}'"
    if env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return "the container's role"
    if (
        _on_ec2(vendor_file)
        and env.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"
        and _instance_role()
    ):
        return "the instance's role"
    return ""


def pulumi_backend(root: Path, environment: Mapping[str, str] | None = None) -> str:
    """Where the engine keeps states, as a URL; "" when it is not logged in.

    The order is the engine's own (pulumi/pulumi pkg/cmd/pulumi/backend, sdk/go/common/workspace/creds.go).

    Args:
        root: the project; ``backend.url`` of its ``Pulumi.yaml`` counts.
        environment: instead of ``os.environ``.
    """
    env = os.environ if environment is None else environment
    if env.get("PULUMI_BACKEND_URL"):
        return env["PULUMI_BACKEND_URL"]
    with contextlib.suppress(UsageError, AttributeError):
        from ops.stackfiles import read_mapping

        url = (read_mapping(root / "Pulumi.yaml").get("backend") or {}).get("url")
        if url:
            return str(url)
    home = env.get("PULUMI_CREDENTIALS_PATH") or env.get("PULUMI_HOME")
    folder = Path(home) if home else Path(env.get("HOME") or "/nonexistent") / ".pulumi"
    with contextlib.suppress(OSError, ValueError, AttributeError):
        current = json.loads((folder / "credentials.json").read_text(encoding="utf-8")).get("current")
        if current:
            return str(current)
    return "https://api.pulumi.com" if env.get("PULUMI_ACCESS_TOKEN") else ""


def _profile(env: Mapping[str, str]) -> str:
    """The profile in force if one of the two files gives it a way to credentials."""
    wanted = env.get("AWS_PROFILE") or env.get("AWS_DEFAULT_PROFILE") or "default"
    home = Path(env.get("HOME") or "/nonexistent")
    files = (
        Path(env.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials").expanduser(),
        Path(env.get("AWS_CONFIG_FILE") or home / ".aws" / "config").expanduser(),
    )
    for path in files:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in (wanted, f"profile {wanted}"):
            if parser.has_section(section) and _PROFILE_KEYS & set(parser.options(section)):
                return wanted
    return ""


def _on_ec2(vendor_file: Path) -> bool:
    try:
        return vendor_file.read_text(encoding="utf-8").strip() == "Amazon EC2"
    except OSError:
        return False


def _instance_role() -> bool:
    """IMDSv2: a session token, then the list of roles (EC2 User Guide, instance metadata)."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # link-local: never through a proxy
    try:
        ask = urllib.request.Request(
            f"{_IMDS}/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        )
        token = opener.open(ask, timeout=_IMDS_TIMEOUT_S).read().decode()
        roles = urllib.request.Request(
            f"{_IMDS}/meta-data/iam/security-credentials/", headers={"X-aws-ec2-metadata-token": token}
        )
        return bool(opener.open(roles, timeout=_IMDS_TIMEOUT_S).read().strip())
    except (OSError, urllib.error.URLError):
        return False
