"""Room for open files: a shell on macOS gives a program 256, one on Linux 1,024."""

from __future__ import annotations

PER_UPLOAD = 2
"""An upload in flight holds its file and its connection."""
BESIDES = 64
"""What a run holds open besides: code, certificates, pipes, log, connections to the other services."""


def room(uploads: int) -> int:
    """Raises this process's own limit as far as that many uploads at once need it, which anyone may.

    Args:
        uploads: how many are wanted.

    Returns:
        How many of them there is room for, 1 at the least.
    """
    try:
        import resource
    except ImportError:
        return uploads  # Windows, which has no such limit
    wanted = uploads * PER_UPLOAD + BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return uploads
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(1, min(uploads, (soft - BESIDES) // PER_UPLOAD))
