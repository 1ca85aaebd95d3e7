"""What resources cost, worked out by hand beside each case."""

from __future__ import annotations

import math

import pytest

from ops.cost import estimate, monthly_line
from tests.ops.cost.plans import plan, res, usage

HOURS = 730
FUNCTION = "aws:lambda/function:Function"
INTEGRATION = "aws:apigateway/integration:Integration"
API = "aws:apigateway/restApi:RestApi"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"


def total(*resources, requests: float = 0, count_free: bool = False, **changes) -> float:
    return estimate(plan(*resources), usage(requests, **changes), count_free=count_free).total


def by_price(*resources, requests: float = 0, **changes) -> dict[str, float]:
    lines = estimate(plan(*resources), usage(requests, **changes), count_free=False).lines
    sums: dict[str, float] = {}
    for line in lines:
        sums[line.price] = sums.get(line.price, 0) + line.quantity
    return sums


def lambda_api():
    function = res(FUNCTION, "fn", architectures=["arm64"], memorySize=512)
    alias = res("aws:lambda/alias:Alias", "live", _after=[function])
    return [res(API, "api"), function, alias, res(INTEGRATION, "int", _after=[alias])]


def test_lambda_by_requests_and_gigabyte_seconds():
    quantities = by_price(*lambda_api(), requests=1_000_000)
    assert quantities["lambda_request"] == 1_000_000
    assert quantities["rest_api_request"] == 1_000_000
    assert quantities["lambda_gb_second_arm"] == pytest.approx(1_000_000 * 0.445 * 0.5)
    assert total(*lambda_api(), requests=1_000_000) == pytest.approx(0.20 + 3.50 + 222_500 * 0.0000133334)


def test_a_function_nobody_calls_for_a_request_runs_now_and_then():
    rotation = res(FUNCTION, "rotation", memorySize=512)
    quantities = by_price(*lambda_api(), rotation, requests=1_000_000)
    assert quantities["lambda_request"] == 1_000_030
    assert "lambda_gb_second_x86" not in quantities


def test_free_allowances_are_taken_off_once():
    secrets = [res("aws:cloudwatch/metricAlarm:MetricAlarm", f"a{n}") for n in range(12)]
    assert total(*secrets) == pytest.approx(1.20)
    assert total(*secrets, count_free=True) == pytest.approx(0.20)


def test_an_alarm_on_metric_math_costs_as_many_as_it_reads():
    queries = [{"metric": {"metricName": name}} for name in "ab"] + [{"expression": "m1/m2"}]
    assert total(res("aws:cloudwatch/metricAlarm:MetricAlarm", metricQueries=queries)) == pytest.approx(0.20)


def fargate(*, public: bool, tasks: int = 2, most: int = 4, **service):
    task = res(
        "aws:ecs/taskDefinition:TaskDefinition",
        "task",
        cpu="256",
        memory="512",
        runtimePlatform={"cpuArchitecture": "ARM64"},
    )
    run = res(
        "aws:ecs/service:Service",
        "svc",
        _after=[task],
        networkConfiguration={"assignPublicIp": public},
        desiredCount=tasks,
        **service,
    )
    scaling = res("aws:appautoscaling/target:Target", "t", _after=[run], minCapacity=tasks, maxCapacity=most)
    return [task, run, scaling]


TWO_TASKS = 2 * HOURS * (0.25 * 0.03238 + 0.5 * 0.00356)


def test_fargate_tasks_and_their_addresses():
    assert total(*fargate(public=False)) == pytest.approx(TWO_TASKS)
    assert total(*fargate(public=True)) == pytest.approx(TWO_TASKS + 2 * HOURS * 0.005)


def test_fargate_follows_the_load_up_to_its_limit():
    hours = by_price(*fargate(public=False, most=10), requests=50_000_000)["fargate_vcpu_hour_arm"]
    a_second = 50_000_000 / (HOURS * 3600)
    assert hours == pytest.approx(HOURS * 0.25 * math.ceil(a_second * 4 / 20))
    assert by_price(*fargate(public=False, most=3), requests=1e9)["fargate_vcpu_hour_arm"] == pytest.approx(
        HOURS * 0.25 * 3
    )


def test_fargate_spot_is_a_share_of_the_tasks_beyond_the_base():
    strategies = [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    spot = 0.75 * 1 / 2
    expected = TWO_TASKS * ((1 - spot) + spot * 0.30)
    assert total(*fargate(public=False, capacityProviderStrategies=strategies)) == pytest.approx(expected)


def test_load_balancer_by_its_busiest_dimension():
    balancer = res("aws:lb/loadBalancer:LoadBalancer")
    assert total(balancer) == pytest.approx(HOURS * 0.0225)
    busy = by_price(balancer, *fargate(public=False), requests=10_000_000)
    gb_an_hour = 10_000_000 * 6 / 1024**2 / HOURS
    assert busy["load_balancer_lcu_hour"] == pytest.approx(gb_an_hour * HOURS)


def test_instance_with_its_volume_and_metrics():
    instance = res("aws:ec2/instance:Instance", instanceType="t4g.small", rootBlockDevice={"volumeSize": 10})
    assert total(instance) == pytest.approx(HOURS * 0.0168 + 10 * 0.08 + 4 * 0.30)


def test_nat_instance_pays_for_internet_traffic_and_has_no_agent():
    nat = res(
        "aws:ec2/instance:Instance",
        "nat",
        instanceType="t4g.nano",
        sourceDestCheck=False,
        associatePublicIpAddress=True,
    )
    quantities = by_price(nat, requests=1_000_000)
    assert "custom_metric_month" not in quantities
    assert quantities["public_ipv4_hour"] == HOURS
    assert quantities["internet_out_gb"] == pytest.approx((100_000 * 12 + 1_000_000 * 0.8) / 1024**2)


def test_an_elastic_address_is_counted_once():
    nat = res("aws:ec2/instance:Instance", "nat", instanceType="t4g.nano", associatePublicIpAddress=True)
    address = res("aws:ec2/eip:Eip", "eip", _after=[nat])
    assert by_price(nat, address)["public_ipv4_hour"] == HOURS


def test_nat_gateways_share_the_traffic():
    two = [res("aws:ec2/natGateway:NatGateway", n) for n in "ab"]
    service = fargate(public=False)
    one_gb = by_price(two[0], *service, requests=1_000_000)["nat_gateway_gb"]
    both = by_price(*two, *service, requests=1_000_000)
    assert both["nat_gateway_gb"] == pytest.approx(one_gb)
    assert both["nat_gateway_hour"] == 2 * HOURS


def test_interface_endpoints_cost_by_zone_and_gateway_endpoints_nothing():
    interface = res("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Interface", subnetIds=["a", "b"])
    assert total(interface) == pytest.approx(2 * HOURS * 0.01)
    assert total(res("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Gateway")) == 0


def test_interface_endpoints_share_the_traffic():
    def endpoint(name):
        return res("aws:ec2/vpcEndpoint:VpcEndpoint", name, vpcEndpointType="Interface", subnetIds=["a"])

    service = fargate(public=False)
    one = by_price(endpoint("a"), *service, requests=1_000_000)["interface_endpoint_gb"]
    three = by_price(*map(endpoint, "abc"), *service, requests=1_000_000)["interface_endpoint_gb"]
    assert one == pytest.approx((100_000 * 12 + 1_000_000 * 0.8) / 1024**2)
    assert three == pytest.approx(one)


def test_a_nat_instance_is_known_by_its_interface_too():
    interface = res("aws:ec2/networkInterface:NetworkInterface", "if", sourceDestCheck=False)
    nat = res("aws:ec2/instance:Instance", "nat", instanceType="t4g.nano", _after=[interface])
    quantities = by_price(interface, nat, requests=1_000_000)
    assert "custom_metric_month" not in quantities
    assert quantities["internet_out_gb"] > 0


def test_what_every_backend_has_alike_is_marked():
    group = res("aws:cloudwatch/logGroup:LogGroup", "logs", retentionInDays=30)
    role = res("aws:iam/rolePolicy:RolePolicy", "role", policy="logs:PutLogEvents", _after=[group])
    instance = res(
        "aws:ec2/instance:Instance", "i", instanceType="t4g.small", iamInstanceProfile="p", _after=[role]
    )
    table = res("aws:dynamodb/table:Table", "table")
    lines = estimate(plan(group, role, instance, table), usage(1_000_000), count_free=False).lines
    marked = {(line.resource, line.common) for line in lines}
    assert marked == {("logs", True), ("table", True), ("i", False)}
    assert [line.quantity for line in lines if line.note == "embedded metrics"] == [24]


def test_health_checks_cost_and_make_requests_that_cost():
    check = res(
        "aws:route53/healthCheck:HealthCheck",
        type="HTTPS",
        resourcePath="/api/v1/health",
        regions=["a", "b", "c"],
    )
    quantities = by_price(*lambda_api(), check)
    assert quantities["health_check_option_month"] == 1
    assert quantities["rest_api_request"] == pytest.approx(HOURS * 3600 / 2 * 3 / 8)
    site = res("aws:route53/healthCheck:HealthCheck", type="HTTPS", resourcePath="/")
    assert "rest_api_request" not in by_price(*lambda_api(), site)


def test_traces_are_sampled():
    stage = res("aws:apigateway/stage:Stage", xrayTracingEnabled=True)
    slow = by_price(*lambda_api(), stage, requests=10_000)["xray_trace"]
    assert slow == pytest.approx(10_000, rel=0.01)
    seconds = HOURS * 3600
    rate = 10_000_000 / seconds
    expected = seconds * ((1 - math.exp(-rate)) + 0.05 * (rate - 1 + math.exp(-rate)))
    assert by_price(*lambda_api(), stage, requests=10_000_000)["xray_trace"] == pytest.approx(expected)
    assert "xray_trace" not in by_price(*lambda_api(), res("aws:apigateway/stage:Stage"), requests=10_000)


def test_firewall_by_rules_and_requests():
    acl = res("aws:wafv2/webAcl:WebAcl", rules=[{}] * 6)
    assert total(acl) == pytest.approx(11)
    # 4 requests to the edge for each of the API's, where there is an API.
    assert by_price(acl, *lambda_api(), requests=1_000_000)["waf_request"] == 4_000_000


def test_log_groups_are_priced_by_what_writes_to_them():
    group = res("aws:cloudwatch/logGroup:LogGroup", "logs", retentionInDays=30)
    stage = res("aws:apigateway/stage:Stage", "st", _after=[group])
    quantities = by_price(*lambda_api(), group, stage, requests=1_000_000)
    assert quantities["logs_ingested_gb"] == pytest.approx(1_000_000 * 0.5 / 1024**2)
    assert by_price(*lambda_api(), group, requests=1_000_000).get("logs_ingested_gb") is None


def test_a_logging_filter_spares_the_firewalls_log():
    group = res("aws:cloudwatch/logGroup:LogGroup", "aws-waf-logs-x", retentionInDays=30)
    kind = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
    everything = by_price(group, res(kind, _after=[group]), requests=1_000_000)["logs_ingested_gb"]
    dropped = by_price(
        group, res(kind, _after=[group], loggingFilter={"defaultBehavior": "DROP"}), requests=1_000_000
    )["logs_ingested_gb"]
    assert dropped == pytest.approx(everything * 0.02)


def test_container_insights_by_its_kind():
    def cluster(value):
        return res("aws:ecs/cluster:Cluster", settings=[{"name": "containerInsights", "value": value}])

    assert by_price(cluster("enabled"))["custom_metric_month"] == 12
    assert by_price(cluster("enhanced"), *fargate(public=False))["insights_metric_month"] == 12 + 2 * 24
    assert total(cluster("disabled")) == 0


def test_the_sites_bucket_is_told_from_others():
    site = res("aws:s3/bucket:Bucket", "site", _outputs={"bucket": "site-b"})
    edge = res(DISTRIBUTION, origins=[{"domainName": "site-b.s3.us-east-1.amazonaws.com"}])
    assert by_price(site, edge, requests=1_000_000)["s3_get"] == pytest.approx(3_000_000 * 0.1)
    assert "s3_get" not in by_price(site, requests=1_000_000)


def test_unknown_types_are_named_and_free_ones_told_why():
    found = estimate(plan(res("aws:rds/instance:Instance"), res("aws:iam/role:Role")))
    assert found.missing == ("aws:rds/instance:Instance",)
    assert found.free_types == {"aws:iam/role:Role": "IAM costs nothing"}
    assert found.total == 0


def test_an_instance_type_without_a_price_is_said():
    found = estimate(plan(res("aws:ec2/instance:Instance", "i", instanceType="x9.huge")))
    assert "x9.huge" in " ".join(found.unpriced.values())


def test_prices_of_another_region_are_said():
    assert any("eu-central-1" in note for note in estimate(plan(region="eu-central-1")).notes)


def test_sums_by_component():
    found = estimate(
        plan(
            res("aws:secretsmanager/secret:Secret", "a", _of="Secrets"),
            res("aws:kms/key:Key", "b"),
        )
    )
    assert found.by("component") == {"OrchestratorApi": 1.0, "Secrets": pytest.approx(0.40)}
    assert found.of("Secrets") == pytest.approx(0.40)


def test_the_line_below_a_preview():
    line = monthly_line(plan(res("aws:kms/key:Key"), res("aws:secretsmanager/secret:Secret")))
    assert (
        line
        == "idle ≈ $1.40/month (KMS 1.00, Secrets Manager 0.40); with traffic: python -m ops cost --stack dev"
    )
    assert "without aws:rds/instance:Instance" in monthly_line(plan(res("aws:rds/instance:Instance")))
