"""The instance's alarms and what its CloudWatch agent sends: same namespace, names and dimensions."""

from __future__ import annotations

import base64
import json
from typing import Any

import pulumi

from components.interfaces import ApiTelemetry
from components.monitoring import Monitoring
from components.orchestrator_api import OrchestratorApi
from components.orchestrator_api.instance_setup import agent_config
from tests.components.harness import Deployment, deploy
from tests.components.monitoring.support import arguments
from tests.components.orchestrator_api.make import arguments as api_arguments

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
AGENTS = {"monitoring-disk-full", "monitoring-instance-memory"}


def sent(config: dict[str, Any]) -> dict[str, list[list[str]]]:
    """Metric name to the sets of dimensions the agent sends it with.

    The name is ``<plugin>_<measurement>``. ``aggregation_dimensions`` are sent beside the plugin's own, from
    which ``drop_original_metrics`` takes a metric out (Amazon CloudWatch User Guide, "Manually create or edit
    the CloudWatch agent configuration file").
    """
    metrics = config["metrics"]
    appended = sorted(metrics["append_dimensions"])
    own = {"disk": ["device", "fstype", "path"], "mem": []}
    found = {}
    for plugin, settings in metrics["metrics_collected"].items():
        for measurement in settings["measurement"]:
            sets = [sorted(one) for one in metrics.get("aggregation_dimensions", [])]
            if measurement not in settings.get("drop_original_metrics", []):
                sets.append(sorted([*appended, *own[plugin]]))
            found[f"{plugin}_{measurement}"] = sets
    return found


def stack() -> Deployment:
    """A production API on an instance, and what watches it."""

    def program() -> dict[str, Any]:
        api = OrchestratorApi("api", api_arguments(backend="ec2", protect_data=True, log_retention_days=365))
        Monitoring("monitoring", arguments(api=api.telemetry))
        return {"telemetry": api.telemetry, "instance": pulumi.Output.from_input(_instance(api.telemetry))}

    return deploy(program)


def _instance(telemetry: ApiTelemetry) -> pulumi.Input[str]:
    assert telemetry.instance is not None
    return telemetry.instance.instance_id


def test_each_alarm_on_the_agent_reads_a_series_the_agent_sends() -> None:
    d = stack()
    coded = d.one("aws:ec2/instance:Instance", "api-instance").inputs["userDataBase64"]
    script = base64.b64decode(coded).decode()
    config = json.loads(script.split("<<'AGENT'\n")[1].split("\nAGENT\n")[0])
    assert config == agent_config(
        config["logs"]["logs_collected"]["files"]["collect_list"][0]["log_group_name"],
        config["metrics"]["namespace"],
    )
    series = sent(config)
    space = config["metrics"]["namespace"]
    alarms = {a.name: a.inputs for a in d.all(ALARM) if a.inputs.get("namespace") == space}
    assert set(alarms) == AGENTS
    for name, alarm in alarms.items():
        assert alarm["dimensions"] == {"InstanceId": d.value("instance")}, name
        assert ["InstanceId"] in series[alarm["metricName"]], name
        # No second series: the alarm's would be one of several, each paid for.
        assert {tuple(one) for one in series[alarm["metricName"]]} == {("InstanceId",)}, name


def test_the_agent_config_without_the_roll_up_would_be_found() -> None:
    config = agent_config("group", "space")
    del config["metrics"]["aggregation_dimensions"]
    assert ["InstanceId"] not in sent(config)["disk_used_percent"]
