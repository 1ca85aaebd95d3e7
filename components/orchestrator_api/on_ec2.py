"""The EC2 backend: one hardened instance in a private subnet behind a CloudFront VPC origin.

Code and environment reach it through a Systems Manager association, which starts a release beside
the running one, checks it, switches, and falls back by itself; nobody logs in and no port is open
but CloudFront's.
"""

from __future__ import annotations

import base64
import json
from typing import ClassVar

import pulumi
from pulumi_aws import cloudwatch, ec2, iam, ssm

from components import forms
from components.iam import allow, assume_role, document
from components.interfaces import ApiOrigin, ApiTelemetry, InstanceTelemetry
from components.orchestrator_api import instance_setup
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.egress import AMI_PARAMETER
from components.orchestrator_api.endpoints import AGENT_CHANNELS, AGENT_MESSAGES, AGENT_SSM
from components.orchestrator_api.host import Host
from components.orchestrator_api.online import wait_for_agent
from components.orchestrator_api.permissions import write_logs
from components.orchestrator_api.vpc_origin import admit_cloudfront, make_vpc_origin

FRONT_PORT = 8080
DISK_GB = 8
DEFAULT_TYPE = "t4g.small"
RELEASE_TIMEOUT_S = 1800
"""How long `pulumi up` waits for a release; a new instance installs its packages first."""


class OnEc2:
    """The API on one instance. See ``Backend`` for the attributes."""

    CHILDREN: ClassVar[tuple[str, ...]] = (
        "instance-group",
        "instance-in",
        "instance-logs",
        "instance-role",
        "instance-policy",
        "instance-profile",
        "instance",
        "release-document",
        "release",
        "instance-recover",
        "instance-reboot",
        "instance-origin",
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self._make = host.make
        assert host.artifact is not None  # an instance always fetches it
        self._artifact = host.artifact
        network = host.network
        self._namespace = f"{host.args.metric_namespace}/instance"
        self._logs = self._log_group()
        group = self._group()
        inward = admit_cloudfront(self._make, "instance-in", group, FRONT_PORT)
        outward = network.let_out(self._make, "instance", group)
        profile, policy = self._profile()
        instance = self._instance(group, profile, [*network.ready, *outward, policy])
        release = self._release(instance)
        self._alarms(instance)
        origin = make_vpc_origin(
            self._make,
            "instance-origin",
            arn=instance.arn,
            name=pulumi.Output.concat(f"{host.args.project}-{host.args.stack}-", instance.id),
            protocol="http-only",
            http_port=FRONT_PORT,
            # CloudFront moves to an instance only after it answered.
            ready=[*network.ready, inward, release],
        )
        self.origin = ApiOrigin(
            domain_name=instance.private_dns,
            protocol="http-only",
            vpc_origin_id=origin.id,
            headers=host.origin_headers(),
        )
        self.telemetry = self._telemetry(instance)

    @staticmethod
    def problems(args: OrchestratorApiArgs) -> list[str]:
        """What of ``args`` an instance cannot be made with."""
        if not forms.ARM_INSTANCE.fullmatch(args.instance_type):
            return [
                f"instance_type is {args.instance_type!r}; a Graviton type is wanted, such as "
                f"{DEFAULT_TYPE}: the image is for arm64"
            ]
        return []

    # -- children ---------------------------------------------------------------------------

    def _log_group(self) -> cloudwatch.LogGroup:
        args = self._host.args
        return cloudwatch.LogGroup(
            f"{self._host.name}-instance-logs",
            name=f"{args.log_prefix}/instance",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.secrets.kms_key_arn,
            tags=dict(args.tags),
            opts=self._host.child("instance-logs"),
        )

    def _group(self) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{self._host.name}-instance-group",
            vpc_id=self._host.network.vpc_id,
            description="Instance: from CloudFront, to AWS",
            tags=self._make.tags("instance"),
            opts=self._host.child("instance-group"),
        )

    def _profile(self) -> tuple[iam.InstanceProfile, iam.RolePolicy]:
        host, args = self._host, self._host.args
        role = iam.Role(
            f"{host.name}-instance-role",
            description="What the agent API and the agents beside it may do on EC2",
            assume_role_policy=json.dumps(assume_role("ec2.amazonaws.com")),
            tags=dict(args.tags),
            opts=host.child("instance-role"),
        )
        policy = iam.RolePolicy(
            f"{host.name}-instance-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                document(
                    *host.statements(),
                    *self._artifact.statements(),
                    write_logs(self._logs.arn),
                    # The actions of the two agents name no resources (Service Authorization Reference).
                    allow(
                        "Metrics",
                        ["cloudwatch:PutMetricData"],
                        ["*"],
                        {"StringEquals": {"cloudwatch:namespace": self._namespace}},
                    ),
                    allow("SystemsManager", [*AGENT_SSM, *AGENT_CHANNELS, *AGENT_MESSAGES], ["*"]),
                )
            ),
            opts=host.child("instance-policy"),
        )
        profile = iam.InstanceProfile(
            f"{host.name}-instance-profile",
            role=role.name,
            tags=dict(args.tags),
            opts=host.child("instance-profile"),
        )
        return profile, policy

    def _instance(
        self, group: ec2.SecurityGroup, profile: iam.InstanceProfile, ready: list[pulumi.Resource]
    ) -> ec2.Instance:
        host, args = self._host, self._host.args
        script = instance_setup.user_data(f"{args.log_prefix}/instance", self._namespace)
        return ec2.Instance(
            f"{host.name}-instance",
            ami=ssm.get_parameter_output(name=AMI_PARAMETER, opts=self._make.lookup()).value,
            instance_type=args.instance_type,
            subnet_id=host.network.private_subnets[0],
            vpc_security_group_ids=[group.id],
            associate_public_ip_address=False,
            iam_instance_profile=profile.name,
            user_data_base64=base64.b64encode(script.encode()).decode(),
            user_data_replace_on_change=True,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                # No container runs here that would be one hop further away.
                http_put_response_hop_limit=1,
                instance_metadata_tags="disabled",
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=DISK_GB,
                encrypted=True,
                delete_on_termination=True,
                tags=self._make.tags("instance"),
            ),
            # Unlimited credits would bill a busy month beyond the instance's price.
            credit_specification=ec2.InstanceCreditSpecificationArgs(cpu_credits="standard")
            if args.instance_type.startswith("t")
            else None,
            maintenance_options=ec2.InstanceMaintenanceOptionsArgs(auto_recovery="default"),
            instance_initiated_shutdown_behavior="stop",
            tags=self._make.tags("instance"),
            opts=host.child(
                "instance",
                depends_on=ready,
                # A newer image is for the next instance; a running one installs security updates itself.
                ignore_changes=["ami"],
                # AWS would stop a running instance to change it; a second one can answer before it goes.
                replace_on_changes=["instanceType", "userDataBase64", "rootBlockDevice"],
            ),
        )

    def _release(self, instance: ec2.Instance) -> ssm.Association:
        host, args, artifact = self._host, self._host.args, self._artifact
        made = ssm.Document(
            f"{host.name}-release-document",
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=json.dumps(instance_setup.release_document()),
            tags=dict(args.tags),
            opts=host.child("release-document"),
        )
        environment = {
            **host.environment("ec2"),
            "AWS_REGION": args.region,
            "MAX_CONCURRENCY": str(args.max_concurrency),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return ssm.Association(
            f"{host.name}-release",
            name=made.name,
            association_name=self._association_name,
            targets=[ssm.AssociationTargetArgs(key="InstanceIds", values=[instance.id])],
            parameters={
                "bucket": artifact.bucket,
                "key": artifact.key,
                "sha256": artifact.sha256,
                "size": str(args.artifact.size),
                "region": args.region,
                "environment": pulumi.Output.json_dumps(environment, sort_keys=True).apply(_base64),
            },
            # Also the repair: a release that died is restarted, or the one before comes back.
            schedule_expression="rate(30 minutes)",
            compliance_severity="HIGH",
            wait_for_success_timeout_seconds=RELEASE_TIMEOUT_S,
            tags=dict(args.tags),
            opts=host.child(
                "release",
                depends_on=[artifact.stored],
                hooks=pulumi.ResourceHookBinding(before_create=[wait_for_agent(self._make)]),
                # The provider waits for a release where it creates an association, and never where it updates
                # one: a new release or instance is a new association, and `up` fails when it did not answer.
                # Two of one name would both be applied to the instance; so the old one goes first, which
                # stops nothing that runs.
                replace_on_changes=["targets", "parameters"],
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create="40m", update="40m"),
            ),
        )

    @property
    def _association_name(self) -> str:
        return f"{self._host.args.project}-{self._host.args.stack}-release"

    def _alarms(self, instance: ec2.Instance) -> None:
        """EC2's own repairs: another host for a broken one, a restart for a system that hangs.

        What has disks in its host cannot move (Amazon EC2 User Guide, "Automatic instance recovery").
        """
        args = self._host.args
        repairs = [("reboot", "StatusCheckFailed_Instance", "reboot", 5, "is restarted")]
        if not forms.DISKS_IN_HOST.fullmatch(args.instance_type):
            repairs.append(("recover", "StatusCheckFailed_System", "recover", 2, "moves to another host"))
        for key, metric, action, minutes, what in repairs:
            cloudwatch.MetricAlarm(
                f"{self._host.name}-instance-{key}",
                name=f"{args.project}-{args.stack}-instance-{key}",
                alarm_description=f"The instance fails a status check and {what}",
                namespace="AWS/EC2",
                metric_name=metric,
                dimensions={"InstanceId": instance.id},
                statistic="Maximum",
                period=60,
                evaluation_periods=minutes,
                datapoints_to_alarm=minutes,
                comparison_operator="GreaterThanThreshold",
                threshold=0,
                treat_missing_data="missing",
                alarm_actions=[f"arn:aws:automate:{args.region}:ec2:{action}"],
                tags=dict(args.tags),
                opts=self._host.child(f"instance-{key}"),
            )

    def _telemetry(self, instance: ec2.Instance) -> ApiTelemetry:
        args = self._host.args
        return ApiTelemetry(
            kind="ec2",
            log_groups={"API": self._logs.name},
            metric_namespace=args.metric_namespace,
            table_name=self._host.table.name,
            models=tuple(args.bedrock_models),
            instance=InstanceTelemetry(
                instance_id=instance.id,
                namespace=self._namespace,
                association_name=self._association_name,
            ),
        )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
