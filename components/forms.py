"""What values look like, each form in one place: settings and components ask the same question.

Settings refuse a wrong value with the key that mends it; a component refuses it again, since it may be made
by another program.
"""

from __future__ import annotations

import re

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""Days CloudWatch Logs can keep a log group, exactly:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

WAF_RATE_LIMITS = (10, 2_000_000_000)
"""Least and most requests of a rate-based rule:
https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html"""

EGRESS = ("auto", "nat", "nat-instance", "public-ip", "endpoints")
"""How Fargate and EC2 reach AWS (docs/backends.md)."""

LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
"""One label of a host name."""

DOMAIN = re.compile(rf"(?:{LABEL.pattern}\.)+(?=[a-z0-9-]*[a-z]){LABEL.pattern}")
"""A host name of two labels or more, the last not a number alone; at most 253 characters."""

EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
"""One address."""

REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")

ZONE_ID = re.compile(r"Z[A-Z0-9]{1,31}")
"""A hosted zone of Route 53."""

CERTIFICATE = re.compile(r"arn:aws:acm:us-east-1:\d{12}:certificate/[0-9a-f-]{36}")
"""A certificate of ACM in the one Region CloudFront takes one from."""

PRIVATE_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com"
    r"/(?P<name>[^@:]+)@sha256:[0-9a-f]{64}"
)
"""An image by digest in a private repository of Amazon ECR."""

# AWS marks Graviton by a "g" after the generation's digit: t4g, m7gd, c8gn. a1 came before that rule.
ARM_INSTANCE = re.compile(r"(?:[a-z]+\d+g[a-z]*|a1)\.[a-z0-9-]+")

# Of these the letter after the "g" tells of disks in the host (m7gd); families i, im and is are made of them.
DISKS_IN_HOST = re.compile(r"(?:[a-z]+\d+g[a-z]*d[a-z]*|i[a-z]*\d+g[a-z]*)\.[a-z0-9-]+")

_WORK_HOURS = re.compile(
    r"(?P<start>[01]\d|2[0-3])-(?P<stop>[01]\d|2[0-4]) (?P<zone>[A-Za-z_]+(?:/[A-Za-z_+-]+)*)"
)


def work_hours(text: str) -> tuple[int, int, str] | None:
    """First hour, hour of the end and time zone of ``08-18 Europe/Berlin``; None when it is no such text.

    Args:
        text: two-digit hours, the end after the start and at most 24, and a zone of the IANA database.
    """
    match = _WORK_HOURS.fullmatch(text)
    if match is None or int(match["start"]) >= int(match["stop"]):
        return None
    return int(match["start"]), int(match["stop"]), match["zone"]
