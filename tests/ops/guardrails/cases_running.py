"""Firing and silent plans of the policies in alarms, compute and inventory."""

from __future__ import annotations

import json
from typing import Any

from ops.plan import UNKNOWN
from tests.ops.guardrails.plans import ACCOUNT, FUNCTION, GROUP, PROTECT, TASK, container, plan, res

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
SERVICE = "aws:ecs/service:Service"
INSTANCE = "aws:ec2/instance:Instance"


def dashboard(**properties: Any):
    body = json.dumps({"widgets": [{"type": "metric", "properties": {"title": "t", **properties}}]})
    return res(DASHBOARD, dashboardBody=body)


def composite(rule: str):
    return res(COMPOSITE, "down", alarmName="down", alarmRule=rule, alarmActions=["arn:topic"])


QUIET = res(ALARM, "errors", alarmName="errors")
SECRET = res(
    "aws:secretsmanager/secretVersion:SecretVersion",
    "v",
    secretString="a-long-value",
    _secret=["secretString"],
)

CASES = {
    "alarm-acts": (
        [
            plan(QUIET),
            plan(res(ALARM, alarmActions=["arn:topic"], actionsEnabled=False)),
            plan(QUIET, composite('ALARM("another")')),
        ],
        [
            plan(res(ALARM, alarmActions=["arn:topic"])),
            plan(QUIET, composite('ALARM("errors") OR ALARM(other)')),
            plan(QUIET, res(SERVICE, alarms={"alarmNames": ["errors"], "enable": True})),
        ],
    ),
    "alarm-target-exists": (
        [
            plan(
                res(ALARM, namespace="AWS/Lambda", dimensions={"FunctionName": "apj"}),
                res(FUNCTION, name="api"),
            ),
            plan(
                res(
                    ALARM,
                    metricQueries=[
                        {"metric": {"namespace": "AWS/Lambda", "dimensions": {"FunctionName": "apj"}}}
                    ],
                )
            ),
            plan(
                res(ALARM, namespace="AWS/Lambda", dimensions={"Resource": "api:life"}),
                res(FUNCTION, name="api"),
                res("aws:lambda/alias:Alias", name="live"),
            ),
        ],
        [
            plan(
                res(ALARM, namespace="AWS/Lambda", dimensions={"FunctionName": "api"}),
                res(FUNCTION, name="api"),
            ),
            plan(
                res(ALARM, namespace="AWS/Lambda", dimensions={"Resource": "api:live"}),
                res(FUNCTION, name="api"),
                res("aws:lambda/alias:Alias", name="live"),
            ),
            plan(res(ALARM, namespace="AWS/CloudFront", dimensions={"Region": "Global"})),
            plan(
                res(ALARM, namespace="AWS/Bedrock", dimensions={"ModelId": "m-1"}),
                config={"orchestrator:bedrockModels": '["m-1", "m-2"]'},
            ),
        ],
    ),
    "composite-members-exist": (
        [plan(composite('ALARM("errors")')), plan(composite("TRUE"))],
        [plan(QUIET, composite('ALARM("errors") AND NOT ALARM("errors")')), plan(composite(UNKNOWN))],
    ),
    "dashboard-target-exists": (
        [
            plan(
                dashboard(metrics=[["AWS/Lambda", "Errors", "FunctionName", "apj"]]),
                res(FUNCTION, name="api"),
            ),
            plan(
                dashboard(
                    metrics=[
                        ["AWS/Lambda", "Errors", "FunctionName", "api"],
                        [".", ".", ".", "apj", {"stat": "Sum"}],
                    ]
                ),
                res(FUNCTION, name="api"),
            ),
            plan(dashboard(alarms=["arn:nothing"])),
            plan(dashboard(query="SOURCE 'nothing' | stats count()")),
            plan(res(DASHBOARD, dashboardBody=UNKNOWN)),
        ],
        [
            plan(
                dashboard(
                    metrics=[
                        ["AWS/Lambda", "Errors", "FunctionName", "api"],
                        [".", "Throttles", ".", "."],
                        [{"expression": "m1/m2"}],
                    ],
                    alarms=[f"arn:aws:x:us-east-1:{ACCOUNT}:errors"],
                    query="SOURCE 'logs-name' | stats count()",
                ),
                res(FUNCTION, name="api"),
                QUIET,
                GROUP,
            )
        ],
    ),
    "alarm-topic-heard": (
        [plan(res("aws:sns/topic:Topic"), config={"orchestrator:alarmEmail": "a@b.com"})],
        [
            plan(res("aws:sns/topic:Topic")),
            plan(
                res("aws:sns/topic:Topic", "t"),
                res("aws:sns/topicSubscription:TopicSubscription", topic=f"arn:aws:x:us-east-1:{ACCOUNT}:t"),
                config={"orchestrator:alarmEmail": "a@b.com"},
            ),
        ],
    ),
    "spend-is-watched": (
        [plan(), plan(res("aws:budgets/budget:Budget"))],
        [plan(res("aws:budgets/budget:Budget", notifications=[{"threshold": 80}]))],
    ),
    "instance-metadata-v2": (
        [
            plan(res(INSTANCE)),
            plan(res("aws:ec2/launchTemplate:LaunchTemplate", metadataOptions={"httpTokens": "o"})),
        ],
        [plan(res(INSTANCE, metadataOptions={"httpTokens": "required"}))],
    ),
    "instance-without-ssh": (
        [plan(res(INSTANCE, keyName="me")), plan(res("aws:ec2/keyPair:KeyPair"))],
        [plan(res(INSTANCE))],
    ),
    "function-runtime-supported": (
        [plan(res(FUNCTION, runtime="python3.8")), plan(res(FUNCTION))],
        [plan(res(FUNCTION, runtime="python3.13")), plan(res(FUNCTION, packageType="Image"))],
    ),
    "async-failure-is-kept": (
        [plan(res(FUNCTION))],
        [
            plan(res(FUNCTION, deadLetterConfig={"targetArn": "arn:queue"})),
            plan(
                res(FUNCTION, "f"),
                res(
                    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
                    functionName="f-name",
                    destinationConfig={"onFailure": {"destination": "arn:queue"}},
                ),
            ),
        ],
    ),
    "no-secret-in-environment": (
        [
            plan(res(FUNCTION, environment={"variables": {"API_KEY": "sk-live-1234"}})),
            plan(
                res(TASK, containerDefinitions=container(environment=[{"name": "DB_PASSWORD", "value": "x"}]))
            ),
            plan(res(INSTANCE, userData="x", _secret=["userData"])),
        ],
        [
            plan(
                res(
                    FUNCTION,
                    environment={
                        "variables": {
                            "API_KEY_SECRET_ARN": "arn:aws:secretsmanager:x",
                            "OUTPUT_TOKENS": "4096",
                            "TABLE_NAME": "t",
                        }
                    },
                )
            )
        ],
    ),
    "secrets-stay-secret": (
        [
            plan(
                SECRET,
                res(FUNCTION, description="is a-long-value"),
            )
        ],
        [
            plan(
                SECRET,
                res(
                    "x:y/z:Z",
                    origins=[{"customHeaders": [{"value": "a-long-value"}]}],
                    _secret=["origins[0].customHeaders"],
                ),
            )
        ],
    ),
    "container-hardened": (
        [
            plan(res(TASK, containerDefinitions=container(privileged=True))),
            plan(res(TASK, containerDefinitions=container(user="root"))),
            plan(res(TASK, containerDefinitions=container(readonlyRootFilesystem=False))),
        ],
        [plan(res(TASK, containerDefinitions=container()))],
    ),
    "task-isolated": (
        [plan(res(TASK, networkMode="host")), plan(res(SERVICE, platformVersion="1.3.0"))],
        [plan(res(TASK, networkMode="awsvpc"), res(SERVICE), res(SERVICE, "y", platformVersion="LATEST"))],
    ),
    "no-shell-into-production": (
        [plan(res(SERVICE, enableExecuteCommand=True), config=PROTECT)],
        [plan(res(SERVICE, enableExecuteCommand=True)), plan(res(SERVICE), config=PROTECT)],
    ),
    "deployment-rolls-back": (
        [
            plan(res(SERVICE)),
            plan(res(SERVICE, deploymentCircuitBreaker={"enable": True, "rollback": False})),
        ],
        [plan(res(SERVICE, deploymentCircuitBreaker={"enable": True, "rollback": True}))],
    ),
    "start-script-readable": (
        [plan(res(INSTANCE, userData="export K=AKIA" + "A" * 16))],
        [plan(res(INSTANCE, userData="#!/bin/sh\naws s3 cp s3://b/k ."))],
    ),
    "tagged": (
        [
            plan(res("aws:s3/bucket:Bucket")),
            plan(res("aws:s3/bucket:Bucket", tags={"Project": "orchestrator"})),
        ],
        [
            plan(res("aws:s3/bucket:Bucket", tags={"Stack": "dev"})),
            plan(res("aws:s3/bucketPolicy:BucketPolicy"), res("random:index/randomId:RandomId")),
        ],
    ),
}
