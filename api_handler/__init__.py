"""The agent API: one ASGI application for Lambda, a container, an instance and a laptop."""

__version__ = "0.1.0"
SERVICE = "orchestrator-api"
