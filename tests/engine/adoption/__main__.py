"""Every setup of the tests as a site that is taken over, with the API and the upgrades when asked for."""

import dataclasses

import pulumi

from components.interfaces import ApiOrigin, Route
from components.static_site import StaticSite, StaticSiteArgs
from components.static_site.adoption import Adopted, problems
from tests.components.static_site.adopted.generated import header_values
from tests.components.static_site.adopted.setups import numbered

EASY = {"tls", "http3", "ipv6", "https", "compress", "headers", "logging", "cache-policies"}

config = pulumi.Config()
asked = frozenset((config.get("upgrades") or "").split())
only = config.get_int("only")
only = None if only == -1 else only
routes = []
if config.get_bool("api"):
    origin = ApiOrigin(domain_name="api.execute-api.us-east-1.amazonaws.com", headers={"X-Verify": "v"})
    routes = [Route(path_pattern="/api/*", origin=origin)]

for number, (bucket, setup) in enumerate(numbered()):
    if only is not None and only != number:
        continue
    adopted = Adopted(
        distribution_id=f"E{number:04}",
        config=setup["config"],
        distribution_tags={"Team": "web"},
        bucket=bucket,
        bucket_tags={"Team": "web"},
        bucket_region="us-east-1",
        policy=setup["policy"],
        headers={f"{o}/{h}": value for (o, h), value in header_values(setup["config"]).items()},
        upgrades=asked,
    )
    # A setup takes what it can: an edge function needs a free event, and others need the function.
    if problems(adopted):
        adopted = dataclasses.replace(adopted, upgrades=asked & EASY)
    args = StaticSiteArgs(
        adopted=adopted,
        routes=routes,
        waf=False,
        protect_data=False,
        log_retention_days=30,
        account_id="123456789012",
        region="us-east-1",
        stack=f"s{number}",
        tags={"Project": "orchestrator"},
    )
    StaticSite("site" if only is not None else f"site{number}", args)
