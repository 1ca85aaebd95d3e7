"""JSON lines for CloudWatch Logs, with metrics in the embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

_UNITS = {"Latency": "Milliseconds"}


class Log:
    """Writes one JSON object a line.

    Args:
        namespace: CloudWatch namespace of the metrics.
        write: takes a finished line.
    """

    def __init__(self, namespace: str = "Orchestrator", write: Callable[[str], Any] | None = None) -> None:
        self._namespace = namespace
        self._write = write or _to_stdout

    def line(self, event: str, level: str = "info", **fields: Any) -> None:
        """Write a line without metrics."""
        self._put({"timestamp": now_text(), "level": level, "event": event, **fields})

    def warn(self, event: str, **fields: Any) -> None:
        """Write a warning."""
        self.line(event, "warning", **fields)

    def failure(self, event: str, error: BaseException, **fields: Any) -> None:
        """Write where an exception came from; not its message, which may quote a prompt or a key."""
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
        self.line(event, "error", error=type(error).__name__, where=where, **fields)

    def request(self, fields: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Write the one line of a request: its fields, and metrics without dimensions."""
        self._put({"timestamp": now_text(), "level": "info", "event": "request", **fields}, metrics, [[]])

    def usage(self, agent: str, model: str, metrics: Mapping[str, float]) -> None:
        """Write what one agent used: metrics with the dimensions ``Agent`` and ``Model``."""
        fields = {"timestamp": now_text(), "level": "info", "event": "usage", "Agent": agent, "Model": model}
        self._put(fields, metrics, [["Agent", "Model"], ["Model"]])

    def _put(
        self,
        fields: dict[str, Any],
        metrics: Mapping[str, float] | None = None,
        dimensions: list[list[str]] | None = None,
    ) -> None:
        if metrics:
            fields.update(metrics)
            fields["_aws"] = {
                "Timestamp": int(time.time() * 1000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": self._namespace,
                        "Dimensions": dimensions or [[]],
                        "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in metrics],
                    }
                ],
            }
        self._write(json.dumps(fields, separators=(",", ":"), default=str))


def _to_stdout(line: str) -> None:
    # One write a line: lines of several threads do not mix.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def now_text() -> str:
    """The present time as RFC 3339 in UTC, in milliseconds."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z"
