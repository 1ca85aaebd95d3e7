"""The checks, one module per area; importing this package registers all of them."""

from ops.assess.checks import (
    account,
    bucket,
    bucket_policy,
    certificates,
    compute,
    conflicts,
    distribution,
    firewall,
    models,
    monitoring,
    names,
    origins,
    secrets,
)

__all__ = [
    "account",
    "bucket",
    "bucket_policy",
    "certificates",
    "compute",
    "conflicts",
    "distribution",
    "firewall",
    "models",
    "monitoring",
    "names",
    "origins",
    "secrets",
]
