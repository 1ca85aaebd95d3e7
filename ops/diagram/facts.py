"""What the picture shows, taken from the plan: cards with real values, no drawing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.plan import Plan, PlannedResource

CACHE_POLICIES = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": "cached",
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "never cached",
}
"""AWS's managed cache policies:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html"""


@dataclass(frozen=True)
class Card:
    """A box of the picture.

    Attributes:
        kind: decides its colour: ``edge``, ``guard``, ``store``, ``compute``, ``model``, ``watch``,
            ``people``.
        title: what it is.
        lines: what is to be known of it, short.
    """

    kind: str
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A behavior of the distribution and what answers it.

    Attributes:
        behavior: its card.
        frame: title of the frame round the origin's cards; "": none.
        origin: cards from the edge inwards.
        is_api: whether services hang on it.
    """

    behavior: Card
    frame: str
    origin: tuple[Card, ...]
    is_api: bool


@dataclass(frozen=True)
class Picture:
    """Everything to draw."""

    title: str
    viewers: Card
    names: Card
    edge_title: str
    edge_line: str
    firewall: Card | None
    rows: tuple[Row, ...]
    services: tuple[Card, ...]
    watching: tuple[Card, ...]


def picture(plan: Plan) -> Picture:
    """Reads a plan.

    Raises:
        ValueError: there is no distribution in it, and so nothing to draw.
    """
    distributions = plan.all("aws:cloudfront/distribution:Distribution")
    if not distributions:
        raise ValueError("the plan has no CloudFront distribution")
    distribution = distributions[0]
    inputs = distribution.inputs
    certificate = inputs.get("viewerCertificate") or {}
    floor = certificate.get("minimumProtocolVersion")
    return Picture(
        title=f"{_setting(plan, 'project') or 'orchestrator'} · stack {plan.stack} · {plan.region}",
        viewers=Card("people", "Viewers", ("browsers: pages and chat", "programs: API with X-API-Key")),
        names=_names(plan, inputs),
        edge_title="CloudFront distribution",
        edge_line=" · ".join(
            part
            for part in (
                {"http2and3": "HTTP/2 + HTTP/3", "http3": "HTTP/3", "http2": "HTTP/2"}.get(
                    str(inputs.get("httpVersion")), "HTTP/1.1"
                ),
                "IPv6" if inputs.get("isIpv6Enabled") else "",
                f"≥ {floor}" if floor and inputs.get("aliases") else "",
            )
            if part
        ),
        firewall=_firewall(plan),
        rows=tuple(_rows(plan, inputs)),
        services=tuple(_services(plan)),
        watching=tuple(_watching(plan)),
    )


def _setting(plan: Plan, key: str) -> str:
    return str(plan.config.get(f"orchestrator:{key}", plan.config.get(key, "")))


def count(number: int, word: str) -> str:
    """``1 alarm``, ``31 alarms``."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _names(plan: Plan, distribution: Mapping[str, Any]) -> Card:
    aliases = [str(a) for a in distribution.get("aliases") or ()]
    if not aliases:
        return Card("edge", "Name", ("CloudFront's own host name",))
    types = sorted(
        {str(r.inputs.get("type")) for r in plan.all("aws:route53/record:Record") if r.inputs.get("aliases")}
    )
    lines = [*aliases]
    if types:
        lines.append(f"Route 53: {', '.join(types)}")
    else:
        lines.append("records kept elsewhere")
    if plan.all("aws:acm/certificate:Certificate"):
        lines.append("ACM certificate by DNS")
    return Card("edge", "Names", tuple(lines))


def _firewall(plan: Plan) -> Card | None:
    for acl in plan.all("aws:wafv2/webAcl:WebAcl"):
        lines = []
        groups = 0
        for rule in acl.inputs.get("rules") or ():
            statement = rule.get("statement") or {}
            rate = statement.get("rateBasedStatement")
            if rate:
                minutes = int(rate.get("evaluationWindowSec", 300)) // 60
                lines.append(f"{int(rate['limit']):,} requests / {minutes} min / address")
            groups += 1 if statement.get("managedRuleGroupStatement") else 0
        if groups:
            lines.append(f"{count(groups, 'managed group')}, prompts let through on /api/*")
        return Card("guard", "AWS WAF", tuple(lines))
    return None


def _rows(plan: Plan, distribution: Mapping[str, Any]) -> Iterator[Row]:
    origins = {str(o.get("originId")): o for o in distribution.get("origins") or ()}
    functions = {
        str(f.outputs.get("arn")): str(f.inputs.get("comment") or f.name)
        for f in plan.all("aws:cloudfront/function:Function")
    }
    ordered = [(str(b.get("pathPattern")), b) for b in distribution.get("orderedCacheBehaviors") or ()]
    for pattern, behavior in [*ordered, ("/*", distribution.get("defaultCacheBehavior") or {})]:
        lines = [
            CACHE_POLICIES.get(str(behavior.get("cachePolicyId")), "cached by a policy of its own")
            + (" · all methods" if "POST" in (behavior.get("allowedMethods") or ()) else " · GET, HEAD")
        ]
        for association in behavior.get("functionAssociations") or ():
            lines.append(f"ƒ {functions.get(str(association.get('functionArn')), 'edge function')}")
        origin = origins.get(str(behavior.get("targetOriginId")), {})
        frame, cards = _origin(plan, origin)
        is_api = not str(origin.get("originAccessControlId", ""))
        yield Row(Card("edge", pattern, tuple(lines)), frame, tuple(cards), is_api)


def _origin(plan: Plan, origin: Mapping[str, Any]) -> tuple[str, list[Card]]:
    domain = str(origin.get("domainName", ""))
    if origin.get("originAccessControlId"):
        store = plan.all("aws:cloudfront/keyValueStore:KeyValueStore")
        lines = ["private, read through origin access control"]
        if store:
            lines.append("releases, switched by one pointer")
        if plan.all("aws:s3/bucketVersioning:BucketVersioning"):
            lines.append("versioned, TLS only")
        return "", [Card("store", "S3 bucket", tuple(lines))]
    if origin.get("vpcOriginConfig"):
        return _private(plan)
    if "execute-api" in domain:
        return "", list(_serverless(plan, origin))
    return "", [Card("compute", "Origin", (domain,))]


def _serverless(plan: Plan, origin: Mapping[str, Any]) -> Iterator[Card]:
    headers = [str(h.get("name")) for h in origin.get("customHeaders") or ()]
    streams = any(
        i.inputs.get("responseTransferMode") == "STREAM"
        for i in plan.all("aws:apigateway/integration:Integration")
    )
    lines = ["Regional" + (", streams answers" if streams else "")]
    if headers:
        lines.append(f"known by secret {headers[0]}")
    yield Card("compute", "API Gateway REST API", tuple(lines))
    for function in plan.all("aws:lambda/function:Function"):
        if not function.name.startswith("api"):
            continue
        architecture = ", ".join(function.inputs.get("architectures") or ())
        memory = int(function.inputs.get("memorySize", 128))
        reserved = int(function.inputs.get("reservedConcurrentExecutions", -1))
        lines = [
            f"{function.inputs.get('runtime')} · {architecture} · {memory:,} MB",
            f"up to {int(function.inputs.get('timeout', 3)):,} s an answer"
            + (f", {reserved} at once" if reserved > 0 else ""),
        ]
        yield Card("compute", "Lambda", tuple(lines))


def _private(plan: Plan) -> tuple[str, list[Card]]:
    vpcs = plan.all("aws:ec2/vpc:Vpc")
    block = str(vpcs[0].inputs.get("cidrBlock", "")) if vpcs else ""
    addresses = any(
        (service.inputs.get("networkConfiguration") or {}).get("assignPublicIp")
        for service in plan.all("aws:ecs/service:Service")
    )
    frame = (f"VPC {block}" if block else "existing VPC") + ("" if addresses else " · private subnets")
    cards = []
    for balancer in plan.all("aws:lb/loadBalancer:LoadBalancer"):
        scheme = "internal" if balancer.inputs.get("internal") else "internet-facing"
        protocols = sorted({str(r.inputs.get("protocol")) for r in plan.all("aws:lb/listener:Listener")})
        cards.append(Card("edge", "Load balancer", (f"{scheme} · {', '.join(protocols)} · VPC origin",)))
    for service in plan.all("aws:ecs/service:Service"):
        cards.append(_service(plan, service))
    for instance in plan.all("aws:ec2/instance:Instance"):
        if not _is_nat(plan, instance):
            cards.append(
                Card(
                    "compute",
                    f"EC2 {instance.inputs.get('instanceType')}",
                    ("VPC origin · no SSH, no public address", "IMDSv2 · encrypted volume"),
                )
            )
    cards.append(Card("edge", "Way out", (_egress(plan),)))
    return frame, cards


def _service(plan: Plan, service: PlannedResource) -> Card:
    tasks = plan.all("aws:ecs/taskDefinition:TaskDefinition")
    size = ""
    if tasks:
        cpu, memory = int(tasks[0].inputs.get("cpu", 256)), int(tasks[0].inputs.get("memory", 512))
        platform = tasks[0].inputs.get("runtimePlatform") or {}
        size = (
            f"{cpu / 1024:g} vCPU · {memory:,} MB · {str(platform.get('cpuArchitecture', 'X86_64')).lower()}"
        )
    targets = plan.all("aws:appautoscaling/target:Target")
    if targets:
        number = f"{targets[0].inputs.get('minCapacity')}–{targets[0].inputs.get('maxCapacity')} tasks"
    else:
        number = count(int(service.inputs.get("desiredCount", 1)), "task")
    return Card("compute", f"Fargate, {number}", tuple(filter(None, (size, "rolls back by itself"))))


def _egress(plan: Plan) -> str:
    gateways = len(plan.all("aws:ec2/natGateway:NatGateway"))
    if gateways:
        return count(gateways, "NAT gateway")
    if any(_is_nat(plan, instance) for instance in plan.all("aws:ec2/instance:Instance")):
        return "one NAT instance"
    interfaces = [
        e
        for e in plan.all("aws:ec2/vpcEndpoint:VpcEndpoint")
        if e.inputs.get("vpcEndpointType") == "Interface"
    ]
    for service in plan.all("aws:ecs/service:Service"):
        if (service.inputs.get("networkConfiguration") or {}).get("assignPublicIp"):
            return "addresses of the tasks, nothing inbound"
    return count(len(interfaces), "interface endpoint") if interfaces else "of the existing VPC"


def _is_nat(plan: Plan, instance: PlannedResource) -> bool:
    """Whether an instance forwards the traffic of others: it, or its interface, checks no destination."""
    interfaces = plan.all("aws:ec2/networkInterface:NetworkInterface")
    own = [i for i in interfaces if i.urn in instance.depends_on]
    return any(r.inputs.get("sourceDestCheck") is False for r in (instance, *own))


def _services(plan: Plan) -> Iterator[Card]:
    raw = _setting(plan, "bedrockModels")
    models = json.loads(raw) if raw.startswith("[") else []
    if models and _setting(plan, "apiBackend") != "none":
        yield Card("model", "Amazon Bedrock", tuple(short_model(m) for m in models[:3]))
    for table in plan.all("aws:dynamodb/table:Table"):
        recovery = (table.inputs.get("pointInTimeRecovery") or {}).get("enabled")
        lines = ["sessions, runs, limits", "on demand" + (" · point-in-time recovery" if recovery else "")]
        yield Card("store", "DynamoDB", tuple(lines))
    secrets = plan.all("aws:secretsmanager/secret:Secret")
    if secrets:
        own = plan.all("aws:kms/key:Key")
        names = sorted(str(s.inputs.get("name") or s.name) for s in secrets)
        yield Card(
            "guard", "Secrets Manager", (*names[:2], "under a key of its own" if own else "under AWS's key")
        )


def short_model(model: str) -> str:
    """``global.anthropic.claude-haiku-4-5-20251001-v1:0`` to ``claude-haiku-4-5 (global)``."""
    profile, _, rest = model.partition(".")
    scopes = {"global", "us", "eu", "apac", "jp", "au"}
    name = rest if profile in scopes else model
    name = name.split(".", 1)[-1].split(":")[0]
    parts = [p for p in name.split("-") if not (p.isdigit() and len(p) == 8) and p != "v1"]
    return "-".join(parts) + (f" ({profile})" if profile in scopes else "")


def _watching(plan: Plan) -> Iterator[Card]:
    alarms = len(plan.all("aws:cloudwatch/metricAlarm:MetricAlarm"))
    composites = len(plan.all("aws:cloudwatch/compositeAlarm:CompositeAlarm"))
    if alarms:
        subscribed = plan.all("aws:sns/topicSubscription:TopicSubscription")
        to = "SNS topic → e-mail" if subscribed else "SNS topic"
        yield Card("watch", count(alarms, "alarm"), (f"{composites} composite: the service is down", to))
    groups = plan.all("aws:cloudwatch/logGroup:LogGroup")
    if groups:
        days = sorted({int(g.inputs.get("retentionInDays") or 0) for g in groups})
        kept = f"{days[0]}–{days[-1]}" if len(days) > 1 else str(days[0])
        traced = any(s.inputs.get("xrayTracingEnabled") for s in plan.all("aws:apigateway/stage:Stage"))
        lines = [f"kept {kept} days"] + (["X-Ray traces"] if traced else [])
        yield Card("watch", count(len(groups), "log group"), tuple(lines))
    if plan.all("aws:cloudwatch/dashboard:Dashboard"):
        checks = len(plan.all("aws:route53/healthCheck:HealthCheck"))
        lines = ("metrics, alarms, logs", f"{count(checks, 'health check')} from outside" if checks else "")
        yield Card("watch", "Dashboard", tuple(filter(None, lines)))
    budgets = plan.all("aws:budgets/budget:Budget")
    if budgets:
        amount = float(str(budgets[0].inputs.get("limitAmount", 0)))
        lines = ["forecast and actual"]
        if plan.all("aws:costexplorer/anomalyMonitor:AnomalyMonitor"):
            lines.append("anomaly monitor")
        yield Card("watch", f"Budget ${amount:,.0f} / month", tuple(lines))
