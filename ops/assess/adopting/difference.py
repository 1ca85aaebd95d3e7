"""What an adoption keeps, adds, changes because it was asked to, and never touches: in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.static_site.behaviors import CACHED_ERRORS
from ops.assess.model import Request
from ops.assess.upgrades import UPGRADES
from ops.assess.views import behaviors, items, statements, wanted_names


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Four lists of sentences."""

    kept: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    never: tuple[str, ...]


def difference(content: Mapping[str, Any], request: Request, *, waf: bool) -> Difference:
    """What the next ``up`` does with the site the file describes.

    Args:
        content: of ``adopted/<stack>.json``.
        request: names and backend of the stack.
        waf: whether the stack has a firewall.
    """
    config = content["distribution"]["config"]
    return Difference(
        kept=tuple(_kept(content, config)),
        added=tuple(_added(content, config, request, waf=waf)),
        changed=tuple(f"{name}: {UPGRADES[name].what}" for name in UPGRADES if name in content["upgrades"]),
        never=(
            "objects, versions, ACLs, lifecycle, website settings and encryption of "
            f"{content['bucket']['name']}",
            "the certificate, functions, policies, key groups and origins the distribution refers to",
            "the hosted zone and every record that exists: "
            + (", ".join(f"{name} {kind}" for name, kind in content["records"]) or "none of these names"),
            "nothing that was there is deleted by `destroy`: bucket, policy and distribution are protected",
        ),
    )


def _kept(content: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    found = [
        f"distribution {content['distribution']['id']} and its host {content['distribution']['host']}",
        f"aliases: {', '.join(items(config.get('Aliases'))) or 'none'}",
        "origins: " + ", ".join(f"{o['Id']} ({o['DomainName']})" for o in items(config["Origins"])),
        "behaviors, in this order: " + ", ".join(pattern for pattern, _ in behaviors(config)),
    ]
    if groups := items(config.get("OriginGroups")):
        found.append("origin groups: " + ", ".join(one["Id"] for one in groups))
    viewer = config.get("ViewerCertificate") or {}
    certificate = viewer.get("ACMCertificateArn") or viewer.get("IAMCertificateId")
    if certificate:
        found.append(f"certificate {certificate}, {viewer.get('MinimumProtocolVersion')} and newer")
    if config.get("WebACLId"):
        found.append(f"web ACL {config['WebACLId']}")
    functions = [
        f"{one['EventType']} on {pattern}"
        for pattern, behavior in behaviors(config)
        for kind in ("FunctionAssociations", "LambdaFunctionAssociations")
        for one in items(behavior.get(kind))
    ]
    if functions:
        found.append("functions: " + ", ".join(functions))
    if (config.get("Logging") or {}).get("Enabled"):
        found.append(f"access logs to {config['Logging']['Bucket']}")
    if errors := items(config.get("CustomErrorResponses")):
        found.append("error responses: " + ", ".join(str(one["ErrorCode"]) for one in errors))
    for what in ("distribution", "bucket"):
        if tags := content[what]["tags"]:
            found.append(f"tags of the {what}: {', '.join(tags)}")
    count = len(statements(content["bucket"]["policy"]))
    found.append(f"bucket {content['bucket']['name']}; its policy's {count} statements, byte for byte")
    return found


def _added(
    content: Mapping[str, Any], config: Mapping[str, Any], request: Request, *, waf: bool
) -> list[str]:
    found = ["tags Project, Stack and ManagedBy on distribution and bucket"]
    if request.backend != "none":
        ruled = {one["ErrorCode"] for one in items(config.get("CustomErrorResponses"))}
        forgotten = [str(code) for code in CACHED_ERRORS if code not in ruled]
        found += [
            f"an origin for the API ({request.backend or 'lambda'}), with a secret header",
            "a behavior for /api/* before all others: every method, never cached",
        ]
        if forgotten:
            found.append(f"errors {', '.join(forgotten)} are not remembered any more (no page changes)")
    if waf and not config.get("WebACLId"):
        found.append("a web ACL: rate limit and AWS managed rules (orchestrator:waf false leaves it out)")
    if content["aliases"]:
        found.append(f"aliases: {', '.join(content['aliases'])}")
    served = {*items(config.get("Aliases")), *content["aliases"]}
    there = {tuple(one) for one in content["records"]}
    missing = [
        f"{name} {kind}"
        for name in wanted_names(request)
        for kind in ("A", "AAAA", "HTTPS")
        if name in served and not {(name, kind), (name, "CNAME")} & there
    ]
    if missing:
        found.append(f"records, where the zone is in Route 53: {', '.join(missing)}")
    if "oac" in content["upgrades"]:
        found.append("a policy statement that lets this distribution read")
    return found
