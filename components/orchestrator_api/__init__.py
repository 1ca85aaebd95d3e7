"""The agent API: one component, its backend chosen by a word, its state table beside it."""

from components.orchestrator_api.args import OrchestratorApiArgs
from components.orchestrator_api.component import OrchestratorApi

__all__ = ["OrchestratorApi", "OrchestratorApiArgs"]
