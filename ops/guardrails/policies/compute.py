"""Functions, containers and instances."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ops.guardrails.facts import as_list, get, leaves, parsed, protects_data
from ops.guardrails.model import WELL_ARCHITECTED, Violation, policy
from ops.guardrails.policies.logs import containers
from ops.plan import UNKNOWN, Plan, PlannedResource

SUPPORTED_RUNTIMES = frozenset(
    {
        "python3.11", "python3.12", "python3.13", "python3.14",
        "nodejs22.x", "nodejs24.x", "java17", "java21", "java25", "dotnet8", "dotnet10",
        "ruby3.3", "ruby3.4", "provided.al2023",
    }
)  # fmt: skip
"""Not yet deprecated on 2026-11-22 by https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html."""

_SECRET_NAME = re.compile(r"(?i)(secret|token|passwo?r?d|api_?key|private_?key|credential)")
_REFERENCE = re.compile(r"(?i)(_arn|_name|_id|_path|_file|_ttl|_days|_url)s?$")


@policy(
    "instance-metadata-v2",
    "mandatory",
    "Instances answer metadata requests of version 2 alone.",
    controls=("EC2.8", "EC2.170"),
)
def instance_metadata_v2(plan: Plan) -> Iterator[Violation]:
    for type_ in ("aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"):
        for instance in plan.all(type_):
            tokens = get(instance.inputs, "metadataOptions", "httpTokens")
            if tokens != "required":
                yield Violation(
                    resource=instance,
                    message=f"metadataOptions.httpTokens is {tokens!r}",
                    mend="set metadata_options http_tokens='required'",
                )


@policy(
    "instance-without-ssh",
    "mandatory",
    "Nobody logs in with a key pair: instances are reached through Systems Manager.",
    sources=(f"{WELL_ARCHITECTED}/security-pillar/sec_protect_compute_reduce_manual_management.html",),
)
def instance_without_ssh(plan: Plan) -> Iterator[Violation]:
    for type_ in ("aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate"):
        for instance in plan.all(type_):
            if instance.inputs.get("keyName"):
                yield Violation(resource=instance, message="it has a key pair", mend="leave key_name out")
    for pair in plan.all("aws:ec2/keyPair:KeyPair"):
        yield Violation(resource=pair, message="a key pair", mend="use Session Manager")


@policy(
    "function-runtime-supported",
    "mandatory",
    "Functions run on a runtime that AWS still patches.",
    controls=("Lambda.2",),
)
def function_runtime_supported(plan: Plan) -> Iterator[Violation]:
    for function in plan.all("aws:lambda/function:Function"):
        runtime = function.inputs.get("runtime")
        if function.inputs.get("packageType", "Zip") == "Zip" and runtime not in SUPPORTED_RUNTIMES:
            yield Violation(
                resource=function,
                message=f"runtime {runtime!r}; supported: {', '.join(sorted(SUPPORTED_RUNTIMES))}",
                mend="move to a supported runtime",
            )


@policy(
    "async-failure-is-kept",
    "advisory",
    "What a function fails to do asynchronously is kept somewhere.",
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",),
)
def async_failure_is_kept(plan: Plan) -> Iterator[Violation]:
    configured = {
        str(c.inputs.get("functionName"))
        for c in plan.all("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
        if get(c.inputs, "destinationConfig", "onFailure", "destination")
    }
    for function in plan.all("aws:lambda/function:Function"):
        mine = {str(function.outputs.get(k) or function.inputs.get(k)) for k in ("name", "arn")}
        if not mine & configured and not get(function.inputs, "deadLetterConfig", "targetArn"):
            yield Violation(
                resource=function,
                message="neither a failure destination nor a dead-letter target",
                mend="add a FunctionEventInvokeConfig with on_failure",
            )


@policy(
    "no-secret-in-environment",
    "mandatory",
    "No secret stands in the environment or the start script of a function, container or instance.",
    controls=("ECS.8",),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",),
)
def no_secret_in_environment(plan: Plan) -> Iterator[Violation]:
    for resource, name, value in _environment(plan):
        named = _SECRET_NAME.search(name) and not _REFERENCE.search(name)
        reference = str(value).startswith("arn:") or value in ("", "true", "false") or str(value).isdigit()
        if named and not reference and value != UNKNOWN:
            yield Violation(
                resource=resource,
                message=f"environment variable {name} looks like a secret",
                mend="pass the ARN of a secret and read it at start",
                subjects=(name,),
            )
    for resource in plan.custom():
        for path in sorted(resource.secret_paths):
            if path.startswith(("environment", "containerDefinitions", "userData")):
                yield Violation(
                    resource=resource,
                    message=f"{path} holds a Pulumi secret, which the console shows in plain text",
                    mend="pass the ARN of a secret and read it at start",
                    subjects=(path,),
                )


def _environment(plan: Plan) -> Iterator[tuple[PlannedResource, str, object]]:
    for function in plan.all("aws:lambda/function:Function"):
        for name, value in (get(function.inputs, "environment", "variables") or {}).items():
            yield function, name, value
    for task, container in containers(plan):
        for entry in as_list(container.get("environment")):
            yield task, str(entry.get("name")), entry.get("value")


@policy(
    "secrets-stay-secret",
    "mandatory",
    "A value that is a secret in one place is a secret in all places.",
    sources=(f"{WELL_ARCHITECTED}/security-pillar/sec_identities_secrets.html",),
)
def secrets_stay_secret(plan: Plan) -> Iterator[Violation]:
    secrets: set[str] = set()
    for resource in plan.resources:
        secrets.update(
            value
            for path, value in leaves(resource.inputs)
            if isinstance(value, str) and len(value) >= 12 and value != UNKNOWN and _is_secret(resource, path)
        )
    for resource in plan.resources:
        for path, value in leaves(resource.inputs):
            if isinstance(value, str) and not _is_secret(resource, path) and any(s in value for s in secrets):
                yield Violation(
                    resource=resource,
                    message=f"{path} holds in plain text what is a secret elsewhere",
                    mend="pass the Output itself; do not unwrap it",
                    subjects=(path,),
                )


def _is_secret(resource: PlannedResource, path: str) -> bool:
    return any(path == s or path.startswith((f"{s}.", f"{s}[")) for s in resource.secret_paths)


@policy(
    "container-hardened",
    "mandatory",
    "Containers are unprivileged, run as a user of their own and cannot write their root file system.",
    controls=("ECS.5", "ECS.4", "ECS.20"),
)
def container_hardened(plan: Plan) -> Iterator[Violation]:
    for task, container in containers(plan):
        problems = []
        if container.get("privileged"):
            problems.append("privileged")
        if container.get("readonlyRootFilesystem") is not True:
            problems.append("readonlyRootFilesystem")
        if str(container.get("user", "")) in ("", "0", "root"):
            problems.append("user")
        if problems:
            yield Violation(
                resource=task,
                message=f"container {container.get('name')}: {', '.join(problems)}",
                mend="set privileged false, readonlyRootFilesystem true and a user that is not root",
                subjects=tuple(problems),
            )


@policy(
    "task-isolated",
    "mandatory",
    "Tasks share neither network nor processes with their host, and run on the newest platform.",
    controls=("ECS.10", "ECS.3", "ECS.17"),
)
def task_isolated(plan: Plan) -> Iterator[Violation]:
    for task in plan.all("aws:ecs/taskDefinition:TaskDefinition"):
        network, processes = task.inputs.get("networkMode"), task.inputs.get("pidMode")
        if network != "awsvpc" or processes == "host":
            yield Violation(
                resource=task,
                message=f"networkMode {network!r}, pidMode {processes!r}",
                mend="set network_mode='awsvpc' and leave pid_mode out",
            )
    for service in plan.all("aws:ecs/service:Service"):
        if service.inputs.get("platformVersion", "LATEST") != "LATEST":
            yield Violation(
                resource=service,
                message=f"platformVersion {service.inputs['platformVersion']}",
                mend="leave platform_version out",
            )


@policy(
    "no-shell-into-production",
    "mandatory",
    "With protectData on, nobody opens a shell in a running container.",
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html",
        f"{WELL_ARCHITECTED}/security-pillar/sec_protect_compute_reduce_manual_management.html",
    ),
)
def no_shell_into_production(plan: Plan) -> Iterator[Violation]:
    if not protects_data(plan):
        return
    for service in plan.all("aws:ecs/service:Service"):
        if service.inputs.get("enableExecuteCommand") is True:
            yield Violation(
                resource=service, message="ECS Exec is on", mend="leave enable_execute_command out"
            )


@policy(
    "deployment-rolls-back",
    "mandatory",
    "A failed deployment of a service rolls back by itself.",
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html",),
)
def deployment_rolls_back(plan: Plan) -> Iterator[Violation]:
    for service in plan.all("aws:ecs/service:Service"):
        if get(service.inputs, "deploymentCircuitBreaker", "rollback") is not True:
            yield Violation(
                resource=service,
                message="no circuit breaker with rollback",
                mend="set deployment_circuit_breaker enable and rollback",
            )


@policy(
    "start-script-readable",
    "advisory",
    "No start script carries a private key or an AWS key pair.",
    sources=("https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",),
)
def start_script_readable(plan: Plan) -> Iterator[Violation]:
    for resource in plan.custom():
        script = str(resource.inputs.get("userData", ""))
        content = parsed(script) if script[:1] == "{" else script
        if re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b", str(content)):
            yield Violation(resource=resource, message="userData holds a key", mend="read it from a secret")
