"""The environment the API process starts in, the same on every backend."""

from __future__ import annotations

import json

import pulumi

from components.orchestrator_api.args import OrchestratorApiArgs

PUBLIC_CHAT_CAPS = {"ip_rpm": 6, "session_turns": 20, "daily_usd": 1.0}
"""Caps of the chat without a key: requests per minute and address, turns of a session, USD a day in all."""


def api_environment(
    args: OrchestratorApiArgs, backend: str, table_name: pulumi.Input[str]
) -> dict[str, pulumi.Input[str]]:
    """Variable name to value; secrets go by ARN, never by value.

    Args:
        args: the component's arguments.
        backend: the backend the process runs on, which is not ``args.backend`` while it stands by.
        table_name: the state table.
    """
    environment: dict[str, pulumi.Input[str]] = {
        "API_KEY_SECRET_ARN": args.secrets.api_key_arn,
        "ORIGIN_VERIFY_SECRET_ARN": args.secrets.origin_verify_arn,
        "TABLE_NAME": table_name,
        "BEDROCK_MODELS": json.dumps(list(args.bedrock_models)),
        "BACKEND": backend,
        "METRIC_NAMESPACE": args.metric_namespace,
        # The alarm tool shows this stack's alarms alone.
        "ALARM_PREFIX": f"{args.project}-{args.stack}-",
    }
    if args.public_chat:
        caps = {**PUBLIC_CHAT_CAPS, "origins": list(args.site_origins)}
        environment["PUBLIC_CHAT"] = json.dumps(caps)
    return environment
