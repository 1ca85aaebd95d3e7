"""The policies, one module a concern; importing a module registers what is in it."""

MODULES = ("exposure", "edge", "encryption", "identity", "data", "logs", "alarms", "compute", "inventory")
