"""What agents can do: typed Python functions, turned into tool specifications of Converse."""

TOOL_NAMES = ("current_time", "calculate", "search_site", "cloudwatch_alarms")
"""Names an agent's ``tools`` may use; each is made in ``builtin.py``."""
