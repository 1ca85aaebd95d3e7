"""The whole system on one machine: an edge that follows the program's own distribution."""
