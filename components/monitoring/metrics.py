"""The metrics alarms and the dashboard may name, and how CloudWatch evaluates what is said of them.

A metric that does not exist is not an error in CloudWatch: the alarm stays quiet for ever. So every
metric used is made by ``metric()``, which knows the namespaces, names and dimension sets AWS publishes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

API_NAMESPACE = "<api>"
"""Stands in the catalogue for the namespace of the API's embedded metrics, which differs by stack."""

AGENT_NAMESPACE = "<agent>"
"""Stands for the namespace into which the CloudWatch agent of an instance reports."""

_CLOUDFRONT = (frozenset({"DistributionId", "Region"}),)
_REST_API = (frozenset({"ApiName", "Stage"}),)
_FUNCTION = (frozenset({"FunctionName"}),)
_QUEUE = (frozenset({"QueueName"}),)
_TABLE = (frozenset({"TableName"}),)
_BALANCER = (frozenset({"LoadBalancer"}), frozenset({"LoadBalancer", "TargetGroup"}))
_TARGETS = (frozenset({"LoadBalancer", "TargetGroup"}),)
_SERVICE = (frozenset({"ClusterName", "ServiceName"}),)
_INSTANCE = (frozenset({"InstanceId"}),)
_MODEL = (frozenset({"ModelId"}),)
_WEB_ACL = (frozenset({"Rule", "WebACL"}),)
_API_TOTAL = (frozenset(),)
_API_MODEL = (frozenset(), frozenset({"Model"}), frozenset({"Agent", "Model"}))

CATALOGUE: Mapping[str, Mapping[str, tuple[frozenset[str], ...]]] = {
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    # The default metrics only: OriginLatency and the rates by status code are "additional metrics", a
    # subscription of about 2.40 USD a month; the API's own latency and status counts stand in for them.
    "AWS/CloudFront": dict.fromkeys(
        ("Requests", "BytesDownloaded", "BytesUploaded", "4xxErrorRate", "5xxErrorRate", "TotalErrorRate"),
        _CLOUDFRONT,
    ),
    # https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
    # The dimension Region is "required for all protected resource types except for CloudFront distributions".
    "AWS/WAFV2": dict.fromkeys(("AllowedRequests", "BlockedRequests", "CountedRequests"), _WEB_ACL),
    # https://docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
    "AWS/CertificateManager": {"DaysToExpiry": (frozenset({"CertificateArn"}),)},
    # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-cloudwatch.html
    "AWS/Route53": dict.fromkeys(
        ("HealthCheckStatus", "HealthCheckPercentageHealthy"), (frozenset({"HealthCheckId"}),)
    ),
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    "AWS/ApiGateway": dict.fromkeys(
        ("Count", "4XXError", "5XXError", "Latency", "IntegrationLatency"), _REST_API
    ),
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": dict.fromkeys(
        (
            "Invocations",
            "Errors",
            "Throttles",
            "Duration",
            "ConcurrentExecutions",
            "AsyncEventsDropped",
            "DestinationDeliveryFailures",
        ),
        _FUNCTION,
    ),
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible": _QUEUE, "ApproximateAgeOfOldestMessage": _QUEUE},
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    "AWS/DynamoDB": dict.fromkeys(
        (
            "ReadThrottleEvents",
            "WriteThrottleEvents",
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
        ),
        _TABLE,
    ),
    # https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html
    "AWS/Bedrock": dict.fromkeys(
        (
            "Invocations",
            "InvocationLatency",
            "InvocationClientErrors",
            "InvocationServerErrors",
            "InvocationThrottles",
            "InputTokenCount",
            "OutputTokenCount",
        ),
        _MODEL,
    ),
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    "AWS/ApplicationELB": {
        "RequestCount": _BALANCER,
        "HTTPCode_ELB_5XX_Count": (frozenset({"LoadBalancer"}),),
        "HTTPCode_Target_5XX_Count": _BALANCER,
        "HTTPCode_Target_4XX_Count": _BALANCER,
        "TargetResponseTime": _BALANCER,
        "HealthyHostCount": _TARGETS,
        "UnHealthyHostCount": _TARGETS,
    },
    # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    "AWS/ECS": {"CPUUtilization": _SERVICE, "MemoryUtilization": _SERVICE},
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
    "AWS/EC2": {"StatusCheckFailed": _INSTANCE, "CPUUtilization": _INSTANCE},
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html
    # One series an instance: the agent aggregates over path, device and fstype (aggregation_dimensions).
    AGENT_NAMESPACE: {"disk_used_percent": _INSTANCE, "mem_used_percent": _INSTANCE},
    # What the API writes in embedded metric format (api_handler/log.py, api_handler/app.py): one record a
    # request without dimensions, one an agent's work with Agent and Model. 401, 404 and 429 have a counter
    # each, which is there only when it counts. A request for the health route is not counted.
    API_NAMESPACE: {
        **dict.fromkeys(("Requests", "Errors", "Latency", "InputTokens", "OutputTokens", "Usd"), _API_MODEL),
        **dict.fromkeys(("Unauthorized", "NotFound", "RateLimited"), _API_TOTAL),
    },
}

_STATISTICS = frozenset({"Sum", "Average", "Minimum", "Maximum", "SampleCount"})


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One CloudWatch metric and the statistic read from it.

    Attributes:
        namespace: ``AWS/Lambda``, or the API's own.
        name: metric name.
        stat: ``Sum``, ``Average``, ``Minimum``, ``Maximum``, ``SampleCount`` or a percentile ``p95``.
        dimensions: name to value; exactly a set CloudWatch publishes, or the metric is empty.
        family: key of ``CATALOGUE``; differs from ``namespace`` for the API's and the agent's metrics.
    """

    namespace: str
    name: str
    stat: str
    dimensions: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    family: str


def metric(
    family: str,
    name: str,
    stat: str,
    dimensions: Mapping[str, pulumi.Input[str]],
    *,
    namespace: str | None = None,
) -> Metric:
    """A metric out of the catalogue.

    Args:
        family: key of ``CATALOGUE``.
        name: metric name within it.
        stat: statistic or percentile.
        dimensions: every dimension of one set the metric is published under.
        namespace: where it is published when that is not ``family`` itself.

    Raises:
        ValueError: no such metric, statistic or set of dimensions; CloudWatch would show nothing.
    """
    known = CATALOGUE.get(family)
    if known is None:
        raise ValueError(f"no metric family {family!r}; known: {', '.join(sorted(CATALOGUE))}")
    if name not in known:
        raise ValueError(f"{family} has no metric {name!r}; known: {', '.join(sorted(known))}")
    if stat not in _STATISTICS and not (stat.startswith("p") and 0 < float(stat[1:] or 0) <= 100):
        raise ValueError(
            f"{family} {name}: statistic {stat!r}; allowed: {', '.join(sorted(_STATISTICS))}, pNN"
        )
    if frozenset(dimensions) not in known[name]:
        sets = " or ".join("{" + ", ".join(sorted(s)) + "}" for s in known[name])
        raise ValueError(
            f"{family} {name} is published by {sets}, not by {{{', '.join(sorted(dimensions))}}}"
        )
    if family in (API_NAMESPACE, AGENT_NAMESPACE) and not namespace:
        raise ValueError(f"{family} {name}: the namespace it is published in is needed")
    return Metric(
        namespace=namespace or family, name=name, stat=stat, dimensions=dict(dimensions), family=family
    )


def model_dimension(model: str) -> str:
    """The value of Bedrock's ``ModelId`` dimension for a configured model.

    Args:
        model: a model id, the id of an inference profile, or the ARN of either. CloudWatch names the
            last part of an ARN.
    """
    return model.rsplit("/", 1)[-1] if model.startswith("arn:") else model
