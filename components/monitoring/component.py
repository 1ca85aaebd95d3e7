"""Monitoring: alarms, topics, health checks, budget, dashboard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_aws import budgets, cloudwatch, costexplorer, route53

from components.component import Component, Transform
from components.monitoring import money
from components.monitoring.alarms import RUNBOOKS, every_alarm
from components.monitoring.alarms.service import hourly_limit
from components.monitoring.args import MonitoringArgs, problems
from components.monitoring.builder import alarm_arguments, any_of
from components.monitoring.dashboard import dashboard_body
from components.monitoring.policies import EDGE_REGION
from components.monitoring.spec import AlarmSpec, Watched
from components.monitoring.topics import Channel, make_edge_key, make_topic

CHECKED_FROM = ("eu-west-1", "us-east-1", "us-west-2")
"""Regions of the health checkers: three is the fewest Route 53 takes, and each sends two requests in 30 s.
From all eight Regions the checks alone would cost about 5 USD a month at API Gateway."""


class Monitoring(Component):
    """Watches a stack and tells its operator.

    Alarms follow from what the telemetry holds, never from a backend's name. What watches CloudFront, its
    firewall, its certificate and Route 53 lives in us-east-1; with the stack in another Region it has a
    topic, a key and a composite alarm of its own there, since alarm actions, keys and composites do not
    cross Regions.

    Args:
        name: logical name.
        args: see ``MonitoringArgs``.
        transforms: child to transform; an alarm's name is its heading in docs/operations.md.
        opts: options of the component.

    Raises:
        ValueError: arguments are wrong; the message lists all.

    Attributes:
        topic_arn: the topic in the home Region.
        edge_topic_arn: the topic in us-east-1; the same in that Region.
        dashboard_name: of the dashboard.
        composite_alarm_names: names of "the service is down", one for each Region with alarms that page.
        alarm_names: key to name of every metric alarm.
    """

    CHILDREN = (
        "topic",
        "topic-policy",
        "topic-email",
        "edge-topic",
        "edge-topic-policy",
        "edge-topic-email",
        "edge-key",
        "edge-key-alias",
        "health-check-api-probe",
        "health-check-site-probe",
        *RUNBOOKS,
        "service-down",
        "edge-down",
        "rotation-rule",
        "rotation-target",
        "deployment-rule",
        "deployment-target",
        "budget",
        "anomaly-monitor",
        "anomaly-subscription",
        "dashboard",
    )

    topic_arn: pulumi.Output[str]
    edge_topic_arn: pulumi.Output[str]
    dashboard_name: pulumi.Output[str]
    composite_alarm_names: list[pulumi.Output[str]]
    alarm_names: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        args: MonitoringArgs,
        *,
        transforms: Mapping[str, Transform] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        wrong = problems(args)
        if wrong:
            raise ValueError(f"Monitoring '{name}': " + "; ".join(wrong))
        super().__init__("Monitoring", name, transforms=transforms, opts=opts)
        self._name, self._args = name, args

        self._topic = make_topic(self, name, args, region=args.region, key=args.kms_key_arn)
        self._edge_topic = self._topic if args.region == EDGE_REGION else self._second_topic()
        specs = every_alarm(self._watched())
        alarms = {spec.key: self._alarm(spec) for spec in specs}
        composites = self._composites(specs, alarms)
        self._events()
        self._money()
        dashboard = self._dashboard(specs, alarms)

        self.topic_arn = self._topic.arn
        self.edge_topic_arn = self._edge_topic.arn
        self.dashboard_name = dashboard.dashboard_name
        self.composite_alarm_names = [composite.alarm_name for composite in composites]
        self.alarm_names = {key: alarm.name for key, alarm in alarms.items()}
        self.register_outputs(
            {
                "topic_arn": self.topic_arn,
                "edge_topic_arn": self.edge_topic_arn,
                "dashboard_name": self.dashboard_name,
                "composite_alarm_names": self.composite_alarm_names,
                "alarm_names": self.alarm_names,
            }
        )

    def _second_topic(self) -> Channel:
        key = make_edge_key(self, self._name, self._args).arn if self._args.customer_key else None
        return make_topic(self, self._name, self._args, region=EDGE_REGION, key=key)

    def _watched(self) -> Watched:
        args = self._args
        # One check, through the whole chain: DNS, TLS, edge, API; a site alone is asked for its first page.
        what, path = ("site", "/") if args.site.health_path is None else ("api", args.site.health_path)
        checks = {path: self._health_check(what, path)} if args.production else {}
        return Watched(
            site=args.site,
            api=args.api,
            secrets=args.secrets,
            health_checks=checks,
            monthly_budget_usd=args.monthly_budget_usd,
            production=args.production,
        )

    def _health_check(self, what: str, path: str) -> pulumi.Output[str]:
        check = route53.HealthCheck(
            f"{self._name}-health-check-{what}",
            type="HTTPS",
            fqdn=self._args.site.host,
            port=443,
            resource_path=path,
            enable_sni=True,
            failure_threshold=3,
            request_interval=30,
            regions=list(CHECKED_FROM),
            tags={**self._args.tags, "Name": f"{self._args.prefix}-{what}"},
            opts=self.child(f"health-check-{what}-probe"),
        )
        return check.id

    def _topic_for(self, spec: AlarmSpec) -> Channel:
        return self._topic if spec.place == "home" else self._edge_topic

    def _alarm(self, spec: AlarmSpec) -> cloudwatch.MetricAlarm:
        topic = self._topic_for(spec)
        return cloudwatch.MetricAlarm(
            f"{self._name}-{spec.key}",
            name=f"{self._args.prefix}-{spec.key}",
            alarm_actions=[topic.arn],
            ok_actions=[topic.arn] if spec.severity == "page" else None,
            region=self._args.region if spec.place == "home" else EDGE_REGION,
            tags=self._args.tags,
            opts=self.child(spec.runbook),
            **alarm_arguments(spec),
        )

    def _composites(
        self, specs: Sequence[AlarmSpec], alarms: Mapping[str, cloudwatch.MetricAlarm]
    ) -> list[cloudwatch.CompositeAlarm]:
        """One "the service is down" a Region: a composite takes alarms of its own Region alone."""
        args = self._args
        pages = [spec for spec in specs if spec.severity == "page"]
        if args.region == EDGE_REGION:
            groups = {"service-down": (EDGE_REGION, pages)}
        else:
            groups = {
                "service-down": (args.region, [s for s in pages if s.place == "home"]),
                "edge-down": (EDGE_REGION, [s for s in pages if s.place == "edge"]),
            }
        return [
            cloudwatch.CompositeAlarm(
                f"{self._name}-{key}",
                alarm_name=f"{args.prefix}-{key}",
                alarm_description=f"{args.project} {args.stack}: the service is down, seen from {region}. "
                "What to do: docs/operations.md#the-service-is-down",
                alarm_rule=any_of([alarms[spec.key].name for spec in members]),
                alarm_actions=[(self._topic if region == args.region else self._edge_topic).arn],
                ok_actions=[(self._topic if region == args.region else self._edge_topic).arn],
                region=region,
                tags=args.tags,
                opts=self.child(key),
            )
            for key, (region, members) in groups.items()
            if members
        ]

    def _events(self) -> None:
        """A turn of the key rotation, and a deployment an instance refused, are told as they happen."""
        source = self._args.secrets.rotation_event_source
        if source is not None:
            self._rule("rotation", "The API key was rotated", json.dumps({"source": [source]}))
        instance = self._args.api.instance if self._args.api is not None else None
        if instance is not None:
            pattern = {
                "source": ["aws.ssm"],
                "detail-type": ["EC2 State Manager Instance Association State Change"],
                "detail": {"instance-id": [instance.instance_id], "status": ["Failed", "TimedOut"]},
            }
            self._rule(
                "deployment",
                "The instance refused a deployment and kept the version before",
                pulumi.Output.json_dumps(pattern),
            )

    def _rule(self, what: str, description: str, pattern: pulumi.Input[str]) -> None:
        rule = cloudwatch.EventRule(
            f"{self._name}-{what}-rule",
            description=description,
            event_pattern=pattern,
            region=self._args.region,
            tags=self._args.tags,
            opts=self.child(f"{what}-rule"),
        )
        cloudwatch.EventTarget(
            f"{self._name}-{what}-target",
            rule=rule.name,
            target_id="topic",
            arn=self._topic.arn,
            region=self._args.region,
            opts=self.child(f"{what}-target", depends_on=[self._topic.policy]),
        )

    def _money(self) -> None:
        """Both services live in us-east-1, so they tell the topic there."""
        self._budget()
        if self._args.cost_anomaly_monitor:
            self._anomalies()

    def _budget(self) -> None:
        args = self._args
        budgets.Budget(
            f"{self._name}-budget",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.monthly_budget_usd:.2f}",
            limit_unit="USD",
            cost_filters=[
                budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[money.tag_filter(args.stack)])
            ],
            notifications=money.budget_notifications(self._edge_topic.arn, args.alarm_email),
            tags=args.tags,
            opts=self.child("budget", depends_on=[self._edge_topic.policy]),
        )

    def _anomalies(self) -> None:
        args = self._args
        monitor = costexplorer.AnomalyMonitor(
            f"{self._name}-anomaly-monitor",
            name=f"{args.prefix}-costs",
            monitor_type="CUSTOM",
            monitor_specification=money.monitor_specification(args.stack),
            tags=args.tags,
            opts=self.child("anomaly-monitor"),
        )
        costexplorer.AnomalySubscription(
            f"{self._name}-anomaly-subscription",
            name=f"{args.prefix}-costs",
            # A topic takes IMMEDIATE alone, mail DAILY or WEEKLY alone.
            frequency="IMMEDIATE",
            monitor_arn_lists=[monitor.arn],
            subscribers=[
                costexplorer.AnomalySubscriptionSubscriberArgs(type="SNS", address=self._edge_topic.arn)
            ],
            threshold_expression=money.anomaly_threshold(),
            tags=args.tags,
            opts=self.child("anomaly-subscription", depends_on=[self._edge_topic.policy]),
        )

    def _dashboard(
        self, specs: Sequence[AlarmSpec], alarms: Mapping[str, cloudwatch.MetricAlarm]
    ) -> cloudwatch.Dashboard:
        args = self._args
        body = dashboard_body(
            site=args.site,
            api=args.api,
            region=args.region,
            title=f"{args.project} {args.stack}",
            alarm_arns={
                "Alarms of the edge": [alarms[s.key].arn for s in specs if s.place == "edge"],
                "Alarms of the API": [alarms[s.key].arn for s in specs if s.place == "home"],
            },
            log_retention_days=args.log_retention_days,
            spend_limit=hourly_limit(args.monthly_budget_usd),
        )
        return cloudwatch.Dashboard(
            f"{self._name}-dashboard",
            dashboard_name=args.prefix,
            dashboard_body=pulumi.Output.json_dumps(body),
            region=args.region,
            opts=self.child("dashboard"),
        )
