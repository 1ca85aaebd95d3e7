"""What answers requests: functions, tasks, instances, and the network around them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ops.cost.model import Charge, World, nested, priced
from ops.plan import PlannedResource


@priced("Lambda", "aws:lambda/function:Function")
def function(resource: PlannedResource, world: World) -> Iterator[Charge]:
    if not _answers_requests(resource, world):
        yield Charge(price="lambda_request", quantity=30, note="run on a schedule")
        return
    arm = "arm64" in (resource.inputs.get("architectures") or ())
    memory_gb = float(resource.inputs.get("memorySize", 128)) / 1024
    yield Charge(price="lambda_request", quantity=world.requests)
    yield Charge(
        price="lambda_gb_second_arm" if arm else "lambda_gb_second_x86",
        quantity=world.busy_seconds * memory_gb,
        note=f"{world.usage.seconds:.2f} s on average at {memory_gb:g} GB",
    )


def _answers_requests(resource: PlannedResource, world: World) -> bool:
    """The function whose alias or URL an API integration calls; others run on a schedule or an event."""
    callers = [
        *world.all("aws:apigateway/integration:Integration"),
        *world.all("aws:lambda/functionUrl:FunctionUrl"),
    ]
    aliases = {alias.urn for alias in world.all("aws:lambda/alias:Alias") if resource.urn in alias.depends_on}
    return any((aliases | {resource.urn}) & caller.depends_on for caller in callers)


@priced("API Gateway", "aws:apigateway/restApi:RestApi")
def rest_api(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="rest_api_request", quantity=world.requests)


@priced("X-Ray", "aws:apigateway/stage:Stage")
def stage(resource: PlannedResource, world: World) -> Iterator[Charge]:
    if resource.inputs.get("xrayTracingEnabled"):
        yield Charge(
            price="xray_trace", quantity=traces(world), note="first of each second and 5 % of the rest"
        )


def traces(world: World) -> float:
    """Traces that X-Ray's default rule records: the first request of each second and 5 % of the rest.

    With requests at random times a second is empty with probability e^-rate
    (https://docs.aws.amazon.com/xray/latest/devguide/xray-console-sampling.html).
    """
    seconds = world.usage.hours * 3600
    rate = world.requests / seconds
    first = 1 - math.exp(-rate)
    return seconds * (first + 0.05 * (rate - first))


@priced("Fargate", "aws:ecs/service:Service")
def service(resource: PlannedResource, world: World) -> Iterator[Charge]:
    task = next(
        (t for t in world.all("aws:ecs/taskDefinition:TaskDefinition") if t.urn in resource.depends_on), None
    )
    cpu = float(task.inputs.get("cpu", 256)) / 1024 if task else 0.25
    memory = float(task.inputs.get("memory", 512)) / 1024 if task else 0.5
    architecture = nested(task.inputs, "runtimePlatform", "cpuArchitecture") if task else "ARM64"
    suffix = "arm" if architecture == "ARM64" else "x86"
    tasks, spot = _tasks(resource, world)
    hours = tasks * world.usage.hours
    # Spot is charged as a share of the on-demand price; the charge is expressed in on-demand hours.
    factor = (1 - spot) + spot * world_spot_share()
    note = f"{tasks:g} tasks of {cpu:g} vCPU, {memory:g} GB" + (f", {spot:.0%} Spot" if spot else "")
    yield Charge(price=f"fargate_vcpu_hour_{suffix}", quantity=hours * cpu * factor, note=note)
    yield Charge(price=f"fargate_gb_hour_{suffix}", quantity=hours * memory * factor, note=note)
    extra = float(nested(task.inputs, "ephemeralStorage", "sizeInGib") or 20) - 20 if task else 0.0
    if extra > 0:
        yield Charge(price="fargate_storage_gb_hour", quantity=hours * extra)
    if nested(resource.inputs, "networkConfiguration", "assignPublicIp"):
        yield Charge(price="public_ipv4_hour", quantity=hours, note=f"{tasks:g} addresses")


def _tasks(resource: PlannedResource, world: World) -> tuple[float, float]:
    """(tasks on average, share of them on Spot)."""
    targets = [
        t
        for t in world.all("aws:appautoscaling/target:Target")
        if resource.urn in t.depends_on or str(resource.inputs.get("name")) in str(t.inputs.get("resourceId"))
    ]
    least = (
        float(targets[0].inputs.get("minCapacity", 1))
        if targets
        else float(resource.inputs.get("desiredCount", 1))
    )
    most = float(targets[0].inputs.get("maxCapacity", least)) if targets else least
    a_second = world.requests / (world.usage.hours * 3600)
    # The average load decides the average number of tasks; peaks are short.
    needed = math.ceil(a_second * world.usage.peak_factor / world.usage.requests_per_task_second)
    strategies = resource.inputs.get("capacityProviderStrategies") or ()
    weights = {s.get("capacityProvider"): float(s.get("weight", 0)) for s in strategies}
    base = sum(float(s.get("base", 0)) for s in strategies if s.get("capacityProvider") == "FARGATE")
    tasks = min(max(least, needed), max(most, least))
    total = sum(weights.values())
    share = weights.get("FARGATE_SPOT", 0.0) / total if total else 0.0
    return tasks, share * max(tasks - base, 0) / tasks if tasks else 0.0


def world_spot_share() -> float:
    """Spot price as a share of on-demand."""
    from ops.cost.prices import load_prices

    return load_prices()["fargate_spot_share"].usd


@priced("CloudWatch", "aws:ecs/cluster:Cluster")
def cluster(resource: PlannedResource, world: World) -> Iterator[Charge]:
    for entry in resource.inputs.get("settings") or ():
        if entry.get("name") != "containerInsights":
            continue
        services = world.all("aws:ecs/service:Service")
        tasks = sum(_tasks(s, world)[0] for s in services)
        if entry.get("value") == "enabled":
            yield Charge(
                price="custom_metric_month",
                quantity=world.usage.insights_metrics_service,
                note="Container Insights",
            )
        elif entry.get("value") == "enhanced":
            metrics = world.usage.insights_metrics_service + tasks * world.usage.insights_metrics_task
            yield Charge(price="insights_metric_month", quantity=metrics, note="Container Insights, enhanced")


@priced("Load balancing", "aws:lb/loadBalancer:LoadBalancer")
def load_balancer(resource: PlannedResource, world: World) -> Iterator[Charge]:
    usage = world.usage
    seconds = usage.hours * 3600
    # An LCU is the largest of four; CloudFront keeps connections open, so new ones are the smallest.
    rate = world.requests / seconds
    gb_hour = world.requests * (usage.request_kb + usage.response_kb) / world.gb / usage.hours
    active = world.busy_seconds / seconds
    lcu = max(rate * 0.1 / 25, active / 3000, gb_hour, max(rate - 10, 0) / 1000)
    yield Charge(price="load_balancer_hour", quantity=usage.hours)
    yield Charge(price="load_balancer_lcu_hour", quantity=lcu * usage.hours, note=f"{lcu:.3f} LCU on average")


@priced("EC2", "aws:ec2/instance:Instance")
def instance(resource: PlannedResource, world: World) -> Iterator[Charge]:
    type_ = str(resource.inputs.get("instanceType", ""))
    yield Charge(price=f"instance:{type_}", quantity=world.usage.hours)
    root = float(nested(resource.inputs, "rootBlockDevice", "volumeSize") or 8)
    yield Charge(price="gp3_gb_month", quantity=root, note=f"{root:g} GB root volume")
    for device in resource.inputs.get("ebsBlockDevices") or ():
        yield Charge(price="gp3_gb_month", quantity=float(device.get("volumeSize", 8)))
    addresses = [e for e in world.all("aws:ec2/eip:Eip") if _attached_to(e, resource, world)]
    if resource.inputs.get("associatePublicIpAddress") and not addresses:
        yield Charge(price="public_ipv4_hour", quantity=world.usage.hours)
    if is_nat(resource, world):
        yield Charge(
            price="internet_out_gb",
            quantity=egress_gb(world),
            note="to Bedrock and others, as internet traffic",
        )
    else:
        yield Charge(price="custom_metric_month", quantity=world.usage.agent_metrics, note="CloudWatch agent")


def is_nat(resource: PlannedResource, world: World) -> bool:
    """Whether an instance forwards the traffic of others: it, or its interface, checks no destination."""
    interfaces = world.all("aws:ec2/networkInterface:NetworkInterface")
    own = [i for i in interfaces if i.urn in resource.depends_on]
    return any(r.inputs.get("sourceDestCheck") is False for r in (resource, *own))


def _attached_to(address: PlannedResource, resource: PlannedResource, world: World) -> bool:
    associations = world.all("aws:ec2/eipAssociation:EipAssociation")
    joined = any(address.urn in a.depends_on and resource.urn in a.depends_on for a in associations)
    return joined or resource.urn in address.depends_on


@priced("EC2", "aws:ec2/eip:Eip")
def elastic_ip(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="public_ipv4_hour", quantity=world.usage.hours)


@priced("EC2", "aws:ebs/volume:Volume")
def volume(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="gp3_gb_month", quantity=float(resource.inputs.get("size", 0)))


@priced("VPC", "aws:ec2/natGateway:NatGateway")
def nat_gateway(resource: PlannedResource, world: World) -> Iterator[Charge]:
    gateways = len(world.all("aws:ec2/natGateway:NatGateway"))
    yield Charge(price="nat_gateway_hour", quantity=world.usage.hours)
    yield Charge(price="nat_gateway_gb", quantity=egress_gb(world) / gateways)


def egress_gb(world: World) -> float:
    """What leaves the VPC past the gateway endpoints: model calls and logs."""
    usage = world.usage
    return (world.model_calls * usage.model_kb + world.requests * usage.app_log_kb) / world.gb


@priced("VPC", "aws:ec2/vpcEndpoint:VpcEndpoint")
def vpc_endpoint(resource: PlannedResource, world: World) -> Iterator[Charge]:
    if resource.inputs.get("vpcEndpointType", "Gateway") != "Interface":
        return  # gateway endpoints cost nothing
    zones = max(len(resource.inputs.get("subnetIds") or ()), 1)
    interfaces = [
        e
        for e in world.all("aws:ec2/vpcEndpoint:VpcEndpoint")
        if e.inputs.get("vpcEndpointType") == "Interface"
    ]
    yield Charge(price="interface_endpoint_hour", quantity=zones * world.usage.hours, note=f"{zones} zones")
    yield Charge(price="interface_endpoint_gb", quantity=egress_gb(world) / len(interfaces))


@priced("ECR", "aws:ecr/repository:Repository")
def repository(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="ecr_gb_month", quantity=0.5, note="a few images")
