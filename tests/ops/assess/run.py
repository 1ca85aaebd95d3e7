"""Runs the assessment against a fake account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.assess.collect import collect
from ops.assess.model import Request, Snapshot
from ops.assess.reader import Reader
from tests.ops.assess.aws_shapes import DOMAIN, MODELS, NOW, NS
from tests.ops.assess.fake_aws import Answer, FakeAws


def nameservers(_: str) -> Sequence[str]:
    """The zone is delegated to Route 53."""
    return NS


def assess(
    answers: Mapping[tuple[str, str], Answer], *, delay_s: float = 0.0, dns: Any = nameservers, **request: Any
) -> tuple[Snapshot, Reader]:
    """The snapshot of a fake account, by domain unless told otherwise."""
    wanted = {"models": MODELS, **(request or {"domain": DOMAIN})}
    fake = FakeAws(answers, delay_s=delay_s)
    asked = Request(**wanted)
    reader = Reader(fake.client, region=asked.region)
    try:
        return collect(reader, asked, nameservers=dns, now=lambda: NOW), reader
    finally:
        reader.close()
