"""A distribution and a bucket that run already: how their live settings become planned ones, unchanged."""
