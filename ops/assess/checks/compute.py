"""Compute that is there already: limits that would bite, and what could be the API."""

from __future__ import annotations

from collections.abc import Iterator

from ops.assess.model import Found, Snapshot, check

MIN_CONCURRENCY = 100
"""AWS keeps 100 unreserved: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""

_API_WORDS = ("orchestrator", "agent", "chat", "api")


@check(
    "compute-concurrency",
    "medium",
    "The account runs few Lambda functions at once",
    why="New accounts begin with ten: the eleventh visitor at the same moment gets 429.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
    needs=("lambda_settings",),
)
def concurrency(s: Snapshot) -> Iterator[Found]:
    limit = s["lambda_settings"].get("AccountLimit", {}).get("ConcurrentExecutions", 0)
    if limit < MIN_CONCURRENCY:
        yield Found(
            resource=f"Lambda in {s.request.region}",
            evidence=f"ConcurrentExecutions {limit}",
            mend="Ask for 1000; it is free and takes hours to days. Leave apiMaxConcurrency at 0 until then.",
            command="aws service-quotas request-service-quota-increase --service-code lambda "
            f"--quota-code L-B99A9384 --desired-value 1000 --region {s.request.region}",
        )


@check(
    "compute-gateway-role",
    "info",
    "The account has a CloudWatch role for API Gateway",
    why="It exists once per account and Region; a second owner would change it for everybody.",
    source="https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html",
    needs=("api_gateway_account",),
)
def gateway_role(s: Snapshot) -> Iterator[Found]:
    role = s["api_gateway_account"].get("cloudwatchRoleArn")
    if role:
        yield Found(
            resource=role,
            evidence="cloudwatchRoleArn is set",
            mend="Keep it and tell the stack.",
            setting="orchestrator:apiGatewayAccountRole existing",
        )


@check(
    "compute-candidates",
    "info",
    "Something here may be an API already",
    why="Two APIs for one site are one too many: take it over, move its path, or end it.",
    source="https://docs.aws.amazon.com/wellarchitected/latest/cost-optimization-pillar/cost_decomissioning_resources_decommission.html",
    needs=("lambda_functions", "rest_apis", "http_apis", "clusters", "load_balancers", "instances"),
)
def candidates(s: Snapshot) -> Iterator[Found]:
    for kind, names in existing(s).items():
        fitting = [name for name in names if any(word in name.lower() for word in _API_WORDS)]
        if fitting:
            yield Found(
                resource=kind,
                evidence=", ".join(fitting[:8])
                + (f" and {len(fitting) - 8} more" if len(fitting) > 8 else ""),
                mend="Look at what they serve before the stack adds its own.",
            )


def existing(s: Snapshot) -> dict[str, list[str]]:
    """Names of what is there, by kind."""
    return {
        "Lambda functions": [one["FunctionName"] for one in s["lambda_functions"] or []],
        "REST APIs": [one.get("name", "") for one in s["rest_apis"] or []],
        "HTTP APIs": [one["Name"] for one in s["http_apis"] or []],
        "ECS clusters": [arn.rsplit("/", 1)[-1] for arn in s["clusters"] or []],
        "load balancers": [one["LoadBalancerName"] for one in s["load_balancers"] or []],
        "instances": [
            next((t["Value"] for t in one.get("Tags", []) if t["Key"] == "Name"), one["InstanceId"])
            for one in s["instances"] or []
        ],
    }


@check(
    "compute-imds",
    "medium",
    "An instance allows the old metadata service",
    why="With IMDSv1 one forged request through a web server gives away the role's keys.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
    needs=("instances",),
)
def imds(s: Snapshot) -> Iterator[Found]:
    for one in s["instances"] or []:
        options = one.get("MetadataOptions", {})
        if options.get("HttpEndpoint") != "disabled" and options.get("HttpTokens") != "required":
            yield Found(
                resource=one["InstanceId"],
                evidence=f"HttpTokens {options.get('HttpTokens', 'not set')}",
                mend="Require tokens.",
                command=f"aws ec2 modify-instance-metadata-options --instance-id {one['InstanceId']} "
                "--http-tokens required --http-endpoint enabled",
            )
