"""Live settings become planned ones and back, and nothing is lost without a word."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.static_site.adopted.inputs import planned_inputs
from components.static_site.adopted.members import INERT
from components.static_site.adopted.typed import typed
from tests.components.static_site.adopted.generated import (
    Maker,
    header_values,
    many,
    member_paths,
    model,
    used_paths,
)
from tests.components.static_site.adopted.provider import expand, meaning

NOT_CARRIED = {
    "ConnectionMode",
    "OriginGroups.SelectionCriteria",
    "Origins.CustomOriginConfig.OriginHttpVersion",
    "Origins.S3OriginConfig.OriginReadTimeout",
    "Origins.VpcOriginConfig.OriginHttpVersion",
    "TenantConfig",
}
"""Settings of the model without an input in pulumi_aws 7.51.1."""

REDUNDANT = {"ViewerCertificate.Certificate", "ViewerCertificate.CertificateSource"}

CARRIED = frozenset(
    path
    for path in member_paths()
    if not any(path == lost or path.startswith(f"{lost}.") for lost in NOT_CARRIED)
)


def planned(config: dict[str, Any]) -> Any:
    values = header_values(config)
    return planned_inputs(config, lambda origin, header: values[origin, header])


# A thousand of them go through the file as well: test_round_trip.py.
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0, max_value=2**32))
def test_live_to_inputs_and_back_is_the_same(seed: int) -> None:
    config = Maker(seed, left_out=frozenset(NOT_CARRIED)).make()
    result = planned(config)
    assert result.lost == ()
    assert meaning(expand(result.inputs)) == meaning(config)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0, max_value=2**32))
def test_the_inputs_fit_the_classes_of_the_sdk(seed: int) -> None:
    from pulumi_aws import cloudfront

    made = typed(planned(Maker(seed, left_out=frozenset(NOT_CARRIED)).make()).inputs)
    cloudfront.DistributionArgs(**made)
    assert isinstance(made["default_cache_behavior"], cloudfront.DistributionDefaultCacheBehaviorArgs)
    assert all(isinstance(one, cloudfront.DistributionOriginArgs) for one in made["origins"])


def test_the_generated_configurations_are_valid_and_use_every_member() -> None:
    used: set[str] = set()
    for seed in range(400):
        config = Maker(seed).make()
        report = ParamValidator().validate({**config, "CallerReference": "x"}, model())
        assert not report.has_errors(), report.generate_report()
        used |= used_paths(config)
    assert member_paths() <= used


def test_every_member_of_the_model_is_carried_or_refused() -> None:
    # A new member of botocore's model belongs to neither list until somebody looked at it.
    carried, seen = set(), set()
    for seed in range(400):
        config = Maker(seed, left_out=frozenset(NOT_CARRIED)).make()
        assert planned(config).lost == ()
        carried |= used_paths(config)
    assert carried >= CARRIED
    for seed in range(400):
        for sentence in planned(Maker(seed).make()).lost:
            seen |= {path for path in member_paths() if f" {path} is " in f" {sentence}"}
    assert seen == NOT_CARRIED


@pytest.mark.parametrize("path", sorted(NOT_CARRIED))
def test_a_setting_that_would_be_lost_is_named(path: str) -> None:
    config, place = _with(path)
    value: Any = (
        {"ParameterDefinitions": [{"Name": "t", "Definition": {}}]} if path == "TenantConfig" else "odd"
    )
    place[path.rsplit(".", 1)[-1]] = value
    lost = planned(config).lost
    assert len(lost) == 1
    assert f"{path} is {value!r}, which the AWS provider cannot carry" in lost[0]


@pytest.mark.parametrize("path", sorted(INERT))
def test_what_means_the_same_as_nothing_is_not_lost(path: str) -> None:
    config, place = _with(path)
    for value in INERT[path]:
        place[path.rsplit(".", 1)[-1]] = value
        assert planned(config).lost == ()


def _with(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A configuration that has the structure of a member, and that structure."""
    config = Maker(7, left_out=frozenset(NOT_CARRIED)).make()
    origin = {"Id": "o", "DomainName": "o.example.com"}
    config["Origins"] = many([origin])
    config["OriginGroups"] = many([])
    config["DefaultCacheBehavior"]["TargetOriginId"] = "o"
    parts = path.split(".")
    if parts[0] == "OriginGroups":
        group: dict[str, Any] = {
            "Id": "g",
            "FailoverCriteria": {"StatusCodes": many([500])},
            "Members": many([{"OriginId": "o"}, {"OriginId": "p"}]),
        }
        config["OriginGroups"] = many([group])
        return config, group
    if parts[0] == "Origins":
        inner: dict[str, Any] = {
            "S3OriginConfig": {"OriginAccessIdentity": ""},
            "VpcOriginConfig": {"VpcOriginId": "vo_1"},
            "CustomOriginConfig": {
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "https-only",
            },
        }[parts[1]]
        origin[parts[1]] = inner  # pyright: ignore[reportArgumentType]
        return config, inner
    return config, config


def test_a_member_nobody_has_heard_of_is_refused() -> None:
    config = Maker(3, left_out=frozenset(NOT_CARRIED)).make()
    config["BrandNew"] = {"Speed": "warp"}
    assert planned(config).lost == ("BrandNew is {'Speed': 'warp'}, which the AWS provider cannot carry",)
    config["BrandNew"] = {"Speed": "", "Items": []}
    assert planned(config).lost == ()


def test_the_file_is_not_changed() -> None:
    config = Maker(11).make()
    before = copy.deepcopy(config)
    planned(config)
    assert config == before


def test_header_values_come_from_elsewhere() -> None:
    config = Maker(7, left_out=frozenset(NOT_CARRIED)).make()
    config["Origins"]["Items"][0]["CustomHeaders"] = many([{"HeaderName": "X-Key", "HeaderValue": "[kept]"}])
    made = planned_inputs(config, lambda origin, header: f"{origin}/{header}!")
    id_ = config["Origins"]["Items"][0]["Id"]
    assert made.inputs["origins"][0]["custom_headers"] == [{"name": "X-Key", "value": f"{id_}/X-Key!"}]
