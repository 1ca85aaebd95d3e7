"""``--api``: the stack's API first, its deep health check, then the site."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from ops.deploy.aws.http import AwsError, Http, Response
from ops.deploy.target import stack_outputs
from ops.deploy.ui import Ui
from ops.errors import OpsError

HEALTH_PATH = "/api/v1/health?deep=1"
TIMEOUT_S = 120.0


def bring_up(
    stack: str,
    ui: Ui,
    *,
    up: Callable[[str], int] | None = None,
    outputs: Callable[[str], Mapping[str, Any]] = stack_outputs,
    api_key: Callable[[Mapping[str, Any]], str] | None = None,
    http: Http | None = None,
    timeout_s: float = TIMEOUT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Runs ``up`` of the stack and waits for a healthy API.

    Args:
        stack: name.
        ui: what is said.
        up: brings a stack up and gives an exit code; None: the engine.
        outputs: of a stack.
        api_key: a key of the API; None: ``API_KEY``, else the stack's secret.
        http: how the API is asked.
        timeout_s: how long it may take to become healthy.
        sleep: replaced in tests.

    Raises:
        OpsError: it failed; the site has not been touched.
    """
    ui.say(f"Bringing the API of {stack} up …")
    try:
        code = (up or _engine_up)(stack)
    except OpsError as failure:
        raise OpsError(f"the API failed, the site was left alone: {failure}", failure.exit_code) from failure
    if code != 0:
        raise OpsError(f"the API failed (`up` ended with {code}), the site was left alone")
    found = outputs(stack)
    url = str(found.get("url") or "").rstrip("/")
    if not url:
        raise OpsError(f"stack {stack!r} has no output url to check the API at; the site was left alone")
    key = (api_key or key_of)(found)
    wrong = _wait(stack, url, key, http or Http(timeout_s=30.0), timeout_s, sleep)
    if wrong:
        raise OpsError(f"the API is not healthy after {timeout_s:.0f} s ({wrong}), the site was left alone")
    ui.say("The API is healthy.")


def _wait(
    stack: str, url: str, key: str, http: Http, timeout_s: float, sleep: Callable[[float], None]
) -> str:
    headers = {"host": url.split("://", 1)[-1], "x-api-key": key, "accept": "application/json"}
    deadline = time.monotonic() + timeout_s
    while True:
        wrong = ""
        try:
            answer = http.send("API health", "GET", url + HEALTH_PATH, headers, attempts=1)
        except AwsError as failure:
            wrong = str(failure)
        else:
            wrong = _wrong(answer)
            if answer.status == 401:
                return (
                    f"{wrong}: the key is refused; set API_KEY, or look with `python -m ops keys list "
                    f"--stack {stack}`"
                )
        if not wrong or time.monotonic() >= deadline:
            return wrong
        # A deep answer is cached for 30 s, a failed one too.
        sleep(min(10.0, max(0.0, deadline - time.monotonic())))


def _wrong(answer: Response) -> str:
    if answer.status == 200:
        return ""
    detail = answer.body[:300].decode("utf-8", "replace").replace("\n", " ").strip()
    return f"{HEALTH_PATH} answers {answer.status}{f': {detail}' if detail else ''}"


def key_of(outputs: Mapping[str, Any]) -> str:
    """A key of the API: ``API_KEY``, else the newest of a name in the stack's secret, better without limits.

    Raises:
        OpsError: there is none that can be read.
    """
    if key := os.environ.get("API_KEY"):
        return key
    arn = str(outputs.get("apiKeySecretArn") or "")
    if not arn:
        raise OpsError("there is no API key for the health check: set API_KEY; the site was left alone")
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("secretsmanager", region_name=arn.split(":")[3])
        entries = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
        lasting = [entry for entry in entries if not entry.get("expires_at")]
        # The newest of a name stands first. Asking must not use up what a client may ask.
        lasting.sort(key=lambda entry: bool(entry.get("rpm") or entry.get("daily_usd")))
        keys = [str(entry["key"]) for entry in lasting]
    except (BotoCoreError, ClientError, AttributeError, ValueError, KeyError, TypeError) as failure:
        # The message of a parser may quote what it read.
        kind = type(failure).__name__
        raise OpsError(
            f"the API key cannot be read from {arn} ({kind}): set API_KEY; the site was left alone"
        ) from None
    if not keys:
        raise OpsError(f"{arn} holds no key without an end: set API_KEY; the site was left alone")
    return keys[0]


def _engine_up(stack: str) -> int:
    from ops.cli import main

    return main(["up", "--stack", stack, "--yes"])
