"""The topics alarms go to: one at home, one in us-east-1 where what watches the edge lives."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms, sns

from components.component import Component, protection
from components.monitoring.args import MonitoringArgs
from components.monitoring.policies import EDGE_REGION, edge_key_policy, publishers, topic_policy
from components.topic_publishers import Publisher


@dataclass(frozen=True)
class Channel:
    """A topic that publishers are let into.

    Attributes:
        arn: of the topic.
        policy: who may publish; AWS Budgets, Cost Anomaly Detection and EventBridge are told of the topic
            only after it, since the first two try it when they are.
    """

    arn: pulumi.Output[str]
    policy: sns.TopicPolicy


def _publishers(args: MonitoringArgs, region: str) -> tuple[Publisher, ...]:
    """Who publishes to the topic of a Region, and uses the key under it."""
    return publishers(region, args.region, events=args.has_events, anomalies=args.cost_anomaly_monitor)


def make_topic(
    component: Component, name: str, args: MonitoringArgs, *, region: str, key: pulumi.Input[str] | None
) -> Channel:
    """A topic with its policy and, where there is an address, its subscriber.

    Args:
        component: parent.
        name: logical name of the component.
        args: the component's arguments.
        region: Region of the topic.
        key: ARN of a customer-managed key there; None: no encryption.
    """
    # The home topic's children are "topic…"; those of a second one in us-east-1 "edge-topic…".
    part = "topic" if region == args.region else "edge-topic"
    topic = sns.Topic(
        f"{name}-{part}",
        display_name=f"{args.project} {args.stack}"[:100],
        kms_master_key_id=key,
        signature_version=2,
        region=region,
        tags=args.tags,
        opts=component.child(part),
    )
    who = _publishers(args, region)

    def policy(known: list[str]) -> str:
        return json.dumps(topic_policy(known[0], who, account_id=known[1], region=region, prefix=args.prefix))

    admitted = sns.TopicPolicy(
        f"{name}-{part}-policy",
        arn=topic.arn,
        policy=pulumi.Output.all(topic.arn, args.account_id).apply(policy),
        region=region,
        opts=component.child(f"{part}-policy"),
    )
    if args.alarm_email:
        sns.TopicSubscription(
            f"{name}-{part}-email",
            topic=topic.arn,
            protocol="email",
            endpoint=args.alarm_email,
            region=region,
            opts=component.child(f"{part}-email"),
        )
    return Channel(arn=topic.arn, policy=admitted)


def make_edge_key(component: Component, name: str, args: MonitoringArgs) -> kms.Key:
    """The customer-managed key of the topic in us-east-1: keys do not cross Regions."""
    who = _publishers(args, EDGE_REGION)
    key = kms.Key(
        f"{name}-edge-key",
        description=f"{args.project} {args.stack}: the alarm topic in {EDGE_REGION}",
        enable_key_rotation=True,
        deletion_window_in_days=30,
        policy=pulumi.Output.from_input(args.account_id).apply(
            lambda account: json.dumps(edge_key_policy(who, account_id=account, prefix=args.prefix))
        ),
        region=EDGE_REGION,
        tags=args.tags,
        opts=component.child("edge-key", **protection(args.production)),
    )
    kms.Alias(
        f"{name}-edge-key-alias",
        name=f"alias/{args.prefix}-alarms",
        target_key_id=key.key_id,
        region=EDGE_REGION,
        opts=component.child("edge-key-alias"),
    )
    return key
