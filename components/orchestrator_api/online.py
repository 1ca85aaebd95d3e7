"""Waits for an instance to take orders, before the first order is given.

The provider waits for a release only while it creates the association, and an association with an
instance that Systems Manager does not know yet counts as a success over no instances at all
(https://github.com/hashicorp/terraform-provider-aws/issues/31175). CloudFront would be led to a machine
that is still starting.
"""

from __future__ import annotations

import asyncio
import time

import pulumi
from pulumi_aws import ssm

from components.orchestrator_api.maker import Maker

TIMEOUT_S = 900.0
"""A start takes one to two minutes; in a network without a way out it never ends."""

PAUSE_S = 10.0


def wait_for_agent(
    make: Maker, *, timeout_s: float = TIMEOUT_S, pause_s: float = PAUSE_S
) -> pulumi.ResourceHook:
    """The hook to run before an association is created; it does nothing in a preview.

    Args:
        make: names and options.
        timeout_s: seconds after which it gives up; ``pulumi up`` fails then, with what was before untouched.
        pause_s: seconds between two looks.
    """

    async def agent_is_online(association: pulumi.ResourceHookArgs) -> None:
        inputs = association.new_inputs or {}
        (instance,) = inputs["targets"][0]["values"]
        deadline = time.monotonic() + timeout_s
        while instance not in await _online(make, instance):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"instance {instance} did not report to Systems Manager within {timeout_s / 60:g} "
                    "minutes; has its subnet a way out (HTTPS to ssm and ssmmessages)? Its start is told "
                    f"by: aws ec2 get-console-output --latest --instance-id {instance}"
                )
            await asyncio.sleep(pause_s)

    return pulumi.ResourceHook(f"{make.name}-agent-is-online", agent_is_online)


async def _online(make: Maker, instance: str) -> list[str]:
    """The id of the instance if its agent answers, else nothing; the program's own provider asks."""
    found = ssm.get_instances_output(
        filters=[
            ssm.GetInstancesFilterArgs(name="InstanceIds", values=[instance]),
            ssm.GetInstancesFilterArgs(name="PingStatus", values=["Online"]),
        ],
        opts=make.lookup(),
    )
    return list(await found.ids.future() or [])
