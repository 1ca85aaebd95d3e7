"""A second API origin that stands by: in the distribution, reached with the preview token alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.interfaces import ApiOrigin, Route
from components.static_site import behaviors, edge
from tests.components.static_site.javascript import Function

TOKEN = "a-preview-token-1"


def ask(store: dict[str, str] | None, **headers: str) -> tuple[Any, str | None]:
    code = edge.standby_code("api-standby")
    # CloudFront's own call; the engine here has none, so the choice is noted.
    noted = code.replace("cf.selectRequestOriginById(", "(id => { globalThis.__chosen = id; })(")
    assert noted != code
    made = Function(noted, store)
    event = {
        "context": {"requestId": "req-1"},
        "viewer": {"ip": "198.51.100.7"},
        "request": {
            "method": "GET",
            "uri": "/api/v1/health",
            "querystring": {},
            "headers": {name: {"value": value} for name, value in headers.items()},
            "cookies": {},
        },
    }
    answer = made(event)
    return answer, made._context.eval("globalThis.__chosen")


def test_without_the_header_all_goes_to_the_live_origin():
    answer, chosen = ask({"preview-token": TOKEN}, **{"x-viewer-address": "1.2.3.4"})
    assert chosen is None
    assert answer["headers"] == {"x-viewer-address": {"value": "198.51.100.7"}}


def test_the_preview_token_leads_to_the_origin_that_stands_by():
    answer, chosen = ask({"preview-token": TOKEN}, **{"x-standby-token": TOKEN})
    assert chosen == "api-standby"
    # The token goes no further: the API would log it.
    assert answer["headers"] == {"x-viewer-address": {"value": "198.51.100.7"}}


@pytest.mark.parametrize(
    ("store", "token"),
    [
        ({"preview-token": TOKEN}, "wrong"),
        ({"preview-token": TOKEN}, ""),
        ({}, TOKEN),
        ({"preview-token": ""}, ""),
        (None, TOKEN),
    ],
)
def test_another_token_is_refused_in_the_contracts_shape(store: dict[str, str] | None, token: str):
    answer, chosen = ask(store, **{"x-standby-token": token})
    assert chosen is None
    assert answer["statusCode"] == 401
    assert answer["headers"]["www-authenticate"] == {"value": "ApiKey"}
    error = json.loads(answer["body"]["data"])["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert (error["code"], error["request_id"]) == ("unauthorized", "req-1")
    assert TOKEN not in answer["body"]["data"]


def test_the_function_stays_small():
    assert len(edge.standby_code("api-standby").encode()) < 3000


def test_both_origins_are_in_the_distribution():
    live, other = ApiOrigin(domain_name="live.example"), ApiOrigin(domain_name="standby.example")
    routes = [
        Route(path_pattern="/api/*", origin=live, standby=other),
        Route(path_pattern="/v2/*", origin=live, standby=other),
    ]
    ids: list[str] = []

    def origin(origin_id: str, made: ApiOrigin) -> Any:
        ids.append(f"{origin_id}={made.domain_name}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(behaviors, "_origin", origin)
        behaviors.route_origins(routes)
    assert ids == ["api=live.example", "api-standby=standby.example"]
