"""The web ACL: exact rules, labels, answers, logs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.interfaces import Route
from components.static_site import firewall
from tests.components.static_site.build import TAGS, api_route, deployed

ACL = "aws:wafv2/webAcl:WebAcl"
API = {
    "byteMatchStatement": {
        "searchString": "/api/",
        "positionalConstraint": "STARTS_WITH",
        "fieldToMatch": {"uriPath": {}},
        "textTransformations": [{"priority": 0, "type": "NONE"}],
    }
}
BODY_LABELS = {
    "awswaf:managed:aws:core-rule-set:SizeRestrictions_Body",
    "awswaf:managed:aws:core-rule-set:EC2MetaDataSSRF_Body",
    "awswaf:managed:aws:core-rule-set:GenericLFI_Body",
    "awswaf:managed:aws:core-rule-set:GenericRFI_Body",
    "awswaf:managed:aws:core-rule-set:CrossSiteScripting_Body",
}


def label(key: str, scope: str = "LABEL") -> dict[str, Any]:
    return {"labelMatchStatement": {"scope": scope, "key": key}}


SITE_LABELS = [
    label("awswaf:managed:aws:core-rule-set:", "NAMESPACE"),
    label("awswaf:managed:aws:known-bad-inputs:", "NAMESPACE"),
    label("awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList"),
    label("awswaf:managed:aws:amazon-ip-list:AWSManagedReconnaissanceList"),
]


@pytest.fixture(scope="module")
def acl() -> dict[str, Any]:
    return dict(deployed().one(ACL).inputs)


def rule(acl: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [r for r in acl["rules"] if r["name"] == name]
    return found


def test_the_acl_stands_before_the_distribution_in_us_east_1(acl: dict[str, Any]) -> None:
    d = deployed()
    assert d.one("aws:cloudfront/distribution:Distribution").inputs["webAclId"] == d.one(ACL).outputs["arn"]
    assert {k: acl[k] for k in acl if k not in ("rules", "customResponseBodies")} == {
        "region": "us-east-1",
        "scope": "CLOUDFRONT",
        "description": "Firewall of the site and its API, stack dev",
        "defaultAction": {"allow": {}},
        "visibilityConfig": {
            "cloudwatchMetricsEnabled": True,
            "metricName": "site-dev-us-east-1",
            "sampledRequestsEnabled": True,
        },
        "tags": TAGS,
    }
    assert d.value("telemetry.web_acl_name") == "site-dev-us-east-1"


def test_the_rules_stand_in_one_order_with_metrics_of_their_names(acl: dict[str, Any]) -> None:
    names = [r["name"] for r in acl["rules"]]
    assert names == [
        "rate-limit",
        "aws-common",
        "aws-known-bad-inputs",
        "aws-ip-reputation",
        "refuse-on-api",
        "block-on-site",
    ]
    assert [r["priority"] for r in acl["rules"]] == [0, 1, 2, 3, 4, 5]
    for r in acl["rules"]:
        assert r["visibilityConfig"] == {
            "cloudwatchMetricsEnabled": True,
            "metricName": r["name"],
            "sampledRequestsEnabled": True,
        }


def test_the_rate_limit_answers_429(acl: dict[str, Any]) -> None:
    limit = rule(acl, "rate-limit")
    assert limit["statement"] == {
        "rateBasedStatement": {"limit": 1000, "aggregateKeyType": "IP", "evaluationWindowSec": 300}
    }
    assert limit["action"] == {
        "block": {
            "customResponse": {
                "responseCode": 429,
                "customResponseBodyKey": "rate-limited",
                "responseHeaders": [
                    {"name": "cache-control", "value": "no-store"},
                    {"name": "retry-after", "value": "300"},
                ],
            }
        }
    }
    changed = rule(dict(deployed(waf_rate_limit=77).one(ACL).inputs), "rate-limit")
    assert changed["statement"]["rateBasedStatement"]["limit"] == 77


@pytest.mark.parametrize(
    ("name", "group", "count"),
    [
        ("aws-common", "AWSManagedRulesCommonRuleSet", 22),
        ("aws-known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet", 12),
        ("aws-ip-reputation", "AWSManagedRulesAmazonIpReputationList", 3),
    ],
)
def test_every_rule_of_a_managed_group_counts_by_name(
    acl: dict[str, Any], name: str, group: str, count: int
) -> None:
    found = rule(acl, name)
    # The group's own override catches rules that AWS adds later.
    assert found["overrideAction"] == {"count": {}}
    assert "action" not in found
    statement = found["statement"]["managedRuleGroupStatement"]
    assert statement["vendorName"] == "AWS"
    assert statement["name"] == group
    overrides = statement["ruleActionOverrides"]
    assert [o["actionToUse"] for o in overrides] == [{"count": {}}] * count
    assert len({o["name"] for o in overrides}) == count


def test_on_the_api_everything_but_the_prompt_rules_is_refused_with_400(acl: dict[str, Any]) -> None:
    found = rule(acl, "refuse-on-api")
    either, here = found["statement"]["andStatement"]["statements"]
    assert here == API
    keys = [s["labelMatchStatement"]["key"] for s in either["orStatement"]["statements"]]
    assert {s["labelMatchStatement"]["scope"] for s in either["orStatement"]["statements"]} == {"LABEL"}
    assert len(keys) == len(set(keys)) == 31
    assert not BODY_LABELS & set(keys)
    assert {k for k in keys if k.endswith("_Body")} == {
        "awswaf:managed:aws:known-bad-inputs:JavaDeserializationRCE_Body",
        "awswaf:managed:aws:known-bad-inputs:Log4JRCE_Body",
        "awswaf:managed:aws:known-bad-inputs:ReactJSRCE_Body",
    }
    for key in (
        "awswaf:managed:aws:core-rule-set:BadBots_Header",
        "awswaf:managed:aws:core-rule-set:CrossSiteScripting_QueryArguments",
        "awswaf:managed:aws:core-rule-set:SizeRestrictions_Cookie_Header",
        "awswaf:managed:aws:known-bad-inputs:Host_Localhost_Header",
        "awswaf:managed:aws:known-bad-inputs:Propfind_Method",
        "awswaf:managed:aws:amazon-ip-list:AWSManagedReconnaissanceList",
    ):
        assert key in keys
    assert "awswaf:managed:aws:amazon-ip-list:AWSManagedIPDDoSList" not in keys
    assert found["action"] == {
        "block": {
            "customResponse": {
                "responseCode": 400,
                "customResponseBodyKey": "request-refused",
                "responseHeaders": [{"name": "cache-control", "value": "no-store"}],
            }
        }
    }


def test_on_the_site_everything_is_blocked(acl: dict[str, Any]) -> None:
    found = rule(acl, "block-on-site")
    assert found["statement"] == {
        "andStatement": {
            "statements": [
                {"orStatement": {"statements": SITE_LABELS}},
                {"notStatement": {"statement": API}},
            ]
        }
    }
    assert found["action"] == {"block": {}}


def test_labels_are_spelt_as_aws_spells_them_not_as_its_rules() -> None:
    assert set(firewall.PROMPT_RULES) == {
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    }
    for group in firewall.GROUPS:
        assert group.namespace.startswith("awswaf:managed:aws:")
        assert group.namespace.endswith(":")
        for label_name in group.labels.values():
            suffix = label_name.rpartition("_")[2]
            assert suffix not in (
                "BODY",
                "HEADER",
                "URIPATH",
                "QUERYARGUMENTS",
                "QUERYSTRING",
                "COOKIE",
                "METHOD",
            )


def test_the_bodies_are_json_in_the_error_shape(acl: dict[str, Any]) -> None:
    bodies = {b["key"]: b for b in acl["customResponseBodies"]}
    assert set(bodies) == {"rate-limited", "request-refused"}
    for key, code in (("rate-limited", "rate_limited"), ("request-refused", "request_refused")):
        assert bodies[key]["contentType"] == "APPLICATION_JSON"
        # AWS takes 4 KB a body: https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
        assert len(bodies[key]["content"].encode()) < 4096
        answer = json.loads(bodies[key]["content"])
        assert set(answer) == {"error"}
        error = answer["error"]
        assert set(error) == {"code", "message", "details", "request_id"}
        assert error["code"] == code
        assert error["details"] is None
        assert error["message"]
        assert error["request_id"]


def test_no_answer_on_the_api_is_403(acl: dict[str, Any]) -> None:
    for found in acl["rules"]:
        action = found.get("action")
        if action is None or found["name"] == "block-on-site":
            continue
        assert action["block"]["customResponse"]["responseCode"] in (400, 429)


def nesting(statement: dict[str, Any]) -> int:
    """Statements within statements; the provider's schema ends at three."""
    (kind, inner), *rest = statement.items()
    assert not rest
    if kind == "notStatement":
        return 1 + nesting(inner["statement"])
    if kind in ("andStatement", "orStatement"):
        assert len(inner["statements"]) >= 2
        return 1 + max(nesting(s) for s in inner["statements"])
    return 1


def test_with_two_routes_both_are_apis_and_nothing_nests_deeper_than_three() -> None:
    routes = (api_route(), Route(path_pattern="/mcp/*", origin=api_route().origin, origin_id="mcp"))
    acl = dict(deployed(routes=routes).one(ACL).inputs)
    mcp = {"byteMatchStatement": {**API["byteMatchStatement"], "searchString": "/mcp/"}}
    assert rule(acl, "refuse-on-api")["statement"]["andStatement"]["statements"][1] == {
        "orStatement": {"statements": [API, mcp]}
    }
    assert rule(acl, "block-on-site")["statement"]["andStatement"]["statements"][1:] == [
        {"notStatement": {"statement": API}},
        {"notStatement": {"statement": mcp}},
    ]
    assert max(nesting(r["statement"]) for r in acl["rules"]) == 3


def test_without_routes_there_is_no_api_to_spare() -> None:
    acl = dict(deployed(routes=()).one(ACL).inputs)
    assert [r["name"] for r in acl["rules"]] == [
        "rate-limit",
        "aws-common",
        "aws-known-bad-inputs",
        "aws-ip-reputation",
        "block-on-site",
    ]
    assert rule(acl, "block-on-site")["statement"] == {"orStatement": {"statements": SITE_LABELS}}


def test_the_log_keeps_what_matched_and_no_secret() -> None:
    d = deployed(log_retention_days=90)
    log = d.one("aws:cloudwatch/logGroup:LogGroup")
    assert log.inputs == {
        "region": "us-east-1",
        "namePrefix": "aws-waf-logs-site-dev-us-east-1-",
        "retentionInDays": 90,
        "tags": TAGS,
    }
    assert log.outputs["name"].startswith("aws-waf-logs-site-dev-us-east-1-")
    assert len(log.outputs["name"]) == len(log.inputs["namePrefix"]) + 26
    logging = d.one("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    assert logging.inputs == {
        "region": "us-east-1",
        "resourceArn": d.one(ACL).outputs["arn"],
        "logDestinationConfigs": [log.outputs["arn"]],
        "loggingFilter": {
            "defaultBehavior": "DROP",
            "filters": [
                {
                    "behavior": "KEEP",
                    "requirement": "MEETS_ANY",
                    "conditions": [
                        {"actionCondition": {"action": "BLOCK"}},
                        {"actionCondition": {"action": "COUNT"}},
                    ],
                }
            ],
        },
        "redactedFields": [
            {"singleHeader": {"name": header}}
            for header in ("authorization", "cookie", "x-api-key", "x-release-token", "x-standby-token")
        ],
    }


def test_a_production_firewall_can_be_turned_off_and_its_log_stays() -> None:
    """A protected resource cannot be deleted, so `waf: false` would be refused."""
    on = deployed(protect_data=True)
    off = deployed(protect_data=True, waf=False)
    gone = {r.urn: r for r in on.resources if r.urn not in off.urns()}
    assert {r.name for r in gone.values()} == {"site-firewall", "site-firewall-log", "site-firewall-logging"}
    assert [r.name for r in gone.values() if r.protect] == []
    assert [r.name for r in gone.values() if r.retain_on_delete] == ["site-firewall-log"]
    assert not deployed().one("aws:cloudwatch/logGroup:LogGroup").retain_on_delete


def test_without_a_firewall_there_is_nothing_of_it() -> None:
    d = deployed(waf=False)
    d.none(ACL)
    d.none("aws:cloudwatch/logGroup:LogGroup")
    d.none("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration")
    assert "webAclId" not in d.one("aws:cloudfront/distribution:Distribution").inputs
    assert d.value("telemetry.web_acl_name") is None
