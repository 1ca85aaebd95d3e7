"""What a backend would meet: secrets, models, and compute that is there already."""

from __future__ import annotations

from typing import Any

from ops.assess.collect.edge import together
from ops.assess.model import Request, Unread
from ops.assess.reader import Read, Reader


def collect(reader: Reader, request: Request) -> dict[str, Any]:
    """Everything at once; two listings for Bedrock, one per configured model."""
    reads = {
        "secrets": Read(
            service="secretsmanager",
            operation="ListSecrets",
            params={
                "Filters": [{"Key": "name", "Values": [f"{request.secret_prefix}/"]}],
                "IncludePlannedDeletion": True,
            },
            result="SecretList",
            pages=True,
        ),
        "inference_profiles": Read(
            service="bedrock",
            operation="ListInferenceProfiles",
            params={"maxResults": 1000},
            result="inferenceProfileSummaries",
            pages=True,
        ),
        "lambda_settings": Read(service="lambda", operation="GetAccountSettings"),
        "lambda_functions": Read(service="lambda", operation="ListFunctions", result="Functions", pages=True),
        "rest_apis": Read(
            service="apigateway", operation="GetRestApis", params={"limit": 500}, result="items", pages=True
        ),
        "http_apis": Read(service="apigatewayv2", operation="GetApis", result="Items", pages=True),
        "api_gateway_account": Read(service="apigateway", operation="GetAccount"),
        "clusters": Read(service="ecs", operation="ListClusters", result="clusterArns", pages=True),
        "load_balancers": Read(
            service="elbv2", operation="DescribeLoadBalancers", result="LoadBalancers", pages=True
        ),
        "instances": Read(
            service="ec2",
            operation="DescribeInstances",
            params={"Filters": [{"Name": "instance-state-name", "Values": ["running"]}]},
            result="Reservations",
            pages=True,
        ),
    }
    reads.update({f"model_access/{model}": _availability(model) for model in request.models})
    answers = reader.ask_all(reads)
    facts = {name: value for name, value in answers.items() if "/" not in name}
    facts["model_access"] = together(
        {name.split("/", 1)[1]: value for name, value in answers.items() if name.startswith("model_access/")}
    )
    if not isinstance(facts["instances"], Unread):
        facts["instances"] = [
            i for reservation in facts["instances"] for i in reservation.get("Instances", [])
        ]
    return facts


def base_model(model: str) -> str:
    """The foundation model behind an inference profile's id: ``us.``, ``eu.``, ``global.`` … taken off.

    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
    """
    head, _, rest = model.partition(".")
    return rest if head in GEOGRAPHIES and "." in rest else model


GEOGRAPHIES = ("us", "eu", "apac", "global", "us-gov", "jp", "au", "ca")


def _availability(model: str) -> Read:
    return Read(
        service="bedrock",
        operation="GetFoundationModelAvailability",
        params={"modelId": base_model(model)},
        absent=("ResourceNotFoundException", "ValidationException"),
    )
