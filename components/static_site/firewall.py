"""The web ACL before the distribution, and its logs.

The managed groups count, every rule of them by name, and two rules after them block by label.
Setting only the group to count would not do: its first rule that matches ends the group, so a long
body (``SizeRestrictions_BODY``) would hide whatever else is wrong with the request.

* On the API's paths the body rules of the common set only count: prompts trip them. Everything else
  is answered with 400 JSON, never 403, which the distribution turns into the site's 404 page.
* On the site everything blocks, also what AWS adds to the two groups later, by the labels' namespace.

WAF compares the path as it was sent. A path written with needless escapes is taken for one of the
site's, where more is blocked, never less.

Labels: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
and …/aws-managed-rule-groups-ip-rep.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.component import Component
from components.static_site.args import StaticSiteArgs, physical_name
from components.static_site.behaviors import literal_prefixes

if TYPE_CHECKING:
    from pulumi_aws import cloudwatch, wafv2

REGION = "us-east-1"
"""The only Region of a web ACL for CloudFront."""

RATE_WINDOW_S = 300

COMMON = "awswaf:managed:aws:core-rule-set:"
KNOWN_BAD = "awswaf:managed:aws:known-bad-inputs:"
REPUTATION = "awswaf:managed:aws:amazon-ip-list:"


@dataclass(frozen=True, kw_only=True)
class ManagedGroup:
    """A rule group of AWS.

    Attributes:
        rule_name: name of our rule that holds it.
        group: its name at AWS.
        namespace: of its labels.
        labels: rule name to label; the spellings differ.
    """

    rule_name: str
    group: str
    namespace: str
    labels: dict[str, str]


COMMON_GROUP = ManagedGroup(
    rule_name="aws-common",
    group="AWSManagedRulesCommonRuleSet",
    namespace=COMMON,
    labels={
        "NoUserAgent_HEADER": "NoUserAgent_Header",
        "UserAgent_BadBots_HEADER": "BadBots_Header",
        "SizeRestrictions_QUERYSTRING": "SizeRestrictions_QueryString",
        "SizeRestrictions_Cookie_HEADER": "SizeRestrictions_Cookie_Header",
        "SizeRestrictions_BODY": "SizeRestrictions_Body",
        "SizeRestrictions_URIPATH": "SizeRestrictions_URIPath",
        "EC2MetaDataSSRF_BODY": "EC2MetaDataSSRF_Body",
        "EC2MetaDataSSRF_COOKIE": "EC2MetaDataSSRF_Cookie",
        "EC2MetaDataSSRF_URIPATH": "EC2MetaDataSSRF_URIPath",
        "EC2MetaDataSSRF_QUERYARGUMENTS": "EC2MetaDataSSRF_QueryArguments",
        "GenericLFI_QUERYARGUMENTS": "GenericLFI_QueryArguments",
        "GenericLFI_URIPATH": "GenericLFI_URIPath",
        "GenericLFI_BODY": "GenericLFI_Body",
        "RestrictedExtensions_URIPATH": "RestrictedExtensions_URIPath",
        "RestrictedExtensions_QUERYARGUMENTS": "RestrictedExtensions_QueryArguments",
        "GenericRFI_QUERYARGUMENTS": "GenericRFI_QueryArguments",
        "GenericRFI_BODY": "GenericRFI_Body",
        "GenericRFI_URIPATH": "GenericRFI_URIPath",
        "CrossSiteScripting_COOKIE": "CrossSiteScripting_Cookie",
        "CrossSiteScripting_QUERYARGUMENTS": "CrossSiteScripting_QueryArguments",
        "CrossSiteScripting_BODY": "CrossSiteScripting_Body",
        "CrossSiteScripting_URIPATH": "CrossSiteScripting_URIPath",
    },
)

KNOWN_BAD_GROUP = ManagedGroup(
    rule_name="aws-known-bad-inputs",
    group="AWSManagedRulesKnownBadInputsRuleSet",
    namespace=KNOWN_BAD,
    labels={
        "JavaDeserializationRCE_HEADER": "JavaDeserializationRCE_Header",
        "JavaDeserializationRCE_BODY": "JavaDeserializationRCE_Body",
        "JavaDeserializationRCE_URIPATH": "JavaDeserializationRCE_URIPath",
        "JavaDeserializationRCE_QUERYSTRING": "JavaDeserializationRCE_QueryString",
        "Host_localhost_HEADER": "Host_Localhost_Header",
        "PROPFIND_METHOD": "Propfind_Method",
        "ExploitablePaths_URIPATH": "ExploitablePaths_URIPath",
        "Log4JRCE_HEADER": "Log4JRCE_Header",
        "Log4JRCE_QUERYSTRING": "Log4JRCE_QueryString",
        "Log4JRCE_BODY": "Log4JRCE_Body",
        "Log4JRCE_URIPATH": "Log4JRCE_URIPath",
        "ReactJSRCE_BODY": "ReactJSRCE_Body",
    },
)

REPUTATION_GROUP = ManagedGroup(
    rule_name="aws-ip-reputation",
    group="AWSManagedRulesAmazonIpReputationList",
    namespace=REPUTATION,
    labels={
        "AWSManagedIPReputationList": "AWSManagedIPReputationList",
        "AWSManagedReconnaissanceList": "AWSManagedReconnaissanceList",
        "AWSManagedIPDDoSList": "AWSManagedIPDDoSList",
    },
)

GROUPS = (COMMON_GROUP, KNOWN_BAD_GROUP, REPUTATION_GROUP)

PROMPT_RULES = tuple(rule for rule in COMMON_GROUP.labels if rule.endswith("_BODY"))
"""Rules of the common set that ordinary prompts trip: they only count on the API's paths."""

COUNTED_ONLY = "AWSManagedIPDDoSList"
"""AWS itself lets this rule count: many of its addresses are of ordinary, hijacked machines."""

REDACTED_HEADERS = ("authorization", "cookie", "x-api-key", "x-release-token", "x-standby-token")
"""Headers that carry secrets; the last is the preview token of the releases."""

BODY_RATE_LIMITED = "rate-limited"
BODY_REFUSED = "request-refused"


def api_labels() -> list[str]:
    """Labels that block on the API's paths."""
    return [
        group.namespace + label
        for group in GROUPS
        for rule, label in group.labels.items()
        if rule not in PROMPT_RULES and rule != COUNTED_ONLY
    ]


def bodies() -> dict[str, str]:
    """The JSON answers by key, in the API's error shape.

    WAF's bodies are fixed text, so they cannot repeat a request's id: they name the header that has it.
    """

    def body(code: str, message: str) -> str:
        error = {"code": code, "message": message, "details": None, "request_id": "see header x-amz-cf-id"}
        return json.dumps({"error": error}, separators=(",", ":"))

    return {
        BODY_RATE_LIMITED: body(
            "rate_limited", "Too many requests from your address. Wait five minutes and send fewer."
        ),
        BODY_REFUSED: body(
            "request_refused",
            "The firewall refused this request. A User-Agent header is required; paths, query and headers "
            "may not hold markup, file paths or addresses of metadata services.",
        ),
    }


def rules(*, rate_limit: int, api_prefixes: Sequence[str]) -> list[wafv2.WebAclRuleArgs]:
    """All rules in their order, which is part of the contract: a moved rule shows as a change.

    Args:
        rate_limit: requests per address in five minutes.
        api_prefixes: literal path prefixes that answer JSON, ``/api/``; may be empty.
    """
    from pulumi_aws import wafv2

    made = [_rate_limit(rate_limit), *(_managed(group) for group in GROUPS)]
    if api_prefixes:
        here = [_starts_with(prefix) for prefix in api_prefixes]
        made.append(
            wafv2.WebAclRuleArgs(
                name="refuse-on-api",
                priority=0,
                statement=_all([_any([_label(key) for key in api_labels()]), _any(here)]),
                action=_answer(400, BODY_REFUSED),
                visibility_config=_seen("refuse-on-api"),
            )
        )
    suspicious = [_namespace(COMMON), _namespace(KNOWN_BAD)] + [
        _label(REPUTATION + label) for label in REPUTATION_GROUP.labels.values() if label != COUNTED_ONLY
    ]
    elsewhere = [
        wafv2.WebAclRuleStatementArgs(
            not_statement=wafv2.WebAclRuleStatementNotStatementArgs(statement=_starts_with(prefix))
        )
        for prefix in api_prefixes
    ]
    made.append(
        wafv2.WebAclRuleArgs(
            name="block-on-site",
            priority=0,
            statement=_all([_any(suspicious), *elsewhere]),
            action=wafv2.WebAclRuleActionArgs(block=wafv2.WebAclRuleActionBlockArgs()),
            visibility_config=_seen("block-on-site"),
        )
    )
    for priority, rule in enumerate(made):
        rule.priority = priority
    return made


def make_web_acl(component: Component, name: str, args: StaticSiteArgs) -> tuple[wafv2.WebAcl, str]:
    """The web ACL with its log; returns it and the name its metrics carry."""
    from pulumi_aws import cloudwatch, wafv2

    metric = physical_name(name, args.stack, args.region, limit=128)
    acl = wafv2.WebAcl(
        f"{name}-firewall",
        region=REGION,
        scope="CLOUDFRONT",
        description=f"Firewall of the site and its API, stack {args.stack}",
        default_action=wafv2.WebAclDefaultActionArgs(allow=wafv2.WebAclDefaultActionAllowArgs()),
        rules=rules(rate_limit=args.waf_rate_limit, api_prefixes=literal_prefixes(args.routes)),
        custom_response_bodies=[
            wafv2.WebAclCustomResponseBodyArgs(key=key, content=content, content_type="APPLICATION_JSON")
            for key, content in sorted(bodies().items())
        ],
        visibility_config=wafv2.WebAclVisibilityConfigArgs(
            cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
        ),
        tags=args.tags,
        opts=component.child("firewall"),
    )
    log = cloudwatch.LogGroup(
        f"{name}-firewall-log",
        region=REGION,
        # The prefix is AWS's condition:
        # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
        # A prefix, not a name: a log that was kept when the firewall went must not be in a new one's way.
        name_prefix=physical_name("aws-waf-logs", name, args.stack, args.region, limit=255) + "-",
        retention_in_days=args.log_retention_days,
        kms_key_id=args.log_key_arn,
        tags=args.tags,
        # Kept in production, but not protected: `waf: false` would be refused.
        opts=component.child("firewall_log", retain_on_delete=args.protect_data),
    )
    _log_what_matched(component, name, acl, log)
    return acl, metric


def _log_what_matched(component: Component, name: str, acl: wafv2.WebAcl, log: cloudwatch.LogGroup) -> None:
    """Logs blocked and counted requests; the access log has the others, at a fraction of the price."""
    from pulumi_aws import wafv2

    wafv2.WebAclLoggingConfiguration(
        f"{name}-firewall-logging",
        region=REGION,
        resource_arn=acl.arn,
        log_destination_configs=[log.arn],
        logging_filter=wafv2.WebAclLoggingConfigurationLoggingFilterArgs(
            default_behavior="DROP",
            filters=[
                wafv2.WebAclLoggingConfigurationLoggingFilterFilterArgs(
                    behavior="KEEP",
                    requirement="MEETS_ANY",
                    conditions=[
                        wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionArgs(
                            action_condition=wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionActionConditionArgs(
                                action=action
                            )
                        )
                        for action in ("BLOCK", "COUNT")
                    ],
                )
            ],
        ),
        redacted_fields=[
            wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                single_header=wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
            )
            for header in REDACTED_HEADERS
        ],
        opts=component.child("firewall_logging"),
    )


def _rate_limit(limit: int) -> wafv2.WebAclRuleArgs:
    from pulumi_aws import wafv2

    return wafv2.WebAclRuleArgs(
        name="rate-limit",
        priority=0,
        statement=wafv2.WebAclRuleStatementArgs(
            rate_based_statement=wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=limit, aggregate_key_type="IP", evaluation_window_sec=RATE_WINDOW_S
            )
        ),
        action=_answer(429, BODY_RATE_LIMITED, ("retry-after", str(RATE_WINDOW_S))),
        visibility_config=_seen("rate-limit"),
    )


def _managed(group: ManagedGroup) -> wafv2.WebAclRuleArgs:
    from pulumi_aws import wafv2

    counted = wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
        count=wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
    )
    return wafv2.WebAclRuleArgs(
        name=group.rule_name,
        priority=0,
        # What AWS adds to the group must not block by itself: its 403 would turn an API's answer into a page.
        override_action=wafv2.WebAclRuleOverrideActionArgs(count=wafv2.WebAclRuleOverrideActionCountArgs()),
        statement=wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                vendor_name="AWS",
                name=group.group,
                rule_action_overrides=[
                    wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
                        name=rule, action_to_use=counted
                    )
                    for rule in group.labels
                ],
            )
        ),
        visibility_config=_seen(group.rule_name),
    )


def _answer(status: int, body: str, *headers: tuple[str, str]) -> wafv2.WebAclRuleActionArgs:
    from pulumi_aws import wafv2

    return wafv2.WebAclRuleActionArgs(
        block=wafv2.WebAclRuleActionBlockArgs(
            custom_response=wafv2.WebAclRuleActionBlockCustomResponseArgs(
                response_code=status,
                custom_response_body_key=body,
                response_headers=[
                    wafv2.WebAclRuleActionBlockCustomResponseResponseHeaderArgs(name=key, value=value)
                    for key, value in (("cache-control", "no-store"), *headers)
                ],
            )
        )
    )


def _seen(metric: str) -> wafv2.WebAclRuleVisibilityConfigArgs:
    from pulumi_aws import wafv2

    return wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )


def _label(key: str, scope: str = "LABEL") -> wafv2.WebAclRuleStatementArgs:
    from pulumi_aws import wafv2

    return wafv2.WebAclRuleStatementArgs(
        label_match_statement=wafv2.WebAclRuleStatementLabelMatchStatementArgs(scope=scope, key=key)
    )


def _namespace(key: str) -> wafv2.WebAclRuleStatementArgs:
    return _label(key, "NAMESPACE")


def _starts_with(prefix: str) -> wafv2.WebAclRuleStatementArgs:
    from pulumi_aws import wafv2

    return wafv2.WebAclRuleStatementArgs(
        byte_match_statement=wafv2.WebAclRuleStatementByteMatchStatementArgs(
            search_string=prefix,
            positional_constraint="STARTS_WITH",
            field_to_match=wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
                uri_path=wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchUriPathArgs()
            ),
            text_transformations=[
                wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArgs(priority=0, type="NONE")
            ],
        )
    )


def _any(statements: list[wafv2.WebAclRuleStatementArgs]) -> wafv2.WebAclRuleStatementArgs:
    """One statement of several: AWS wants two in an OR at least."""
    from pulumi_aws import wafv2

    if len(statements) == 1:
        return statements[0]
    return wafv2.WebAclRuleStatementArgs(
        or_statement=wafv2.WebAclRuleStatementOrStatementArgs(statements=statements)
    )


def _all(statements: list[wafv2.WebAclRuleStatementArgs]) -> wafv2.WebAclRuleStatementArgs:
    from pulumi_aws import wafv2

    if len(statements) == 1:
        return statements[0]
    return wafv2.WebAclRuleStatementArgs(
        and_statement=wafv2.WebAclRuleStatementAndStatementArgs(statements=statements)
    )
