"""What the API may do in AWS, as plain policy documents: every action by name, every resource exact.

The three statements that need a wildcard in a resource say why beside it; the guardrails hold a
list of the same exceptions. Arguments may be plain strings (tests) or Outputs of resources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pulumi

from components.iam import Statement, allow, assume_role

Text = pulumi.Input[str]

_PROFILE = re.compile(r"(?P<scope>us|eu|apac|jp|au|ca|global)\.(?P<model>.+)")
INVOKE = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
"""Converse and ConverseStream are authorised as these two (Amazon Bedrock API Reference, Converse)."""

TABLE_ACTIONS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
"""Items are never deleted: they expire."""


def join(*parts: Text) -> Text:
    """The parts in one text: plain when all are plain, else an Output."""
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    return pulumi.Output.concat(*parts)


def trust(service: str, account_id: Text, source_arn: Text | None = None) -> dict[str, Any]:
    """A trust policy for a service that works for this account alone, and for ``source_arn`` if given.

    Args:
        service: principal such as ``ecs-tasks.amazonaws.com``.
        account_id: the account it must act for (``aws:SourceAccount``).
        source_arn: what it must act for, with ``*`` for what is not known yet (``aws:SourceArn``).

    Source: IAM User Guide, "The confused deputy problem".
    """
    policy = assume_role(service, account_id)
    if source_arn is not None:
        policy["Statement"][0]["Condition"]["ArnLike"] = {"aws:SourceArn": source_arn}
    return policy


def bedrock(models: Sequence[str], region: str, account_id: Text) -> list[Statement]:
    """Calling exactly these models, in the form each kind of id needs.

    A foundation model is called in the Region. A geographic profile (``us.``, ``eu.``, ``jp.``, ...)
    needs itself and the model in every Region it may route to; which those are changes with the
    model, so the Region is ``*`` and the profile is a condition. A global profile needs itself, the
    model here, and the model under an ARN without a Region.

    Args:
        models: model ids and system-defined inference profile ids.
        region: the Region the API calls.
        account_id: the account the profiles are in.

    Source: Amazon Bedrock User Guide, "Prerequisites for inference profiles", "Geographic
    cross-Region inference", "Global cross-Region inference".
    """
    arn = "arn:aws:bedrock"
    plain: list[str] = []
    statements: list[Statement] = []
    for index, name in enumerate(dict.fromkeys(models)):
        match = _PROFILE.fullmatch(name)
        if match is None:
            plain.append(f"{arn}:{region}::foundation-model/{name}")
            continue
        model = match["model"]
        profile = join(f"{arn}:{region}:", account_id, f":inference-profile/{name}")
        through = {"bedrock:InferenceProfileArn": profile}
        statements.append(_allow(f"Profile{index}", INVOKE, profile))
        if match["scope"] == "global":
            statements += [
                _allow(
                    f"ProfileModel{index}",
                    INVOKE,
                    f"{arn}:{region}::foundation-model/{model}",
                    {"StringEquals": through},
                ),
                _allow(
                    f"ProfileModelGlobal{index}",
                    INVOKE,
                    f"{arn}:::foundation-model/{model}",
                    {"StringEquals": {"aws:RequestedRegion": "unspecified", **through}},
                ),
            ]
        else:
            statements.append(
                _allow(
                    f"ProfileModel{index}",
                    INVOKE,
                    f"{arn}:*::foundation-model/{model}",
                    {"StringEquals": through},
                )
            )
    if plain:
        statements.insert(0, _allow("Models", INVOKE, plain))
    return statements


def read_secrets(arns: Sequence[Text]) -> Statement:
    """Reading exactly these secrets."""
    return _allow("Secrets", ["secretsmanager:GetSecretValue"], list(arns))


def decrypt(key_arn: Text, region: str, services: Sequence[str]) -> Statement:
    """Decrypting with the stack's key, only through these services (``secretsmanager``, ``dynamodb``)."""
    via = [f"{service}.{region}.amazonaws.com" for service in services]
    return _allow("Decrypt", ["kms:Decrypt"], key_arn, {"StringEquals": {"kms:ViaService": via}})


def use_table(table_arn: Text) -> Statement:
    """Reading and writing items of exactly this table; no Scan, and nothing about the table itself."""
    return _allow("Table", TABLE_ACTIONS, table_arn)


def invoke_itself(alias_arn: Text) -> Statement:
    """Starting exactly this alias: how a run goes on after its request was answered."""
    return _allow("RunInBackground", ["lambda:InvokeFunction"], alias_arn)


def send_failures(queue_arn: Text) -> Statement:
    """Lambda puts background runs that failed into exactly this queue, with the function's role."""
    return _allow("Failures", ["sqs:SendMessage"], queue_arn)


def write_logs(group_arn: Text) -> Statement:
    """Writing to exactly this log group; its streams are named by the service, hence their ``*``."""
    return _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], join(group_arn, ":log-stream:*"))


def send_traces() -> Statement:
    """Sending traces. These actions have no resource to name (Service Authorization Reference, AWS X-Ray)."""
    return _allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")


def read_alarms(region: str, account_id: Text) -> Statement:
    """Reading the state of alarms: the API's alarm tool.

    The call lists, so it is authorised against all alarms of the Region; names are filtered by the
    caller (Service Authorization Reference, Amazon CloudWatch).
    """
    arn = join(f"arn:aws:cloudwatch:{region}:", account_id, ":alarm:*")
    return _allow("Alarms", ["cloudwatch:DescribeAlarms"], arn)


def _allow(sid: str, actions: Sequence[str], resource: Any, condition: Any = None) -> Statement:
    return allow(sid, actions, resource if isinstance(resource, list) else [resource], condition)
