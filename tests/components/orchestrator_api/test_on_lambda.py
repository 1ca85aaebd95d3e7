"""The Lambda backend: who may invoke what, what it may do, how it streams, what it says by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api_handler import errors
from tests.components.harness import Deployment
from tests.components.orchestrator_api.make import (
    ACCOUNT,
    API_KEY_ARN,
    KEY_ARN,
    ORIGIN_VERIFY_ARN,
    ORIGIN_VERIFY_VALUE,
    run,
    run_anew,
)


@pytest.fixture(scope="module")
def dev() -> Deployment:
    return run()


@pytest.fixture(scope="module")
def prod() -> Deployment:
    return run(key=KEY_ARN, protect_data=True, log_retention_days=365, public_chat=True, max_concurrency=20,
               site_origins=["https://example.com"])  # fmt: skip


def function_policy(d: Deployment) -> dict[str, Any]:
    policies = d.all("aws:iam/rolePolicy:RolePolicy")
    assert [p.name for p in policies] == ["api-function-invoke-policy", "api-function-policy"]
    assert {p.inputs["role"] for p in policies} == {d.by_name("api-function-role").outputs["name"]}
    return {s["Sid"]: s for p in policies for s in json.loads(p.inputs["policy"])["Statement"]}


def test_the_function_is_made_when_its_role_may_do_its_work(dev: Deployment):
    function = dev.one("aws:lambda/function:Function")
    before, after = dev.by_name("api-function-policy"), dev.by_name("api-function-invoke-policy")
    assert before.urn in function.depends_on
    assert after.urn not in function.depends_on
    itself = {"Sid": "RunInBackground", "Effect": "Allow", "Action": ["lambda:InvokeFunction"]}
    alias = dev.one("aws:lambda/alias:Alias")
    assert json.loads(after.inputs["policy"])["Statement"] == [{**itself, "Resource": [alias.outputs["arn"]]}]
    assert "lambda:InvokeFunction" not in before.inputs["policy"]
    config = dev.one("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    assert before.urn in config.depends_on  # Lambda checks that the role may send to the queue


def test_the_streaming_route(dev: Deployment):
    api = dev.one("aws:apigateway/restApi:RestApi")
    alias = dev.one("aws:lambda/alias:Alias")
    integration = dev.one("aws:apigateway/integration:Integration").inputs
    assert integration["type"] == "AWS_PROXY"
    assert integration["responseTransferMode"] == "STREAM"
    assert integration["timeoutMilliseconds"] == 900_000
    assert integration["integrationHttpMethod"] == "POST"
    assert integration["uri"] == (
        "arn:aws:apigateway:us-east-1:lambda:path/2021-11-15/functions/"
        f"{alias.outputs['arn']}/response-streaming-invocations"
    )
    method = dev.one("aws:apigateway/method:Method").inputs
    assert (method["httpMethod"], method["authorization"], method["apiKeyRequired"]) == ("ANY", "NONE", False)
    assert [dev.by_name(f"api-rest-resource-{n}").inputs["pathPart"] for n in ("api", "proxy")] == [
        "api",
        "{proxy+}",
    ]
    assert api.inputs["endpointConfiguration"] == {"types": "REGIONAL"}
    assert api.inputs["securityPolicy"] == "SecurityPolicy_TLS13_1_2_2021_06"
    assert "minimumCompressionSize" not in api.inputs


def test_only_this_api_may_invoke_the_alias(dev: Deployment):
    api = dev.one("aws:apigateway/restApi:RestApi")
    function = dev.one("aws:lambda/function:Function")
    assert dev.one("aws:lambda/permission:Permission").inputs == {
        "action": "lambda:InvokeFunction",
        "function": function.outputs["name"],
        "qualifier": "live",
        "principal": "apigateway.amazonaws.com",
        "sourceArn": f"{api.outputs['executionArn']}/live/*/api/*",
    }
    dev.none("aws:lambda/functionUrl:FunctionUrl")


def test_what_the_function_may_do(dev: Deployment):
    policy = function_policy(dev)
    assert set(policy) == {
        "Profile0", "ProfileModel0", "ProfileModelGlobal0", "Secrets", "Table", "Alarms", "Traces", "Logs",
        "RunInBackground", "Failures",
    }  # fmt: skip
    assert policy["Secrets"]["Action"] == ["secretsmanager:GetSecretValue"]
    assert policy["Secrets"]["Resource"] == [API_KEY_ARN, ORIGIN_VERIFY_ARN]
    assert policy["Table"]["Resource"] == [dev.one("aws:dynamodb/table:Table").outputs["arn"]]
    assert policy["RunInBackground"]["Action"] == ["lambda:InvokeFunction"]
    assert policy["RunInBackground"]["Resource"] == [dev.one("aws:lambda/alias:Alias").outputs["arn"]]
    assert policy["Failures"]["Resource"] == [dev.one("aws:sqs/queue:Queue").outputs["arn"]]
    assert policy["Logs"]["Resource"] == [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/orchestrator/dev/api/function:log-stream:*"
    ]
    for statement in policy.values():
        assert not [a for a in statement["Action"] if "*" in a]
        assert statement["Sid"] == "Traces" or "*" not in statement["Resource"]
    trust = json.loads(dev.by_name("api-function-role").inputs["assumeRolePolicy"])
    assert trust["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]


def test_the_function(dev: Deployment):
    function = dev.one("aws:lambda/function:Function").inputs
    assert function["runtime"] == "python3.13"
    assert function["architectures"] == ["arm64"]
    assert function["handler"] == "api_handler.lambda_runtime.handler"
    assert function["publish"] is True
    assert (function["timeout"], function["memorySize"]) == (900, 1024)
    assert function["tracingConfig"] == {"mode": "Active"}
    assert function["loggingConfig"]["logGroup"] == "/orchestrator/dev/api/function"
    assert "reservedConcurrentExecutions" not in function
    assert function["environment"]["variables"] == {
        "API_KEY_SECRET_ARN": API_KEY_ARN,
        "ORIGIN_VERIFY_SECRET_ARN": ORIGIN_VERIFY_ARN,
        "TABLE_NAME": dev.one("aws:dynamodb/table:Table").outputs["name"],
        "BEDROCK_MODELS": '["global.anthropic.claude-haiku-5-5"]',
        "BACKEND": "lambda",
        "METRIC_NAMESPACE": "orchestrator/dev",
        "ALARM_PREFIX": "orchestrator-dev-",
        "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/bootstrap-wrapper",
        "WORKER_QUALIFIER": "live",
    }
    alias = dev.one("aws:lambda/alias:Alias").inputs
    assert alias["functionVersion"] == dev.one("aws:lambda/function:Function").outputs["version"]


def test_background_runs_are_tried_once_and_their_failures_kept(dev: Deployment):
    config = dev.one("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig").inputs
    queue = dev.one("aws:sqs/queue:Queue")
    assert config["maximumRetryAttempts"] == 0
    assert config["qualifier"] == "live"
    assert config["destinationConfig"] == {"onFailure": {"destination": queue.outputs["arn"]}}
    assert queue.inputs["sqsManagedSseEnabled"] is True
    assert queue.inputs["messageRetentionSeconds"] == 14 * 24 * 3600


def test_gateway_responses_have_the_contracts_shape_and_no_403(dev: Deployment):
    responses = {r.inputs["responseType"]: r.inputs for r in dev.all("aws:apigateway/response:Response")}
    forbidden_by_default = {
        "ACCESS_DENIED": "401",
        "EXPIRED_TOKEN": "401",
        "INVALID_API_KEY": "401",
        "INVALID_SIGNATURE": "401",
        "MISSING_AUTHENTICATION_TOKEN": "404",
        "WAF_FILTERED": "400",
    }
    assert {k: responses[k]["statusCode"] for k in forbidden_by_default} == forbidden_by_default
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(responses)
    assert "statusCode" not in responses["DEFAULT_4XX"]  # a status there would overwrite all of them
    for kind, response in responses.items():
        body = json.loads(response["responseTemplates"]["application/json"])
        assert set(body) == {"error"}, kind
        assert set(body["error"]) == {"code", "message", "details", "request_id"}
        assert body["error"]["details"] is None
        assert body["error"]["request_id"] == "$context.requestId"
        assert response.get("statusCode") != "403"
        header = "gatewayresponse.header.WWW-Authenticate"
        assert (header in response["responseParameters"]) == (response.get("statusCode") == "401")
    assert responses["THROTTLED"]["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'"


def test_what_api_gateway_renames_is_told(dev: Deployment):
    """A proxy integration renames the header of a 401 and has no mapping that could name it back."""
    assert dev.one("aws:apigateway/integration:Integration").inputs["type"] == "AWS_PROXY"
    dev.none("aws:apigateway/integrationResponse:IntegrationResponse")
    (header,) = errors.unauthorized("no key").headers
    page = (Path(__file__).parents[3] / "docs" / "backends.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| the header of a 401 |")]
    on_lambda, on_fargate = [cell.strip() for cell in row.split("|")[2:4]]
    assert on_lambda == f"`{header[0]}` arrives as `x-amzn-remapped-{header[0].lower()}`"
    assert on_fargate == f"`{header[0]}: {header[1]}`"


def test_stage_logs_and_throttles(dev: Deployment):
    stage = dev.one("aws:apigateway/stage:Stage")
    assert stage.inputs["xrayTracingEnabled"] is True
    line = stage.inputs["accessLogSettings"]["format"]
    assert json.loads(line)["requestId"] == "$context.requestId"
    assert [w for w in ("\n", "header", "querystring") if w in line] == []
    assert dev.one("aws:apigateway/methodSettings:MethodSettings").inputs["settings"] == {
        "metricsEnabled": True,
        "loggingLevel": "ERROR",
        "dataTraceEnabled": False,
        "throttlingRateLimit": 50.0,
        "throttlingBurstLimit": 100,
    }
    api_id = dev.one("aws:apigateway/restApi:RestApi").outputs["id"]
    execution = dev.by_name("api-rest-execution-logs")
    assert execution.inputs["name"] == f"API-Gateway-Execution-Logs_{api_id}/live"
    assert execution.urn in stage.depends_on  # else API Gateway makes it, without an end
    assert {g.inputs["retentionInDays"] for g in dev.all("aws:cloudwatch/logGroup:LogGroup")} == {30}
    assert len(dev.all("aws:cloudwatch/logGroup:LogGroup")) == 3


def test_the_first_request_finds_everything(dev: Deployment):
    stage = dev.one("aws:apigateway/stage:Stage")
    for name in (
        "api-rest-permission",
        "api-function-policy",
        "api-function-invoke-policy",
        "api-gateway-account",
    ):
        assert dev.by_name(name).urn in stage.depends_on, name
    deployment = dev.one("aws:apigateway/deployment:Deployment")
    frozen = [r.urn for r in dev.all("aws:apigateway/response:Response")]
    frozen += [dev.by_name(n).urn for n in ("api-rest-method", "api-rest-integration")]
    assert set(frozen) <= set(deployment.depends_on)


def test_a_change_of_what_a_deployment_copies_deploys_again(dev: Deployment, monkeypatch: pytest.MonkeyPatch):
    def triggers(d: Deployment) -> Any:
        return d.one("aws:apigateway/deployment:Deployment").inputs["triggers"]

    assert triggers(run_anew()) == triggers(dev)
    from components.orchestrator_api import rest_api

    monkeypatch.setattr(rest_api, "STREAM_TIMEOUT_MS", 600_000)
    assert triggers(run_anew())["definition"] != triggers(dev)["definition"]


def test_the_account_role_is_kept_for_ever_or_not_touched(dev: Deployment):
    for name in ("api-gateway-account", "api-gateway-role", "api-gateway-role-policy"):
        assert dev.by_name(name).retain_on_delete, name
    # API Gateway sends no aws:SourceAccount: with a condition on it the account setting is refused.
    assert json.loads(dev.by_name("api-gateway-role").inputs["assumeRolePolicy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "apigateway.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    existing = run(gateway_account_role="existing")
    existing.none("aws:apigateway/account:Account")
    assert [r.name for r in existing.all("aws:iam/role:Role")] == ["api-function-role"]


def test_the_origin_header_is_secret_and_nowhere_else(dev: Deployment):
    assert dev.value("header:X-Origin-Verify") == ORIGIN_VERIFY_VALUE
    assert dev.is_secret("header:X-Origin-Verify")
    assert ORIGIN_VERIFY_VALUE not in json.dumps([dict(r.inputs) for r in dev.resources], default=str)


def test_origin_and_telemetry(dev: Deployment):
    api = dev.result["api"]
    gateway = dev.one("aws:apigateway/restApi:RestApi").outputs
    assert dev.value("domain") == f"{gateway['id']}.execute-api.us-east-1.amazonaws.com"
    assert api.origin.origin_path == "/live"
    assert (api.origin.protocol, api.origin.vpc_origin_id) == ("https-only", None)
    telemetry = api.telemetry
    assert telemetry.kind == "lambda"
    assert telemetry.metric_namespace == "orchestrator/dev"
    assert telemetry.models == ("global.anthropic.claude-haiku-5-5",)
    assert (telemetry.function.alias_name, telemetry.function.reserved_concurrency) == ("live", 0)
    assert telemetry.rest_api.stage_name == "live"
    assert telemetry.service is telemetry.instance is telemetry.load_balancer is None
    assert len(telemetry.log_groups) == 3


def test_production(prod: Deployment):
    table = prod.one("aws:dynamodb/table:Table")
    assert (table.protect, table.retain_on_delete) == (True, True)
    assert table.inputs["deletionProtectionEnabled"] is True
    assert table.inputs["serverSideEncryption"] == {"enabled": True, "kmsKeyArn": KEY_ARN}
    groups = prod.all("aws:cloudwatch/logGroup:LogGroup")
    assert {(g.inputs["retentionInDays"], g.inputs["kmsKeyId"]) for g in groups} == {(365, KEY_ARN)}
    policy = function_policy(prod)
    assert policy["Decrypt"]["Resource"] == [KEY_ARN]
    assert prod.one("aws:lambda/function:Function").inputs["reservedConcurrentExecutions"] == 20
    chat = json.loads(
        prod.one("aws:lambda/function:Function").inputs["environment"]["variables"]["PUBLIC_CHAT"]
    )
    assert chat == {"ip_rpm": 6, "session_turns": 20, "daily_usd": 1.0, "origins": ["https://example.com"]}


def test_dev_protects_nothing_and_has_no_key(dev: Deployment):
    table = dev.one("aws:dynamodb/table:Table")
    assert (table.protect, table.retain_on_delete) == (False, False)
    assert "serverSideEncryption" not in table.inputs
    assert table.inputs["ttl"] == {"attributeName": "expires_at", "enabled": True}
    assert table.inputs["pointInTimeRecovery"] == {"enabled": True}
    assert (table.inputs["hashKey"], table.inputs["rangeKey"]) == ("pk", "sk")
    assert table.inputs["billingMode"] == "PAY_PER_REQUEST"
    assert "kmsKeyId" not in dev.by_name("api-function-logs").inputs
    assert "Decrypt" not in function_policy(dev)
