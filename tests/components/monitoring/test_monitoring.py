"""The component: what it registers, where, with which exact inputs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pulumi
import pytest

from components.monitoring import Monitoring
from components.monitoring.alarms import RUNBOOKS, every_alarm
from tests.components.harness import Deployment, deploy
from tests.components.monitoring.support import (
    ACCOUNT,
    BACKENDS,
    DEV,
    KEY,
    STACKS,
    arguments,
    ec2_api,
    monitor,
    site,
)
from tests.components.monitoring.test_loads import watched

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
TOPIC = "aws:sns/topic:Topic"
EUROPE: dict[str, Any] = {"region": "eu-central-1"}


def counted(deployment: Deployment) -> dict[str, int]:
    """How many there are of each type but the alarms, whose names the tests below hold one by one."""
    types = Counter(r.type.rsplit(":", 1)[-1] for r in deployment.resources if r.custom)
    assert types.pop("MetricAlarm") == len(deployment.component_outputs("Monitoring")["alarm_names"])
    return dict(types)


def alarm_keys(deployment: Deployment) -> set[str]:
    return {r.name.removeprefix("monitoring-") for r in deployment.all(ALARM)}


def alarm(deployment: Deployment, key: str) -> dict[str, Any]:
    return dict(deployment.one(ALARM, f"monitoring-{key}").inputs)


def policy_of(deployment: Deployment, name: str) -> dict[str, Any]:
    return json.loads(deployment.by_name(name).inputs["policy"])


COMMON = {"Budget": 1, "Dashboard": 1}
ANOMALIES = {"AnomalyMonitor": 1, "AnomalySubscription": 1}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {},
            {"CompositeAlarm": 1, "HealthCheck": 1, "Topic": 1, "TopicPolicy": 1, "TopicSubscription": 1,
             "EventRule": 1, "EventTarget": 1, **COMMON, **ANOMALIES},
        ),
        (
            EUROPE,
            {"CompositeAlarm": 2, "HealthCheck": 1, "Topic": 2, "TopicPolicy": 2,
             "TopicSubscription": 2, "EventRule": 1, "EventTarget": 1, "Key": 1, "Alias": 1, **COMMON,
             **ANOMALIES},
        ),
        (DEV, {"CompositeAlarm": 1, "Topic": 1, "TopicPolicy": 1, **COMMON}),
        (
            {**DEV, **EUROPE},
            {"CompositeAlarm": 2, "Topic": 2, "TopicPolicy": 2, **COMMON},
        ),
        (
            {**DEV, "api": None, "site": site(web_acl_name=None, certificate_arn=None, health_path=None)},
            {"CompositeAlarm": 1, "Topic": 1, "TopicPolicy": 1, **COMMON},
        ),
    ],
    ids=["prod", "prod in Europe", "dev", "dev in Europe", "a bare site"],
)  # fmt: skip
def test_counts(changed: dict[str, Any], expected: dict[str, int]) -> None:
    assert counted(monitor(**changed)) == expected


@pytest.mark.parametrize("changed", [DEV, {**EUROPE, "api": ec2_api()}])
def test_preview_registers_the_same(changed: dict[str, Any]) -> None:
    assert monitor(**changed).urns() == monitor(preview=True, **changed).urns()


@pytest.mark.parametrize(
    ("backend", "region"), [("lambda", "us-east-1"), ("fargate", "eu-central-1"), ("ec2", "us-east-1")]
)
def test_production_gets_every_alarm_of_its_facets(backend: str, region: str) -> None:
    # Which alarms a facet has is held by test_facets.
    found = monitor(api=BACKENDS[backend](), region=region)
    assert alarm_keys(found) == {spec.key for spec in every_alarm(watched(backend))}


def test_what_dev_gets() -> None:
    bare = monitor(**DEV, api=None, site=site(web_acl_name=None, certificate_arn=None, health_path=None))
    assert alarm_keys(bare) == {"site-errors-fast", "site-errors"}
    assert alarm_keys(monitor(**DEV)) == {
        "site-errors-fast", "site-errors", "certificate-expiry", "gateway-errors-fast", "gateway-errors",
        "api-errors", "spend", "failure-queue",
    }  # fmt: skip


# --- exact inputs


def test_an_alarm_on_one_metric() -> None:
    topic = monitor().one(TOPIC).outputs["arn"]
    assert alarm(monitor(), "site-errors") == {
        "name": "orchestrator-prod-site-errors",
        "alarmDescription": "Requests at the edge keep ending in server errors. CloudFront answered 5xx to "
        "at least 1 % of the requests in four of the last eight five-minute periods; at ten requests an hour "
        "that is a total outage, at more a partial one. What to do: docs/operations.md#site-errors",
        "namespace": "AWS/CloudFront",
        "metricName": "5xxErrorRate",
        "dimensions": {"DistributionId": "EDIST", "Region": "Global"},
        "statistic": "Average",
        "period": 300,
        "evaluationPeriods": 8,
        "datapointsToAlarm": 4,
        "threshold": 1,
        "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "treatMissingData": "notBreaching",
        "alarmActions": [topic],
        "okActions": [topic],
        "region": "us-east-1",
        "tags": {"Project": "orchestrator", "Stack": "prod", "ManagedBy": "pulumi"},
    }


def test_an_alarm_on_metric_math() -> None:
    found = alarm(monitor(), "function-throttles")
    assert not {"namespace", "period", "okActions"} & set(found)
    name = {"FunctionName": "api"}
    base = {"namespace": "AWS/Lambda", "dimensions": name, "stat": "Sum", "period": 300}
    assert found["metricQueries"] == [
        {
            "id": "verdict",
            "label": "Lambda refuses to run the API",
            "expression": "IF(FILL(throttles, 0) >= 1, "
            "100 * FILL(throttles, 0) / (FILL(throttles, 0) + FILL(runs, 0)), 0)",
            "returnData": True,
        },
        {"id": "throttles", "metric": {**base, "metricName": "Throttles"}, "returnData": False},
        {"id": "runs", "metric": {**base, "metricName": "Invocations"}, "returnData": False},
    ]


def test_an_alarm_on_a_percentile() -> None:
    found = alarm(monitor(), "api-latency")
    assert (found["extendedStatistic"], found["evaluateLowSampleCountPercentiles"]) == ("p95", "evaluate")
    assert found["namespace"] == "orchestrator/prod"
    assert not {"statistic", "dimensions"} & set(found)


@pytest.mark.parametrize(
    ("key", "namespace", "metric", "dimensions", "missing"),
    [
        ("certificate-expiry", "AWS/CertificateManager", "DaysToExpiry",
         {"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1"}, "ignore"),
        ("gateway-errors", "AWS/ApiGateway", "5XXError", {"ApiName": "api", "Stage": "live"}, "notBreaching"),
        ("failure-queue", "AWS/SQS", "ApproximateNumberOfMessagesVisible",
         {"QueueName": "failures"}, "ignore"),
        ("rotation-failed", "AWS/Lambda", "Errors", {"FunctionName": "rotate"}, "notBreaching"),
    ],
)  # fmt: skip
def test_dimensions_and_missing_data(
    key: str, namespace: str, metric: str, dimensions: dict[str, str], missing: str
) -> None:
    found = alarm(monitor(), key)
    assert (found["namespace"], found["metricName"], found["dimensions"], found["treatMissingData"]) == (
        namespace, metric, dimensions, missing,
    )  # fmt: skip


def test_a_target_group_without_targets_is_not_healthy() -> None:
    found = alarm(monitor(**STACKS["fargate abroad"]), "no-healthy-target")
    assert found["treatMissingData"] == "breaching"
    assert (found["comparisonOperator"], found["threshold"]) == ("LessThanThreshold", 1)
    assert found["dimensions"] == {"LoadBalancer": "app/api/1", "TargetGroup": "targetgroup/api/2"}


def test_the_firewalls_metrics_have_no_region() -> None:
    queries = alarm(monitor(), "firewall-spike")["metricQueries"]
    assert [q["metric"]["dimensions"] for q in queries[1:]] == [{"WebACL": "prod-acl", "Rule": "ALL"}] * 2


# --- Regions


@pytest.mark.parametrize("changed", [EUROPE, {**DEV, **EUROPE}, STACKS["fargate abroad"]])
def test_in_another_region_the_edge_is_watched_from_us_east_1(changed: dict[str, Any]) -> None:
    found = monitor(**changed)
    topics = {t.inputs["region"]: t.outputs["arn"] for t in found.all(TOPIC)}
    assert set(topics) == {"eu-central-1", "us-east-1"}
    edge = {"AWS/CloudFront", "AWS/WAFV2", "AWS/CertificateManager", "AWS/Route53"}
    seen = Counter()
    for one in found.all(ALARM):
        metrics = [one.inputs, *(q.get("metric", {}) for q in one.inputs.get("metricQueries", []))]
        spaces = {m["namespace"] for m in metrics if "namespace" in m}
        region = "us-east-1" if spaces <= edge else "eu-central-1"
        assert not (spaces & edge and spaces - edge), one.name
        assert one.inputs["region"] == region, one.name
        assert one.inputs["alarmActions"] == [topics[region]], one.name
        seen[region] += 1
    assert sorted(seen) == ["eu-central-1", "us-east-1"]
    for rule in found.all("aws:cloudwatch/eventRule:EventRule"):
        assert rule.inputs["region"] == "eu-central-1"
    budget = found.one("aws:budgets/budget:Budget").inputs
    assert {a for n in budget["notifications"] for a in n["subscriberSnsTopicArns"]} == {topics["us-east-1"]}


@pytest.mark.parametrize("stack", STACKS)
def test_a_composite_names_every_paging_alarm_of_its_region_and_nothing_else(stack: str) -> None:
    changed = STACKS[stack]
    found = monitor(**changed)
    composites = found.all(COMPOSITE)
    for composite in composites:
        region = composite.inputs["region"]
        members = [part[len('ALARM("') : -2] for part in composite.inputs["alarmRule"].split(" OR ")]
        pages = {
            a.inputs["name"]
            for a in found.all(ALARM)
            if a.inputs["region"] == region and "okActions" in a.inputs
        }
        assert members
        assert sorted(members) == sorted(pages)
        topic = [t.outputs["arn"] for t in found.all(TOPIC) if t.inputs["region"] == region]
        assert composite.inputs["alarmActions"] == topic
    expected = {"service-down"} if changed["region"] == "us-east-1" else {"service-down", "edge-down"}
    if changed["api"] is None and changed["region"] != "us-east-1":
        expected = {"edge-down"}
    assert {c.name.removeprefix("monitoring-") for c in composites} == expected


def test_a_composite_waits_for_the_alarms_it_names() -> None:
    found = monitor()
    composite = found.one(COMPOSITE)
    paging = {a.urn for a in found.all(ALARM) if "okActions" in a.inputs}
    assert paging <= composite.depends_on


# --- topics and keys


def test_topic_policy_exactly() -> None:
    found = monitor()
    arn = found.one(TOPIC).outputs["arn"]
    account = {"aws:SourceAccount": ACCOUNT}

    def allow(service: str, condition: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "Sid": f"PublishFrom{service}",
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": ["sns:Publish"],
            "Resource": [arn],
            **({"Condition": condition} if condition else {}),
        }

    assert policy_of(found, "monitoring-topic-policy") == {
        "Version": "2012-10-17",
        "Statement": [
            allow(
                "cloudwatch",
                {
                    "StringEquals": account,
                    "ArnLike": {
                        "aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:orchestrator-prod-*"
                    },
                },
            ),
            # EventBridge supports no condition here.
            allow("events", None),
            allow(
                "budgets",
                {"StringEquals": account, "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{ACCOUNT}:*"}},
            ),
            allow(
                "costalerts",
                {
                    "StringEquals": account,
                    "ArnLike": {"aws:SourceArn": f"arn:aws:ce::{ACCOUNT}:anomalysubscription/*"},
                },
            ),
            {
                "Sid": "DenyWithoutTls",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sns:Publish",
                "Resource": arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }


def services(document: dict[str, Any]) -> list[str]:
    return [s["Principal"]["Service"].split(".")[0] for s in document["Statement"] if s["Effect"] == "Allow"
            and "Service" in s["Principal"]]  # fmt: skip


def test_each_topic_admits_those_who_publish_to_it() -> None:
    europe = monitor(**EUROPE)
    assert services(policy_of(europe, "monitoring-topic-policy")) == ["cloudwatch", "events"]
    assert services(policy_of(europe, "monitoring-edge-topic-policy")) == [
        "cloudwatch", "budgets", "costalerts",
    ]  # fmt: skip
    source = policy_of(europe, "monitoring-topic-policy")["Statement"][0]["Condition"]["ArnLike"]
    assert source == {"aws:SourceArn": f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:orchestrator-prod-*"}
    quiet = monitor(**{**DEV, **EUROPE})
    assert services(policy_of(quiet, "monitoring-topic-policy")) == ["cloudwatch"]


def test_topics_are_encrypted_with_a_customer_key_of_their_region_or_not_at_all() -> None:
    assert monitor().one(TOPIC).inputs["kmsMasterKeyId"] == KEY
    europe = monitor(**EUROPE)
    keys = {t.inputs["region"]: t.inputs["kmsMasterKeyId"] for t in europe.all(TOPIC)}
    key = europe.one("aws:kms/key:Key")
    assert keys == {"eu-central-1": KEY.replace("us-east-1", "eu-central-1"), "us-east-1": key.outputs["arn"]}
    assert (key.inputs["region"], key.inputs["enableKeyRotation"]) == ("us-east-1", True)
    assert key.protect
    assert key.retain_on_delete
    plain = monitor(**{**DEV, **EUROPE})
    plain.none("aws:kms/key:Key")
    assert [t.inputs.get("kmsMasterKeyId") for t in plain.all(TOPIC)] == [None, None]


def test_the_edge_key_lets_publishers_use_it() -> None:
    document = json.loads(monitor(**EUROPE).one("aws:kms/key:Key").inputs["policy"])
    root, *rest = document["Statement"]
    assert root["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert services(document) == ["cloudwatch", "budgets", "costalerts"]
    assert all(s["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"] for s in rest)
    assert [s["Condition"]["StringEquals"] for s in rest] == [{"aws:SourceAccount": ACCOUNT}] * 3


def test_a_mail_address_subscribes_to_every_topic() -> None:
    found = monitor(**EUROPE).all("aws:sns/topicSubscription:TopicSubscription")
    assert {(s.inputs["protocol"], s.inputs["endpoint"], s.inputs["region"]) for s in found} == {
        ("email", "ops@example.com", "eu-central-1"),
        ("email", "ops@example.com", "us-east-1"),
    }
    monitor(**DEV).none("aws:sns/topicSubscription:TopicSubscription")


@pytest.mark.parametrize("changed", [{}, {**EUROPE, "api": ec2_api()}])
def test_publishers_are_told_of_a_topic_that_lets_them_in_already(changed: dict[str, Any]) -> None:
    """Budgets and Cost Anomaly Detection try the topic when they are made; a first event may come at once."""
    found = monitor(**changed)
    policies = {p.inputs["arn"]: p.urn for p in found.all("aws:sns/topicPolicy:TopicPolicy")}
    topics = {t.inputs["region"]: t.outputs["arn"] for t in found.all(TOPIC)}
    home = topics[changed.get("region", "us-east-1")]
    told = {
        **{t.urn: home for t in found.all("aws:cloudwatch/eventTarget:EventTarget")},
        found.one("aws:budgets/budget:Budget").urn: topics["us-east-1"],
        found.one("aws:costexplorer/anomalySubscription:AnomalySubscription").urn: topics["us-east-1"],
    }
    assert len(told) == len(found.all("aws:cloudwatch/eventRule:EventRule")) + 2 >= 3
    by_urn = {r.urn: r for r in found.resources}
    for urn, topic in told.items():
        assert policies[topic] in by_urn[urn].depends_on, urn


# --- events, health, money


def test_a_rotation_is_told() -> None:
    found = monitor()
    rule = found.one("aws:cloudwatch/eventRule:EventRule")
    assert json.loads(rule.inputs["eventPattern"]) == {"source": ["orchestrator.prod.keys"]}
    target = found.one("aws:cloudwatch/eventTarget:EventTarget")
    assert target.inputs["arn"] == found.one(TOPIC).outputs["arn"]
    assert "roleArn" not in target.inputs


def test_a_refused_deployment_of_an_instance_is_told() -> None:
    found = monitor(**{**EUROPE, "api": ec2_api()})
    rule = found.one("aws:cloudwatch/eventRule:EventRule", "monitoring-deployment-rule")
    assert json.loads(rule.inputs["eventPattern"]) == {
        "source": ["aws.ssm"],
        "detail-type": ["EC2 State Manager Instance Association State Change"],
        "detail": {"instance-id": ["i-1"], "status": ["Failed", "TimedOut"]},
    }


@pytest.mark.parametrize(("path", "name"), [("/api/v1/health", "api"), (None, "site")])
def test_one_health_check_in_production(path: str | None, name: str) -> None:
    found = monitor(site=site(health_path=path))
    check = found.one("aws:route53/healthCheck:HealthCheck")
    assert check.inputs == {
        "type": "HTTPS",
        "fqdn": "example.com",
        "port": 443,
        "resourcePath": path or "/",
        "enableSni": True,
        "failureThreshold": 3,
        "requestInterval": 30,
        "regions": ["eu-west-1", "us-east-1", "us-west-2"],
        "tags": {
            "Project": "orchestrator", "Stack": "prod", "ManagedBy": "pulumi",
            "Name": f"orchestrator-prod-{name}",
        },
    }  # fmt: skip
    assert alarm(found, f"health-check-{name}")["dimensions"] == {"HealthCheckId": check.outputs["id"]}
    monitor(**DEV).none("aws:route53/healthCheck:HealthCheck")


@pytest.mark.parametrize(
    ("changed", "email", "limit"), [({}, "ops@example.com", "300.00"), (DEV, "", "50.00")]
)
def test_budget(changed: dict[str, Any], email: str, limit: str) -> None:
    found = monitor(**changed)
    stack = changed.get("stack", "prod")
    topic = found.one(TOPIC).outputs["arn"]
    budget = found.one("aws:budgets/budget:Budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == (limit, "USD", "MONTHLY")
    assert budget["costFilters"] == [{"name": "TagKeyValue", "values": [f"user:Stack${stack}"]}]
    assert [(n["notificationType"], n["threshold"]) for n in budget["notifications"]] == [
        ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100),
    ]  # fmt: skip
    for notification in budget["notifications"]:
        assert notification["subscriberSnsTopicArns"] == [topic]
        assert notification.get("subscriberEmailAddresses") == ([email] if email else None)


@pytest.mark.parametrize("changed", [DEV, {**EUROPE, "cost_anomaly_monitor": False}])
def test_no_anomaly_monitor_unless_it_is_asked_for(changed: dict[str, Any]) -> None:
    """A member account of an organization cannot make one: the first `up` there would fail."""
    found = monitor(**changed)
    found.none("aws:costexplorer/anomalyMonitor:AnomalyMonitor")
    found.none("aws:costexplorer/anomalySubscription:AnomalySubscription")
    documents = [json.loads(r.inputs["policy"]) for r in found.resources if "policy" in r.inputs]
    admitted = {service for one in documents for service in services(one)}
    assert "budgets" in admitted
    assert "costalerts" not in admitted


def test_anomalies_of_this_stack_alone() -> None:
    found = monitor(**{**DEV, "cost_anomaly_monitor": True})
    monitor_ = found.one("aws:costexplorer/anomalyMonitor:AnomalyMonitor")
    assert monitor_.inputs["monitorType"] == "CUSTOM"
    assert "monitorDimension" not in monitor_.inputs
    tags = json.loads(monitor_.inputs["monitorSpecification"])["Tags"]
    assert tags == {"Key": "Stack", "Values": ["dev"], "MatchOptions": None}
    subscription = found.one("aws:costexplorer/anomalySubscription:AnomalySubscription").inputs
    assert subscription["frequency"] == "IMMEDIATE"
    assert subscription["subscribers"] == [{"type": "SNS", "address": found.one(TOPIC).outputs["arn"]}]
    assert subscription["monitorArnLists"] == [monitor_.outputs["arn"]]


def test_the_spend_alarm_follows_the_budget() -> None:
    for changed, limit in (({}, 10), (DEV, 1.6667)):
        found = alarm(monitor(**changed), "spend")
        assert (found["threshold"], found["period"], found["metricName"]) == (limit, 3600, "Usd")


# --- the shape of a component


def test_outputs() -> None:
    found = monitor(**EUROPE)
    assert found.value("composites") == ["orchestrator-prod-service-down", "orchestrator-prod-edge-down"]
    assert found.value("dashboard") == "orchestrator-prod"
    topics = {t.inputs["region"]: t.outputs["arn"] for t in found.all(TOPIC)}
    assert (found.value("topic"), found.value("edge_topic")) == (topics["eu-central-1"], topics["us-east-1"])
    home = monitor()
    assert home.value("topic") == home.value("edge_topic")
    registered = found.component_outputs("Monitoring")
    assert registered["dashboard_name"] == "orchestrator-prod"
    names = {a.name.removeprefix("monitoring-"): a.inputs["name"] for a in found.all(ALARM)}
    assert registered["alarm_names"] == names
    assert len(names) > 20


def test_every_child_has_the_parent_the_prefix_and_the_tags() -> None:
    found = monitor(**{**EUROPE, "api": ec2_api()})
    component = next(r for r in found.resources if not r.custom and r.type.endswith(":Monitoring"))
    untaggable = {"TopicPolicy", "TopicSubscription", "EventTarget", "Dashboard", "Alias"}
    for child in (r for r in found.resources if r.custom):
        assert child.parent == component.urn
        assert child.name.startswith("monitoring-")
        if child.type.rsplit(":", 1)[-1] not in untaggable:
            assert child.inputs["tags"]["Stack"] == "prod", child.name


def test_transforms_reach_alarms_by_their_heading() -> None:
    found = monitor(transforms={"bedrock-errors": {"threshold": 33}, "topic": {"displayName": "Ops"}})
    changed = [a for a in found.all(ALARM) if a.inputs["threshold"] == 33]
    assert len(changed) == 2
    assert all("bedrock-errors" in a.name for a in changed)
    assert found.one(TOPIC).inputs["displayName"] == "Ops"


def test_unknown_transforms_are_refused() -> None:
    with pytest.raises(ValueError, match="transforms names 'cpu', which it does not make"):
        monitor(transforms={"cpu": {}})
    assert set(RUNBOOKS) <= set(Monitoring.CHILDREN)


def test_all_problems_in_one_message() -> None:
    def program() -> None:
        Monitoring(
            "monitoring",
            arguments(
                alarm_email="ops at example",
                monthly_budget_usd=0,
                kms_key_arn=None,
                stack="pro/d",
                log_retention_days=0,
            ),
        )

    with pytest.raises(ValueError, match="Monitoring 'monitoring': ") as told:
        deploy(program)
    message = str(told.value)
    for part in (
        "alarm_email is 'ops at example'; allowed: one address such as ops@example.com, or ''",
        "monthly_budget_usd is 0; allowed: more than 0",
        "customer_key is True with kms_key_arn None; allowed: both or neither",
        "stack is 'pro/d'; allowed: 1 to 64 letters",
        "tags['Stack'] is 'prod'; allowed: the stack's name 'pro/d'",
        "log_retention_days is 0; allowed: 1, 3, 5, 7, 14, 30, ",
    ):
        assert part in message


def test_nothing_is_registered_when_arguments_are_wrong() -> None:
    seen: list[str] = []

    def program() -> None:
        with pytest.raises(ValueError, match="monthly_budget_usd"):
            Monitoring("monitoring", arguments(monthly_budget_usd=-1))
        pulumi.export("reached", True)
        seen.append("reached")

    found = deploy(program)
    assert seen
    assert not [r for r in found.resources if r.custom]
