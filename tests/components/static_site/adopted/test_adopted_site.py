"""StaticSite over sites that run: nothing of theirs changes but what is added or asked for."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from components.static_site.adopted.upgrade import UPGRADES
from components.static_site.adoption import Adopted, load, problems
from ops.plan import PlannedResource
from tests.components.harness import Deployment
from tests.components.static_site.adopted.generated import header_values
from tests.components.static_site.adopted.provider import expand, meaning
from tests.components.static_site.adopted.setups import SETUPS, adopted_file
from tests.components.static_site.build import deployed
from tests.ops.assess.aws_shapes import DOMAIN, ID, NAMES, many

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
BUCKET = "aws:s3/bucket:Bucket"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
API = "abc123.execute-api.us-east-1.amazonaws.com"


def adopted(name: str, **overrides: Any) -> Adopted:
    """A setup as the file gives it."""
    setup = SETUPS[name]()
    config = setup["config"]
    values = {f"{o}/{h}": value for (o, h), value in header_values(config).items()}
    made: dict[str, Any] = {
        "distribution_id": ID,
        "config": config,
        "distribution_tags": {"Team": "web"},
        "bucket": DOMAIN,
        "bucket_region": "us-east-1",
        "bucket_tags": {"Cost": "7"},
        "policy": setup["policy"],
        "headers": values,
        **overrides,
    }
    return Adopted(**made)


def site(name: str, **overrides: Any) -> Deployment:
    """The setup adopted, with the API's route, without a firewall unless asked for."""
    args = {"waf": False, **{k: overrides.pop(k) for k in ("waf", "routes", "domain") if k in overrides}}
    return deployed(adopted=adopted(name, **overrides), **args)


def snake(value: Any) -> Any:
    """camelCase inputs as the provider's snake_case."""
    if isinstance(value, dict):
        return {_snake(key): snake(inner) for key, inner in value.items()}
    return [snake(one) for one in value] if isinstance(value, list) else value


def _snake(key: str) -> str:
    return {"isIpv6Enabled": "is_ipv6_enabled"}.get(
        key, re.sub(r"([A-Z]+)", lambda m: "_" + m[1].lower(), key)
    )


def live_after(resource: PlannedResource) -> dict[str, Any]:
    """What CloudFront would be told."""
    return expand(snake(copy.deepcopy(dict(resource.inputs))))


def without_ours(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration without the API's origin, behavior and error rules."""
    config = copy.deepcopy(config)
    origins = [o for o in config["Origins"]["Items"] if o["DomainName"] != API]
    behaviors = [b for b in config["CacheBehaviors"]["Items"] if b["PathPattern"] != "/api/*"]
    errors = [
        e
        for e in config["CustomErrorResponses"]["Items"]
        if e["ResponsePagePath"] or e["ErrorCachingMinTTL"] or e["ErrorCode"] not in OURS
    ]
    config |= {
        "Origins": many(origins),
        "CacheBehaviors": many(behaviors),
        "CustomErrorResponses": many(errors),
    }
    return config


OURS = {404, 414, 501, 502, 503, 504}


@pytest.mark.parametrize("name", SETUPS)
def test_everything_that_ran_stays_as_it_was(name: str) -> None:
    planned = site(name).one(DISTRIBUTION)
    live = SETUPS[name]()["config"]
    after = live_after(planned)
    rules = [e for e in after["CustomErrorResponses"]["Items"] if e["ErrorCode"] == 500]
    had = [e for e in live["CustomErrorResponses"].get("Items", []) if e["ErrorCode"] == 500]
    if not had:  # ours too, unless the site had one
        assert len(rules) == 1
        after["CustomErrorResponses"]["Items"].remove(rules[0])
    assert meaning(without_ours(after)) == meaning(live)


@pytest.mark.parametrize("name", SETUPS)
def test_what_is_added_is_the_api(name: str) -> None:
    after = live_after(site(name).one(DISTRIBUTION))
    live = SETUPS[name]()["config"]
    first, *others = after["CacheBehaviors"]["Items"]
    assert first["PathPattern"] == "/api/*"
    assert [b["PathPattern"] for b in others] == [
        b["PathPattern"] for b in live["CacheBehaviors"].get("Items", [])
    ]
    origin = next(o for o in after["Origins"]["Items"] if o["DomainName"] == API)
    assert first["TargetOriginId"] == origin["Id"]
    ids = [o["Id"] for o in after["Origins"]["Items"]]
    assert len(set(ids)) == len(ids) == len(live["Origins"]["Items"]) + 1
    # No error of the API is kept for the next caller, and no page is added that could take its place.
    before = {e["ErrorCode"] for e in live["CustomErrorResponses"].get("Items", [])}
    added = [e for e in after["CustomErrorResponses"]["Items"] if e["ErrorCode"] not in before]
    assert all(not e["ResponsePagePath"] and e["ErrorCachingMinTTL"] == 0 for e in added)
    assert OURS | {500} <= before | {e["ErrorCode"] for e in added}


@pytest.mark.parametrize("name", SETUPS)
def test_it_is_imported_protected_and_kept(name: str) -> None:
    result = site(name)
    distribution, bucket = result.one(DISTRIBUTION), result.one(BUCKET)
    assert distribution.import_id == ID
    assert bucket.import_id == bucket.inputs["bucket"] == DOMAIN
    for one in (distribution, bucket):
        assert one.protect
        assert one.retain_on_delete
    assert bucket.inputs["forceDestroy"] is False
    assert distribution.inputs["tags"] == {"Team": "web", "project": "orchestrator", "stack": "dev"}
    assert bucket.inputs["tags"] == {"Cost": "7", "project": "orchestrator", "stack": "dev"}
    # Its neighbours are nobody's business.
    for type_ in ("BucketPublicAccessBlock", "BucketOwnershipControls", "BucketVersioning"):
        result.none(f"aws:s3/{type_[0].lower()}{type_[1:]}:{type_}")
    result.none("aws:acm/certificate:Certificate")
    result.none("aws:cloudfront/keyValueStore:KeyValueStore")


@pytest.mark.parametrize("name", SETUPS)
def test_the_policy_keeps_every_byte(name: str) -> None:
    policies = site(name).all(POLICY)
    before = SETUPS[name]()["policy"]
    if not policies:
        assert not before
        return
    after = policies[0].inputs["policy"]
    assert policies[0].import_id == (DOMAIN if before else "")
    if before:
        assert (
            after.startswith(before.rstrip("]} \n"))
            or json.loads(before)["Statement"] == json.loads(after)["Statement"][0]
        )


def test_plain_http_is_denied_only_where_nobody_uses_it() -> None:
    def denied(name: str, *upgrades: str) -> bool:
        policies = site(name, upgrades=frozenset(upgrades)).all(POLICY)
        return any("TlsOnly" in p.inputs["policy"] for p in policies)

    assert denied("origin access control")
    assert denied("origin access identity")
    assert not denied("website endpoint")  # CloudFront itself speaks HTTP to it
    assert not denied("public bucket, as in the tutorials")
    assert not denied("plain HTTP allowed, IPv4, HTTP/1.1, disabled compression")
    assert denied("no policy at all", "oac")
    # The public statement stays until somebody takes it out, and with it those who use it.
    assert not denied("public bucket, as in the tutorials", "oac")


def test_header_values_are_secret_and_not_in_the_file() -> None:
    planned = site("secret headers of two origins").one(DISTRIBUTION)
    origins = planned.inputs["origins"]
    found = {
        (o["originId"], h["name"]): h["value"]
        for o in origins
        for h in o.get("customHeaders", [])
        if "X-" in h["name"]
    }
    assert found["b.example.com", "X-B"] == "three"


def test_a_bucket_in_another_region_is_imported_from_there() -> None:
    result = site("origin access control", bucket_region="eu-central-1")
    assert result.one(BUCKET).import_id == f"{DOMAIN}@eu-central-1"
    assert result.one(BUCKET).inputs["region"] == "eu-central-1"
    assert result.one(POLICY).inputs["region"] == "eu-central-1"


def test_names_are_added_and_existing_records_left_alone() -> None:
    result = site(
        "public bucket, as in the tutorials",
        domain=DOMAIN,
        aliases=(NAMES[1],),
        records=frozenset({(DOMAIN, "A"), (NAMES[1], "CNAME")}),
    )
    assert result.one(DISTRIBUTION).inputs["aliases"] == [DOMAIN, NAMES[1]]
    made = {(r.inputs["name"], r.inputs["type"]) for r in result.all("aws:route53/record:Record")}
    # Not the apex's A, nothing beside a CNAME, nothing for api., which the distribution does not serve.
    assert made == {(DOMAIN, "AAAA"), (DOMAIN, "HTTPS")}


def test_a_firewall_is_added_only_where_there_is_none() -> None:
    acl = "aws:wafv2/webAcl:WebAcl"
    site("firewall of one's own", waf=True).none(acl)
    result = site("public bucket, as in the tutorials", waf=True)
    assert result.one(DISTRIBUTION).inputs["webAclId"] == result.one(acl).outputs["arn"]


def test_a_site_without_routes_is_taken_over_unchanged() -> None:
    for name in SETUPS:
        result = site(name, routes=())
        live = SETUPS[name]()["config"]
        assert meaning(live_after(result.one(DISTRIBUTION))) == meaning(live)


# -- upgrades --------------------------------------------------------------------------------------


def changed_by(name: str, *upgrades: str) -> dict[str, Any]:
    """The members of the configuration an upgrade changes."""
    plain = meaning(live_after(site(name, routes=()).one(DISTRIBUTION)))
    after = meaning(live_after(site(name, routes=(), upgrades=frozenset(upgrades)).one(DISTRIBUTION)))
    return {key: after.get(key) for key in {*plain, *after} if plain.get(key) != after.get(key)}


def test_each_upgrade_changes_only_what_it_says() -> None:
    plain = "plain HTTP allowed, IPv4, HTTP/1.1, disabled compression"
    assert set(changed_by(plain, "https")) == {"DefaultCacheBehavior"}
    assert set(changed_by(plain, "compress")) == {"DefaultCacheBehavior"}
    assert changed_by(plain, "http3") == {"HttpVersion": "http2and3"}
    assert changed_by(plain, "ipv6") == {"IsIPV6Enabled": True}
    assert set(changed_by(plain, "headers")) == {"DefaultCacheBehavior"}
    assert set(changed_by(plain, "oac")) == {"Origins"}
    assert set(changed_by(plain, "edge-function")) == {"DefaultCacheBehavior"}
    assert changed_by(plain, "logging") == {}
    tls = changed_by("public bucket, as in the tutorials", "tls")
    assert tls["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert set(tls) == {"ViewerCertificate"}
    assert changed_by("no domain, CloudFront's certificate", "tls") == {}
    pages = changed_by("single-page error pages", "edge-function", "error-pages")
    assert [e["ResponsePagePath"] for e in pages["CustomErrorResponses"]["Items"]] == ["/404.html"]


@pytest.mark.parametrize(
    "name", ["website endpoint", "origin access identity", "public bucket, as in the tutorials"]
)
def test_oac_lets_the_distribution_in_before_it_asks(name: str) -> None:
    result = site(name, upgrades=frozenset({"oac", "edge-function"}))
    origin = result.one(DISTRIBUTION).inputs["origins"][0]
    assert "customOriginConfig" not in origin
    assert "s3OriginConfig" not in origin
    assert origin["domainName"].endswith(".amazonaws.com")
    assert "website" not in origin["domainName"]
    assert origin["originAccessControlId"]
    policy = result.one(POLICY)
    allowed = [s for s in json.loads(policy.inputs["policy"])["Statement"] if s["Sid"] == "DistributionReads"]
    assert allowed[0]["Condition"]["StringEquals"]["AWS:SourceArn"].endswith(f":distribution/{ID}")
    assert policy.urn in result.one(DISTRIBUTION).depends_on


def test_the_public_statement_can_be_taken_out_of_the_file_afterwards() -> None:
    name, upgrades = "public bucket, as in the tutorials", frozenset({"oac", "edge-function"})

    def sids(**changes: Any) -> list[str]:
        policy = site(name, upgrades=upgrades, **changes).one(POLICY).inputs["policy"]
        return [one["Sid"] for one in json.loads(policy)["Statement"]]

    assert sids() == ["PublicReadGetObject", "DistributionReads"]
    left = json.loads(SETUPS[name]()["policy"]) | {"Statement": []}
    assert sids(policy=json.dumps(left)) == ["DistributionReads", "TlsOnly"]


def test_cache_policies_have_the_key_and_the_times_of_what_they_replace() -> None:
    result = site("legacy cache settings", upgrades=frozenset({"cache-policies"}))
    policy = result.one("aws:cloudfront/cachePolicy:CachePolicy")
    assert (policy.inputs["minTtl"], policy.inputs["defaultTtl"], policy.inputs["maxTtl"]) == (
        0,
        86400,
        31536000,
    )
    default = result.one(DISTRIBUTION).inputs["defaultCacheBehavior"]
    assert default["cachePolicyId"] == policy.outputs["id"]
    assert not {"forwardedValues", "minTtl", "defaultTtl", "maxTtl"} & set(default)


@pytest.mark.parametrize("name", ["all headers forwarded", "legacy settings with everything in the key"])
def test_legacy_settings_no_policy_can_say_are_left(name: str) -> None:
    result = site(name, upgrades=frozenset({"cache-policies"}))
    result.none("aws:cloudfront/cachePolicy:CachePolicy")
    assert "forwardedValues" in result.one(DISTRIBUTION).inputs["defaultCacheBehavior"]


# -- the file --------------------------------------------------------------------------------------


def written(tmp_path: Any, **changes: Any) -> Any:
    asked = {"records": [[DOMAIN, "A"]], "upgrades": ["tls"], **changes}
    data = adopted_file("origin access control", **asked)
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_the_file_is_read(tmp_path: Any) -> None:
    found = load(written(tmp_path), {})
    assert found.distribution_id == ID
    assert found.records == {(DOMAIN, "A")}
    assert found.upgrades == {"tls"}
    assert found.served == {DOMAIN}


def test_all_that_is_wrong_with_a_file_is_told_at_once(tmp_path: Any) -> None:
    config = SETUPS["website endpoint kept by a referer"]()["config"]
    config["ConnectionMode"] = "tenant-only"
    path = written(
        tmp_path,
        distribution={"id": ID, "config": config, "tags": {}},
        upgrades=["oac", "error-pages", "warp"],
    )
    with pytest.raises(ValueError, match=r"dev\.json") as caught:
        load(path, {})
    message = str(caught.value)
    for part in (
        "upgrade 'warp' does not exist",
        f"origin header '{f'S3-{DOMAIN}/Referer'}' is not in the configuration",
        "ConnectionMode is 'tenant-only'",
        "upgrade 'oac' takes the website endpoint away",
        "upgrade 'error-pages' takes away what answers unknown paths",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "cannot be read"), ('{"version": 9}', "version 9"), ('{"version": 1}', "not what")],
)
def test_a_file_that_is_none_says_so(text: str, why: str, tmp_path: Any) -> None:
    path = tmp_path / "dev.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=why):
        load(path, {})


def test_the_app_of_a_single_page_site_must_have_the_name_the_function_knows() -> None:
    asked = frozenset({"edge-function", "error-pages"})
    assert problems(adopted("single-page error pages", upgrades=asked)) == []
    config = SETUPS["single-page error pages"]()["config"]
    for rule in config["CustomErrorResponses"]["Items"]:
        rule["ResponsePagePath"] = "/app.html"
    found = problems(adopted("single-page error pages", config=config, upgrades=asked))
    assert ["403 is answered with /app.html and 200" in one for one in found] == [True, False]
    assert problems(adopted("single-page error pages", config=config, upgrades=asked - {"error-pages"})) == []


def test_an_edge_function_needs_a_free_event() -> None:
    taken = adopted("functions on request and response", upgrades=frozenset({"edge-function"}))
    assert ["viewer-request" in one for one in problems(taken)] == [True]
    assert (
        problems(
            adopted(
                "functions on request and response",
                upgrades=frozenset(UPGRADES) - {"edge-function", "error-pages"},
            )
        )
        == []
    )
