"""The Fargate backend: the task, its way to the artifact, deployments that take themselves back, scaling."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.orchestrator_api.task import DEFAULT_IMAGE, bootstrap
from tests.components.harness import Deployment
from tests.components.orchestrator_api import matrix
from tests.components.orchestrator_api.make import ACCOUNT, ORIGIN_VERIFY_VALUE, run


@pytest.fixture(scope="module")
def dev() -> Deployment:
    return run(backend="fargate", max_concurrency=7)


@pytest.fixture(scope="module")
def prod() -> Deployment:
    return run(backend="fargate", **matrix.PRODUCTION, **matrix.DOMAIN)


def container(d: Deployment) -> dict[str, Any]:
    (made,) = json.loads(d.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    return made


def test_the_task(dev: Deployment):
    task = dev.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert (task["cpu"], task["memory"]) == ("256", "512")
    assert task["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    assert (task["networkMode"], task["requiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert task["skipDestroy"] is True  # a rollback needs the revision before
    made = container(dev)
    assert made["image"] == DEFAULT_IMAGE
    assert made["readonlyRootFilesystem"] is True
    assert made["user"] == "65534:65534"
    assert made["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert [t["containerPath"] for t in made["linuxParameters"]["tmpfs"]] == ["/work", "/tmp"]
    assert made["entryPoint"] == ["python3", "-c", bootstrap()]
    assert made["command"] == ["--host", "0.0.0.0", "--port", "8080"]
    assert made["stopTimeout"] == 60
    assert "/api/v1/health" in made["healthCheck"]["command"][-1]
    assert made["logConfiguration"]["options"]["awslogs-group"] == "/orchestrator/dev/api/tasks"
    assert ORIGIN_VERIFY_VALUE not in json.dumps(made)


def test_the_environment_names_the_artifact_by_its_hash(dev: Deployment):
    environment = {v["name"]: v["value"] for v in container(dev)["environment"]}
    stored = dev.one("aws:s3/bucketObjectv2:BucketObjectv2")
    assert environment["ARTIFACT_SHA256"] == "ab" * 32
    assert environment["ARTIFACT_KEY"] == stored.inputs["key"] == f"api/{'ab' * 32}.zip"
    assert environment["ARTIFACT_BUCKET"] == dev.one("aws:s3/bucket:Bucket").outputs["bucket"]
    assert stored.retain_on_delete  # tasks of the version before may still start
    assert environment["BACKEND"] == "fargate"
    assert environment["TABLE_NAME"] == dev.one("aws:dynamodb/table:Table").outputs["name"]
    assert environment["MAX_CONCURRENCY"] == "7"
    assert stored.urn in dev.one("aws:ecs/service:Service").depends_on


def test_an_image_of_ones_own_needs_no_artifact():
    d = run(backend="fargate", image=matrix.IMAGE)
    made = container(d)
    assert made["image"] == matrix.IMAGE
    assert made["command"] == ["python", "-m", "api_handler", "--host", "0.0.0.0", "--port", "8080"]
    assert "entryPoint" not in made
    d.none("aws:s3/bucket:Bucket")
    d.none("aws:s3/bucketObjectv2:BucketObjectv2")
    policy = json.loads(d.by_name("api-task-execution-policy").inputs["policy"])["Statement"]
    pull = next(s for s in policy if s["Sid"] == "Pull")
    assert pull["Resource"] == [f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/api"]
    assert "ecr:GetAuthorizationToken" not in pull["Action"]
    (s3_statement,) = json.loads(d.by_name("api-endpoint-s3").inputs["policy"])["Statement"]
    assert s3_statement["Sid"] == "Amazon"


def test_two_roles_for_two_jobs(dev: Deployment):
    execution = json.loads(dev.by_name("api-task-execution-policy").inputs["policy"])["Statement"]
    assert [s["Sid"] for s in execution] == ["Logs"]
    assert execution[0]["Resource"] == [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/orchestrator/dev/api/tasks:log-stream:*"
    ]
    process = {s["Sid"]: s for s in json.loads(dev.by_name("api-task-policy").inputs["policy"])["Statement"]}
    assert set(process) == {
        "Profile0", "ProfileModel0", "ProfileModelGlobal0", "Secrets", "Table", "Alarms", "Artifact",
    }  # fmt: skip
    assert process["Artifact"]["Resource"] == [dev.one("aws:s3/bucket:Bucket").outputs["arn"] + "/api/*"]
    task = dev.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert task["taskRoleArn"] == dev.by_name("api-task-role").outputs["arn"]
    assert task["executionRoleArn"] == dev.by_name("api-task-execution-role").outputs["arn"]
    for name in ("api-task-role", "api-task-execution-role"):
        (trust,) = json.loads(dev.by_name(name).inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:*"},
        }


def test_a_deployment_takes_itself_back(dev: Deployment):
    service = dev.one("aws:ecs/service:Service")
    assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    alarms = {a.name: a for a in dev.all("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert set(alarms) == {"api-rollback-errors", "api-rollback-unhealthy"}
    assert service.inputs["alarms"] == {
        "alarmNames": ["orchestrator-dev-rollback-errors", "orchestrator-dev-rollback-unhealthy"],
        "enable": True,
        "rollback": True,
    }
    assert (
        service.inputs["deploymentMinimumHealthyPercent"],
        service.inputs["deploymentMaximumPercent"],
    ) == (100, 200)
    assert service.inputs["waitForSteadyState"] is True
    assert service.inputs["enableExecuteCommand"] is False
    assert service.inputs["availabilityZoneRebalancing"] == "ENABLED"


def test_autoscaling_owns_the_number_of_tasks(dev: Deployment):
    service = dev.one("aws:ecs/service:Service")
    assert "desiredCount" in service.ignore_changes
    target = dev.one("aws:appautoscaling/target:Target").inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (1, 4)
    cluster = dev.one("aws:ecs/cluster:Cluster").outputs["name"]
    assert target["resourceId"] == f"service/{cluster}/{service.outputs['name']}"
    policies = {
        p.name: p.inputs["targetTrackingScalingPolicyConfiguration"]
        for p in dev.all("aws:appautoscaling/policy:Policy")
    }
    assert policies["api-scaling-cpu"]["targetValue"] == 60
    label = policies["api-scaling-requests"]["predefinedMetricSpecification"]["resourceLabel"]
    balancer = dev.one("aws:lb/loadBalancer:LoadBalancer").outputs["arnSuffix"]
    assert label == f"{balancer}/{dev.one('aws:lb/targetGroup:TargetGroup').outputs['arnSuffix']}"
    dev.none("aws:appautoscaling/scheduledAction:ScheduledAction")


def test_spot_takes_a_share_above_the_floor():
    service = run(backend="fargate", spot_share=70, min_tasks=2).one("aws:ecs/service:Service").inputs
    assert service["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 30},
        {"capacityProvider": "FARGATE_SPOT", "weight": 70},
    ]
    # The strategy changes with both keys; the provider takes that only together with a new deployment.
    assert service["forceNewDeployment"] is True


@pytest.mark.parametrize(("share", "weights"), [(0, (100, 0)), (100, (0, 100))])
def test_all_or_none_above_the_floor_on_spot(share: int, weights: tuple[int, int]):
    """A weight of 0 takes a provider out beyond its base, and one of the two is never 0."""
    service = run(backend="fargate", spot_share=share, min_tasks=2).one("aws:ecs/service:Service").inputs
    assert [(s["weight"], s.get("base")) for s in service["capacityProviderStrategies"]] == [
        (weights[0], 2),
        (weights[1], None),
    ]


@pytest.mark.parametrize(
    ("hours", "stop"),
    [("08-18 Europe/Berlin", "cron(0 18 ? * MON-FRI *)"), ("08-24 UTC", "cron(0 0 ? * TUE-SAT *)")],
)
def test_work_hours(hours: str, stop: str):
    d = run(backend="fargate", work_hours=hours, max_tasks=3)
    actions = {a.name: a.inputs for a in d.all("aws:appautoscaling/scheduledAction:ScheduledAction")}
    assert actions["api-scaling-start"]["schedule"] == "cron(0 8 ? * MON-FRI *)"
    assert actions["api-scaling-start"]["scalableTargetAction"] == {"minCapacity": 1, "maxCapacity": 3}
    assert actions["api-scaling-stop"]["schedule"] == stop
    assert actions["api-scaling-stop"]["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 0}
    assert actions["api-scaling-stop"]["timezone"] == hours.split()[1]
    assert set(d.one("aws:appautoscaling/target:Target").ignore_changes) == {"minCapacity", "maxCapacity"}
    assert d.result["api"].telemetry.service.pauses is True


def test_the_load_balancer_lets_streams_finish(dev: Deployment):
    balancer = dev.one("aws:lb/loadBalancer:LoadBalancer").inputs
    assert balancer["internal"] is True
    assert balancer["idleTimeout"] < 65  # uvicorn keeps idle connections that long
    assert balancer["dropInvalidHeaderFields"] is True
    assert "accessLogs" not in balancer
    targets = dev.one("aws:lb/targetGroup:TargetGroup").inputs
    assert (targets["port"], targets["targetType"], targets["deregistrationDelay"]) == (8080, "ip", 300)
    assert targets["healthCheck"]["path"] == "/api/v1/health"
    assert targets["healthCheck"]["matcher"] == "200"
    private = {dev.by_name(f"api-private-subnet-{n}").outputs["id"] for n in (1, 2)}
    assert set(balancer["subnets"]) == private
    public = {dev.by_name(f"api-public-subnet-{n}").outputs["id"] for n in (1, 2)}
    network = dev.one("aws:ecs/service:Service").inputs["networkConfiguration"]
    assert (set(network["subnets"]), network["assignPublicIp"]) == (public, True)


def test_cloudfront_connects_when_the_service_answers(dev: Deployment):
    origin = dev.one("aws:cloudfront/vpcOrigin:VpcOrigin")
    config = origin.inputs["vpcOriginEndpointConfig"]
    balancer = dev.one("aws:lb/loadBalancer:LoadBalancer").outputs
    assert config["arn"] == balancer["arn"]
    assert config["name"] == f"{balancer['name']}-http"  # another balancer, another name: they must not meet
    assert config["originProtocolPolicy"] == "http-only"
    for name in ("api-service", "api-listener", "api-balancer-in", "api-internet-gateway"):
        assert dev.by_name(name).urn in origin.depends_on, name
    assert dev.value("domain") == balancer["dnsName"]
    assert dev.is_secret("header:X-Origin-Verify")


def test_production(prod: Deployment):
    listener = prod.one("aws:lb/listener:Listener").inputs
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert (
        listener["certificateArn"]
        == prod.one("aws:acm/certificateValidation:CertificateValidation").outputs["certificateArn"]
    )
    certificate = prod.one("aws:acm/certificate:Certificate").inputs
    assert certificate["domainName"] == "origin.example.com"
    assert "region" not in certificate  # the load balancer's own, not us-east-1
    assert prod.value("domain") == "origin.example.com"
    assert prod.result["api"].origin.protocol == "https-only"
    config = prod.one("aws:cloudfront/vpcOrigin:VpcOrigin").inputs["vpcOriginEndpointConfig"]
    assert config["originProtocolPolicy"] == "https-only"
    # Nor that of the same balancer without TLS.
    name = prod.one("aws:lb/loadBalancer:LoadBalancer").outputs["name"]
    assert config["name"] == f"{name}-https"
    rule = prod.by_name("api-balancer-in").inputs
    assert (rule["fromPort"], rule["toPort"]) == (443, 443)
    logs = prod.by_name("api-balancer-logs")
    balancer = prod.one("aws:lb/loadBalancer:LoadBalancer")
    assert balancer.inputs["accessLogs"] == {"bucket": logs.outputs["bucket"], "enabled": True}
    assert prod.by_name("api-balancer-logs-policy").urn in balancer.depends_on
    assert (logs.retain_on_delete, logs.protect) == (True, False)
    statements = {
        s["Sid"]: s
        for s in json.loads(prod.by_name("api-balancer-logs-policy").inputs["policy"])["Statement"]
    }
    assert statements["TlsOnly"]["Effect"] == "Deny"
    assert statements["AccessLogs"]["Principal"] == {
        "Service": "logdelivery.elasticloadbalancing.amazonaws.com"
    }
    assert statements["AccessLogs"]["Resource"] == [f"{logs.outputs['arn']}/AWSLogs/{ACCOUNT}/*"]
    assert prod.one("aws:ecs/service:Service").inputs["desiredCount"] == 2
    assert prod.one("aws:ecs/cluster:Cluster").inputs["settings"] == [
        {"name": "containerInsights", "value": "enabled"}
    ]


def test_a_domain_elsewhere_has_no_certificate_here():
    d = run(backend="fargate", domain="example.com", dns_provider="external")
    assert d.one("aws:lb/listener:Listener").inputs["protocol"] == "HTTP"
    d.none("aws:acm/certificate:Certificate")


def test_a_given_zone_is_not_looked_up():
    d = run(backend="fargate", domain="example.com", hosted_zone_id="Z0000000000000")
    assert d.one("aws:route53/record:Record").inputs["zoneId"] == "Z0000000000000"
    assert "aws:route53/getZone:getZone" not in d.lookups


def test_telemetry(dev: Deployment):
    telemetry = dev.result["api"].telemetry
    assert (telemetry.kind, telemetry.service.min_tasks) == ("fargate", 1)
    assert telemetry.service.pauses is False
    assert telemetry.function is telemetry.rest_api is telemetry.instance is None
    assert set(telemetry.log_groups) == {"API"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu": 300}, "cpu is 300; Fargate takes 256, 512"),
        ({"cpu": 256, "memory_mb": 4096}, "memory_mb is 4096; with cpu 256 Fargate takes 512, 1024, 2048"),
        ({"min_tasks": 3, "max_tasks": 2}, "min_tasks is 3; 1 to max_tasks (2)"),
        ({"image": "python:3.13"}, "an image by digest is wanted"),
        ({"spot_share": 101}, "spot_share is 101; 0 to 100"),
        ({"work_hours": "8-18 Europe/Berlin"}, "work_hours is '8-18 Europe/Berlin'"),
        ({"work_hours": "18-08 UTC"}, "wanted is START-STOP ZONE"),
        ({"work_hours": "08-18 UTC", "protect_data": True}, "would stop a production service"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match="OrchestratorApi 'api':") as caught:
        run(backend="fargate", **changes)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("cpu", "memory", "expected"),
    [(0, 0, ("256", "512")), (1024, 0, ("1024", "2048")), (512, 3072, ("512", "3072"))],
)
def test_sizes(cpu: int, memory: int, expected: tuple[str, str]):
    task = (
        run(backend="fargate", cpu=cpu, memory_mb=memory).one("aws:ecs/taskDefinition:TaskDefinition").inputs
    )
    assert (task["cpu"], task["memory"]) == expected
