"""Monitoring of one stack."""

from components.monitoring.args import MonitoringArgs
from components.monitoring.component import Monitoring

__all__ = ["Monitoring", "MonitoringArgs"]
