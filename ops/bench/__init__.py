"""Benchmarks, side by side with the usual tools, as ratios."""
