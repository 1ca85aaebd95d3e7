"""The deployment's CloudWatch alarms."""

from __future__ import annotations

from typing import Annotated, Any

from api_handler.aws import AwsClients
from api_handler.tools.toolbox import ToolError

STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


class Alarms:
    """Reads alarms (``cloudwatch:DescribeAlarms``), never changes them.

    Args:
        clients: AWS clients.
        prefix: beginning of the names of this deployment's alarms.
    """

    def __init__(self, clients: AwsClients, prefix: str) -> None:
        self._clients = clients
        self._prefix = prefix

    async def cloudwatch_alarms(
        self,
        state: Annotated[str, "OK, ALARM or INSUFFICIENT_DATA; all when left out"] = "",
    ) -> dict[str, Any]:
        """Read this deployment's CloudWatch alarms: name, state, since when, and the reason."""
        if state and state not in STATES:
            raise ToolError(f"state must be one of {', '.join(STATES)}")
        arguments: dict[str, Any] = {"MaxRecords": 100, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        if self._prefix:
            arguments["AlarmNamePrefix"] = self._prefix
        if state:
            arguments["StateValue"] = state
        answer = await self._clients.call("cloudwatch", "describe_alarms", **arguments)
        found = [*answer.get("CompositeAlarms", []), *answer.get("MetricAlarms", [])]
        alarms = [
            {
                "name": alarm["AlarmName"],
                "state": alarm.get("StateValue"),
                "since": str(alarm.get("StateUpdatedTimestamp", "")),
                "reason": str(alarm.get("StateReason", ""))[:500],
            }
            for alarm in found
        ]
        return {"count": len(alarms), "alarms": alarms}
