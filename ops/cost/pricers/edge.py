"""The distribution, its functions, the firewall and names."""

from __future__ import annotations

from collections.abc import Iterator

from ops.cost.model import Charge, World, priced
from ops.plan import PlannedResource


@priced("CloudFront", "aws:cloudfront/distribution:Distribution")
def distribution(resource: PlannedResource, world: World) -> Iterator[Charge]:
    usage = world.usage
    out = world.requests * usage.response_kb + world.site_requests * usage.site_response_kb
    yield Charge(price="cloudfront_request", quantity=world.edge_requests, note="API and site")
    yield Charge(price="cloudfront_gb", quantity=out / world.gb, note="to viewers")
    yield Charge(
        price="cloudfront_to_origin_gb",
        quantity=world.requests * usage.request_kb / world.gb,
        note="API requests",
    )
    functions = resource.inputs.get("defaultCacheBehavior") or {}
    if functions.get("functionAssociations"):
        yield Charge(price="cloudfront_function", quantity=world.site_requests, note="site behavior")
    for behavior in resource.inputs.get("orderedCacheBehaviors") or ():
        if behavior.get("functionAssociations") and str(behavior.get("pathPattern", "")).startswith("/api"):
            yield Charge(price="cloudfront_function", quantity=world.requests, note="API behavior")


@priced("CloudFront", "aws:cloudfront/keyValueStore:KeyValueStore")
def key_value_store(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="cloudfront_kvs_read", quantity=world.site_requests, note="one a site request")


@priced("WAF", "aws:wafv2/webAcl:WebAcl")
def web_acl(resource: PlannedResource, world: World) -> Iterator[Charge]:
    rules = len(resource.inputs.get("rules") or ())
    yield Charge(price="waf_acl_month", quantity=1)
    yield Charge(price="waf_rule_month", quantity=rules, note=f"{rules} rules")
    yield Charge(price="waf_request", quantity=world.edge_requests)


@priced("WAF", "aws:wafv2/webAclRule:WebAclRule")
def web_acl_rule(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="waf_rule_month", quantity=1)


@priced("Route 53", "aws:route53/zone:Zone")
def zone(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="hosted_zone_month", quantity=1)


@priced("Route 53", "aws:route53/healthCheck:HealthCheck")
def health_check(resource: PlannedResource, world: World) -> Iterator[Charge]:
    kind = str(resource.inputs.get("type", ""))
    if kind in {"CALCULATED", "CLOUDWATCH_METRIC", "RECOVERY_CONTROL"}:
        yield Charge(price="health_check_month", quantity=1)
        return
    options = [
        kind.startswith("HTTPS"),
        kind.endswith("STR_MATCH"),
        int(resource.inputs.get("requestInterval", 30)) == 10,
        bool(resource.inputs.get("measureLatency")),
    ]
    yield Charge(price="health_check_month", quantity=1)
    yield Charge(price="health_check_option_month", quantity=sum(options), note="optional features")
