"""Finding the Route 53 zone a name is in."""

from __future__ import annotations

import re
from collections.abc import Callable

# What the provider says when there is no such zone; anything else (credentials, network) is its own error.
_NO_SUCH_ZONE = re.compile(r"no matching|couldn.t find|not found|NoSuchHostedZone", re.IGNORECASE)


def find_zone_id(domain: str, look_up: Callable[[str], str]) -> str:
    """The id of the zone with the longest name that ``domain`` ends in.

    Args:
        domain: such as ``shop.example.co.uk``.
        look_up: zone name to id; raises when there is none.

    Raises:
        ValueError: no zone fits; names all that were tried.
        Exception: whatever else ``look_up`` raises.
    """
    labels = domain.split(".")
    # A zone of one label is a top-level domain, which nobody has.
    candidates = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    for candidate in candidates:
        try:
            return look_up(candidate)
        except Exception as error:
            if not _NO_SUCH_ZONE.search(str(error)):
                raise
    raise ValueError(
        f"domain {domain!r}: this account has no public hosted zone named {' or '.join(candidates)}. "
        "Create it in Route 53, give its id as hosted_zone_id, or set dns_provider to 'external'"
    )
