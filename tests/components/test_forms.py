"""Forms: what is taken, what is not, and that settings and components ask the same question."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components import forms

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:" + "a" * 64
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        (forms.LABEL, ["a", "api-2", "a" * 63], ["", "-a", "a-", "A", "a.b", "a" * 64]),
        (
            forms.DOMAIN,
            ["example.com", "xn--bcher-kva.example"],
            ["com", "10.0.0.1", "a..b", "A.b"],
        ),
        (forms.EMAIL, ["ops@example.com"], ["ops", "a@b", "a@b.c, d@e.f", "<a@b.c>", "a b@c.d"]),
        (forms.REGION, ["us-east-1", "ap-southeast-7"], ["", "us-east", "US-EAST-1", "us-east-1a"]),
        (forms.ZONE_ID, ["Z0123456789ABCDEFGHIJ"], ["Z", "/hostedzone/Z1", "z1"]),
        (forms.CERTIFICATE, [CERTIFICATE], [CERTIFICATE.replace("us-east-1", "eu-west-1"), CERTIFICATE[:-1]]),
        (forms.PRIVATE_IMAGE, [IMAGE], [IMAGE[:-1], IMAGE.replace("@", ":1@"), "python@sha256:" + "a" * 64]),
        (
            forms.ARM_INSTANCE,
            ["t4g.small", "m7gd.medium", "c8gn.large", "a1.metal"],
            ["t3.small", "g5.xlarge", "m7i.large", "t4g", "T4g.small"],
        ),
    ],
)
def test_forms(form: re.Pattern[str], right: list[str], wrong: list[str]) -> None:
    assert [text for text in right if not form.fullmatch(text)] == []
    assert [text for text in wrong if form.fullmatch(text)] == []


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("08-18 Europe/Berlin", (8, 18, "Europe/Berlin")),
        ("00-24 UTC", (0, 24, "UTC")),
        ("18-08 Europe/Berlin", None),
        ("08-08 UTC", None),
        ("8-18 UTC", None),
        ("08-25 UTC", None),
        ("08-18", None),
    ],
)
def test_work_hours(text: str, hours: tuple[int, int, str] | None) -> None:
    assert forms.work_hours(text) == hours


ONCE = ("3653,", '"auto", "nat", ', r"[a-z0-9-]{0,61}", r"Z[A-Z0-9]{1,31}")


@pytest.mark.parametrize("part", ONCE)
def test_each_form_stands_once(part: str) -> None:
    folder = Path(forms.__file__).parent
    assert [p.name for p in folder.rglob("*.py") if part in p.read_text()] == ["forms.py"]
