"""The Fargate backend: tasks behind an internal load balancer behind a CloudFront VPC origin."""

from __future__ import annotations

from typing import Any, ClassVar

import pulumi
from pulumi_aws import cloudwatch, ec2, ecs, iam, vpc

from components.iam import document
from components.interfaces import ApiOrigin, ApiTelemetry, EcsServiceTelemetry, LoadBalancerTelemetry
from components.orchestrator_api import load_balancer, scaling
from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.host import Host
from components.orchestrator_api.load_balancer import APP_PORT
from components.orchestrator_api.permissions import join, trust, write_logs
from components.orchestrator_api.task import DEFAULT_IMAGE, container, is_private_ecr, pull_statements
from components.orchestrator_api.vpc_origin import make_vpc_origin

DEFAULT_CPU = 256
DEFAULT_MEMORY_MB = 512

# CPU units to MB of memory (Amazon ECS Developer Guide, "Task CPU and memory").
_GB = 1024
MEMORY_MB: dict[int, tuple[int, ...]] = {
    256: (512, 1 * _GB, 2 * _GB),
    512: tuple(range(1 * _GB, 4 * _GB + 1, _GB)),
    1024: tuple(range(2 * _GB, 8 * _GB + 1, _GB)),
    2048: tuple(range(4 * _GB, 16 * _GB + 1, _GB)),
    4096: tuple(range(8 * _GB, 30 * _GB + 1, _GB)),
    8192: tuple(range(16 * _GB, 60 * _GB + 1, 4 * _GB)),
    16384: tuple(range(32 * _GB, 120 * _GB + 1, 8 * _GB)),
}

GRACE_S = 60
"""Seconds a new task may take to get healthy before its failed checks count."""


class OnFargate:
    """The API on Fargate. See ``Backend`` for the attributes."""

    CHILDREN: ClassVar[tuple[str, ...]] = (
        "cluster",
        "cluster-capacity",
        "tasks-group",
        "tasks-in",
        "task-logs",
        "task-execution-role",
        "task-execution-policy",
        "task-role",
        "task-policy",
        "task",
        "service",
        *load_balancer.CHILDREN,
        *scaling.CHILDREN,
        "balancer-origin",
    )

    def __init__(self, host: Host) -> None:
        self._host = host
        self._make = host.make
        network = host.network
        self._logs = self._log_group()
        group = self._task_group()
        out = network.let_out(self._make, "tasks", group)
        balancer = load_balancer.make_load_balancer(self._make, network, group)
        admitted = self._admit_balancer(group, balancer.group)
        cluster = self._cluster()
        definition, policies = self._definition()
        alarms = scaling.rollback_alarms(self._make, balancer)
        service = self._service(
            cluster,
            definition,
            balancer,
            group,
            alarms,
            ready=[*network.ready, *out, *policies, admitted, *host.stored],
        )
        scaling.scale(self._make, cluster, service, balancer)
        origin = make_vpc_origin(
            self._make,
            "balancer-origin",
            arn=balancer.balancer.arn,
            # Another protocol is another VPC origin too, and stands beside the first for a while.
            name=pulumi.Output.concat(balancer.balancer.name, "-", balancer.protocol.removesuffix("-only")),
            protocol=balancer.protocol,
            ready=[*network.ready, *balancer.rules, balancer.listener, service],
        )
        self.origin = ApiOrigin(
            domain_name=balancer.host,
            protocol=balancer.protocol,
            vpc_origin_id=origin.id,
            headers=host.origin_headers(),
        )
        self.telemetry = self._telemetry(cluster, service, balancer)

    @staticmethod
    def problems(args: OrchestratorApiArgs) -> list[str]:
        """What of ``args`` a service cannot be made with."""
        found = []
        cpu, memory = sizes(args)
        if cpu not in MEMORY_MB:
            found.append(f"cpu is {cpu}; Fargate takes {', '.join(map(str, MEMORY_MB))}")
        elif memory not in MEMORY_MB[cpu]:
            allowed = ", ".join(map(str, MEMORY_MB[cpu]))
            found.append(f"memory_mb is {memory}; with cpu {cpu} Fargate takes {allowed}")
        if not 1 <= args.min_tasks <= args.max_tasks:
            found.append(f"min_tasks is {args.min_tasks}; 1 to max_tasks ({args.max_tasks}) are allowed")
        if args.image and "@sha256:" not in args.image:
            found.append(f"image is {args.image!r}; an image by digest is wanted, such as name@sha256:…")
        if args.egress == "endpoints" and not is_private_ecr(args.image):
            found.append(
                "egress is 'endpoints': a public image cannot be pulled without a way to the internet; "
                "image must be one by digest in a private ECR repository of this Region"
            )
        if not 0 <= args.spot_share <= 100:
            found.append(f"spot_share is {args.spot_share}; 0 to 100 (percent) are allowed")
        return found + scaling.problems(args)

    # -- children ---------------------------------------------------------------------------

    def _log_group(self) -> cloudwatch.LogGroup:
        args = self._host.args
        return cloudwatch.LogGroup(
            f"{self._host.name}-task-logs",
            name=f"{args.log_prefix}/tasks",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.secrets.kms_key_arn,
            tags=dict(args.tags),
            opts=self._host.child("task-logs"),
        )

    def _task_group(self) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{self._host.name}-tasks-group",
            vpc_id=self._host.network.vpc_id,
            description="Tasks: from the load balancer to AWS",
            tags=self._make.tags("tasks"),
            opts=self._host.child("tasks-group"),
        )

    def _admit_balancer(
        self, tasks: ec2.SecurityGroup, balancer: ec2.SecurityGroup
    ) -> vpc.SecurityGroupIngressRule:
        return vpc.SecurityGroupIngressRule(
            f"{self._host.name}-tasks-in",
            security_group_id=tasks.id,
            ip_protocol="tcp",
            from_port=APP_PORT,
            to_port=APP_PORT,
            referenced_security_group_id=balancer.id,
            description="Load balancer",
            tags=self._make.tags("tasks-in"),
            opts=self._host.child("tasks-in"),
        )

    def _cluster(self) -> ecs.Cluster:
        # A dozen paid metrics; the alarms do without them.
        insights = "enabled" if self._host.args.protect_data else "disabled"
        cluster = ecs.Cluster(
            f"{self._host.name}-cluster",
            settings=[ecs.ClusterSettingArgs(name="containerInsights", value=insights)],
            tags=dict(self._host.args.tags),
            opts=self._host.child("cluster"),
        )
        ecs.ClusterCapacityProviders(
            f"{self._host.name}-cluster-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            opts=self._host.child("cluster-capacity"),
        )
        return cluster

    def _role(self, key: str, what: str, policy: dict[str, Any]) -> tuple[iam.Role, iam.RolePolicy]:
        args = self._host.args
        tasks = join(f"arn:aws:ecs:{args.region}:", args.account_id, ":*")
        role = iam.Role(
            f"{self._host.name}-{key}-role",
            description=what,
            assume_role_policy=pulumi.Output.json_dumps(
                trust("ecs-tasks.amazonaws.com", args.account_id, tasks)
            ),
            tags=dict(args.tags),
            opts=self._host.child(f"{key}-role"),
        )
        attached = iam.RolePolicy(
            f"{self._host.name}-{key}-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(policy),
            opts=self._host.child(f"{key}-policy"),
        )
        return role, attached

    def _definition(self) -> tuple[ecs.TaskDefinition, list[pulumi.Resource]]:
        host, args = self._host, self._host.args
        cpu, memory = sizes(args)
        execution, execution_policy = self._role(
            "task-execution",
            "Lets ECS start the agent API's tasks",
            document(write_logs(self._logs.arn), *pull_statements(args)),
        )
        role, policy = self._role(
            "task",
            "What the agent API may do on Fargate",
            document(*host.statements(), *(host.artifact.statements() if host.artifact else [])),
        )
        definition = ecs.TaskDefinition(
            f"{host.name}-task",
            family=f"{args.project}-{args.stack}-api",
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(cpu),
            memory=str(memory),
            runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
                cpu_architecture="ARM64", operating_system_family="LINUX"
            ),
            execution_role_arn=execution.arn,
            task_role_arn=role.arn,
            container_definitions=pulumi.Output.json_dumps(
                [
                    container(
                        image=args.image or DEFAULT_IMAGE,
                        environment={
                            **host.environment("fargate"),
                            "AWS_REGION": args.region,
                            "MAX_CONCURRENCY": str(args.max_concurrency),
                        },
                        artifact=host.artifact,
                        log_group=self._logs.name,
                        region=args.region,
                    )
                ]
            ),
            # A rollback goes to the revision before: it must still be there.
            skip_destroy=True,
            tags=dict(args.tags),
            opts=host.child("task"),
        )
        return definition, [execution_policy, policy]

    def _service(
        self,
        cluster: ecs.Cluster,
        definition: ecs.TaskDefinition,
        balancer: load_balancer.LoadBalancer,
        group: ec2.SecurityGroup,
        alarms: list[cloudwatch.MetricAlarm],
        ready: list[pulumi.Resource],
    ) -> ecs.Service:
        host, args, network = self._host, self._host.args, self._host.network
        public = network.egress == "public-ip"
        return ecs.Service(
            f"{host.name}-service",
            cluster=cluster.arn,
            task_definition=definition.arn,
            desired_count=args.min_tasks,
            capacity_provider_strategies=[
                # The floor never stands on Spot.
                ecs.ServiceCapacityProviderStrategyArgs(
                    capacity_provider="FARGATE", base=args.min_tasks, weight=100 - args.spot_share
                ),
                ecs.ServiceCapacityProviderStrategyArgs(
                    capacity_provider="FARGATE_SPOT", weight=args.spot_share
                ),
            ],
            network_configuration=ecs.ServiceNetworkConfigurationArgs(
                subnets=list(network.public_subnets if public else network.private_subnets),
                security_groups=[group.id],
                assign_public_ip=public,
            ),
            load_balancers=[
                ecs.ServiceLoadBalancerArgs(
                    target_group_arn=balancer.targets.arn, container_name="api", container_port=APP_PORT
                )
            ],
            health_check_grace_period_seconds=GRACE_S,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            alarms=ecs.ServiceAlarmsArgs(
                alarm_names=[alarm.name for alarm in alarms], enable=True, rollback=True
            ),
            availability_zone_rebalancing="ENABLED",
            # The agent of ECS Exec writes to the root file system, which is read-only.
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            # Without it the provider refuses another floor or share of Spot on a service that runs.
            force_new_deployment=True,
            # `pulumi up` ends when the new tasks answer, and fails when they were rolled back.
            wait_for_steady_state=True,
            sigint_rollback=True,
            tags=dict(args.tags),
            opts=host.child(
                "service",
                depends_on=[balancer.listener, *ready],
                # Autoscaling owns it from the first moment on.
                ignore_changes=["desiredCount"],
            ),
        )

    def _telemetry(
        self, cluster: ecs.Cluster, service: ecs.Service, balancer: load_balancer.LoadBalancer
    ) -> ApiTelemetry:
        args = self._host.args
        return ApiTelemetry(
            kind="fargate",
            log_groups={"API": self._logs.name},
            metric_namespace=args.metric_namespace,
            table_name=self._host.table.name,
            models=tuple(args.bedrock_models),
            load_balancer=LoadBalancerTelemetry(
                load_balancer=balancer.balancer.arn_suffix, target_group=balancer.targets.arn_suffix
            ),
            service=EcsServiceTelemetry(
                cluster_name=cluster.name,
                service_name=service.name,
                min_tasks=args.min_tasks,
                pauses=bool(args.work_hours),
            ),
        )


def sizes(args: OrchestratorApiArgs) -> tuple[int, int]:
    """CPU units and MB of a task; what is not given is the smallest that goes with the other."""
    cpu = args.cpu or DEFAULT_CPU
    return cpu, args.memory_mb or MEMORY_MB.get(cpu, (DEFAULT_MEMORY_MB,))[0]
