"""A second backend beside a site that was adopted: reached by the token, or refused with the way to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from components.interfaces import ApiOrigin
from components.static_site.adopted.routes import free_id
from tests.components.static_site.adopted.test_adopted_site import DISTRIBUTION, site
from tests.components.static_site.build import api_route

NAME = "origin access control"
STANDBY = dataclasses.replace(api_route(), standby=ApiOrigin(domain_name="second.example.com"))


def function(found: Any) -> Any:
    return found.one("aws:cloudfront/function:Function", "site-viewer-address").inputs


def test_without_the_store_of_the_token_a_standby_is_refused_with_both_ways_out() -> None:
    with pytest.raises(ValueError, match="apiStandby on an adopted site") as told:
        site(NAME, routes=(STANDBY,))
    message = str(told.value)
    assert "python -m ops adopt --stack dev --upgrade edge-function" in message
    assert "pulumi config rm apiStandby --stack dev" in message
    assert site(NAME).one(DISTRIBUTION)  # without a standby nothing is asked for


def test_with_the_edge_function_the_token_leads_to_the_standby() -> None:
    found = site(NAME, routes=(STANDBY,), upgrades=("edge-function",))
    made = found.one(DISTRIBUTION).inputs
    ids = {o["domainName"]: o["originId"] for o in made["origins"]}
    assert ids["second.example.com"] == "api-standby"
    api = function(found)
    store = found.one("aws:cloudfront/keyValueStore:KeyValueStore")
    assert api["keyValueStoreAssociations"] == [store.outputs["arn"]]
    assert "cf.selectRequestOriginById('api-standby');" in api["code"]
    live = made["orderedCacheBehaviors"][0]
    assert (live["pathPattern"], live["targetOriginId"]) == ("/api/*", "api")


def test_without_a_standby_the_function_reads_no_store() -> None:
    api = function(site(NAME, upgrades=("edge-function",)))
    assert "keyValueStoreAssociations" not in api
    assert "selectRequestOriginById" not in api["code"]


@pytest.mark.parametrize(
    ("taken", "stands_by", "name"),
    [
        (set(), True, "api"),
        ({"api"}, True, "api-2"),
        ({"api-standby"}, True, "api-2"),
        ({"api-standby"}, False, "api"),
        ({"api", "api-2-standby"}, True, "api-3"),
    ],
)
def test_neither_origin_takes_the_id_of_one_that_is_there(
    taken: set[str], stands_by: bool, name: str
) -> None:
    assert free_id("api", taken, stands_by) == name
