"""Plausible answers to data lookups, for runs without an account. Each answer is made up and says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class UnexpectedLookupError(Exception):
    """The program asked for something the stand-in has no answer to."""


def _zone(args: Mapping[str, Any], account: str, region: str) -> dict[str, Any]:
    name = str(args.get("name") or "yourdomain.com").rstrip(".")
    zone_id = str(args.get("zoneId") or "Z0123456789ABCDEFGHIJ")
    return {
        "id": zone_id,
        "zoneId": zone_id,
        "name": name,
        "arn": f"arn:aws:route53:::hostedzone/{zone_id}",
        "privateZone": False,
        "nameServers": [f"ns-{n}.awsdns-{n:02}.{tld}" for n, tld in ((1, "com"), (2, "net"), (3, "org"))],
    }


_ANSWERS: dict[str, Callable[[Mapping[str, Any], str, str], dict[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": lambda args, account, region: {
        "id": account,
        "accountId": account,
        "arn": f"arn:aws:iam::{account}:user/offline",
        "userId": "AIDAEXAMPLE",
    },
    "aws:index/getRegion:getRegion": lambda args, account, region: {
        "id": region,
        "region": args.get("region") or region,
        "name": args.get("region") or region,
        "description": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
    },
    "aws:index/getPartition:getPartition": lambda args, account, region: {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    },
    "aws:index/getAvailabilityZones:getAvailabilityZones": lambda args, account, region: {
        "id": region,
        "names": [f"{region}{letter}" for letter in "abc"],
        "zoneIds": [f"{region}-az{n}" for n in (1, 2, 3)],
        "groupNames": [region],
    },
    "aws:route53/getZone:getZone": _zone,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": lambda args, account, region: {
        "id": "pl-3b927c52",
        "name": args.get("name") or "com.amazonaws.global.cloudfront.origin-facing",
        "arn": f"arn:aws:ec2:{region}:aws:prefix-list/pl-3b927c52",
        "maxEntries": 55,
        "entries": [],
    },
    "aws:ssm/getParameter:getParameter": lambda args, account, region: {
        "id": args.get("name"),
        "name": args.get("name"),
        "value": "ami-0123456789abcdef0",
        "type": "String",
        "version": 1,
        "arn": f"arn:aws:ssm:{region}::parameter{args.get('name')}",
        "insecureValue": "ami-0123456789abcdef0",
    },
}


def answer_lookup(token: str, args: Mapping[str, Any], *, account: str, region: str) -> dict[str, Any]:
    """The made-up result of a provider function.

    Raises:
        UnexpectedLookupError: there is no answer for ``token``; add one here.
    """
    answer = _ANSWERS.get(token)
    if answer is None:
        raise UnexpectedLookupError(
            f"the program looks up {token}, for which offline runs have no answer; add one to {__name__}"
        )
    return answer(args, account, region)
