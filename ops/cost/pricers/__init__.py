"""What each type of resource costs; importing the modules registers them."""

from ops.cost.pricers import compute, data, edge, free, observe

__all__ = ["compute", "data", "edge", "free", "observe"]
