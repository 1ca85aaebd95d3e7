"""Puts routes before everything a distribution has, and changes nothing else of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.interfaces import Route, standby_of
from components.static_site.behaviors import route_behaviors, route_origins


def with_routes(
    inputs: Mapping[str, Any],
    routes: Sequence[Route],
    function_arn: pulumi.Input[str],
    headers_policy_id: pulumi.Input[str],
    *,
    errors: Sequence[int],
) -> dict[str, Any]:
    """The inputs with one origin and one behavior for every route.

    CloudFront takes the first pattern that fits, so the routes stand first. Errors the
    distribution has no rule for are not remembered any more: they would show one caller's
    answer to all (a rule without a page changes no answer).

    Args:
        inputs: typed inputs of the distribution.
        routes: what is added, under ids of their own (``own_ids``).
        function_arn, headers_policy_id: of the routes' behaviors.
        errors: statuses CloudFront remembers by itself.
    """
    from pulumi_aws import cloudfront

    ruled = {one.error_code for one in inputs.get("custom_error_responses", [])}
    return {
        **inputs,
        "origins": [*inputs["origins"], *route_origins(routes)],
        "ordered_cache_behaviors": [
            *route_behaviors(routes, function_arn, headers_policy_id),
            *inputs.get("ordered_cache_behaviors", []),
        ],
        "custom_error_responses": [
            *inputs.get("custom_error_responses", []),
            *(
                cloudfront.DistributionCustomErrorResponseArgs(error_code=code, error_caching_min_ttl=0)
                for code in errors
                if code not in ruled
            ),
        ],
    }


def own_ids(inputs: Mapping[str, Any], routes: Sequence[Route]) -> list[Route]:
    """The routes under ids that no origin of the distribution has, nor their standbys."""
    taken = {one.origin_id for one in inputs["origins"]}
    return [
        dataclasses.replace(route, origin_id=free_id(route.origin_id, taken, route.standby is not None))
        for route in routes
    ]


def free_id(wanted: str, taken: set[str], stands_by: bool = False) -> str:
    """``wanted``, or with a number when the distribution has an origin of that name, or of its standby's."""
    number, name = 2, wanted
    while name in taken or (stands_by and standby_of(name) in taken):
        name, number = f"{wanted}-{number}", number + 1
    return name
