"""Which tool manages a resource, by the tags it leaves."""

from __future__ import annotations

from collections.abc import Mapping

_BY_KEY = (
    ("aws:cloudformation:stack-name", "CloudFormation stack"),
    ("aws:cdk:path", "CDK"),
    ("sst:app", "SST app"),
    ("serverless", "Serverless Framework"),
    ("STAGE", "Serverless Framework stage"),
    ("amplify:app-id", "Amplify app"),
    ("user:Application", "Copilot application"),
    ("copilot-application", "Copilot application"),
    ("elasticbeanstalk:environment-name", "Elastic Beanstalk environment"),
    ("hashicorp:terraform", "Terraform"),
)
_BY_VALUE = (
    "terraform",
    "opentofu",
    "cloudformation",
    "cdk",
    "pulumi",
    "crossplane",
    "ansible",
    "terragrunt",
)
_VALUE_KEYS = frozenset(
    {"managedby", "managed-by", "managed_by", "createdby", "created-by", "provisioner", "iac"}
)


def is_ours(tags: Mapping[str, str]) -> bool:
    """Whether a stack of this program made or adopted it."""
    return tags.get("ManagedBy") == "pulumi" and tags.get("Project") == "orchestrator"


def managed_by(tags: Mapping[str, str], *, stack: str = "") -> str:
    """Tool and stack, such as ``CloudFormation stack web``; "": no sign of one.

    Args:
        tags: of the resource.
        stack: the stack of this program that asks; "": any of them is no conflict.
    """
    if is_ours(tags):
        other = tags.get("Stack", "")
        return f"the orchestrator stack '{other}'" if stack and other != stack else ""
    for key, tool in _BY_KEY:
        if key in tags:
            return f"{tool} {tags[key]}".strip()
    for key, value in tags.items():
        if key.lower() in _VALUE_KEYS and value.lower() in _BY_VALUE:
            return f"{value} (tag {key})"
    return ""
