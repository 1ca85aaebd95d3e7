"""Plausible answers to data lookups, for runs without an account. Each answer is made up and says so.

What AWS publishes (ids of managed CloudFront policies) is answered truly. What
only an account knows (a zone, a VPC, an image) is derived from the question:
the same question gets the same answer on every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

Arguments = Mapping[str, Any]
Answer = Callable[[Arguments, str, str], dict[str, Any]]

CACHE_POLICIES: Mapping[str, str] = {
    "Managed-CachingOptimized": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    "Managed-CachingDisabled": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "Managed-CachingOptimizedForUncompressedObjects": "b2884449-e4de-46a7-ac36-70bc7f1ddd6d",
}
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html"""

ORIGIN_REQUEST_POLICIES: Mapping[str, str] = {
    "Managed-AllViewer": "216adef6-5c7f-47e4-b989-5492eafa07d3",
    "Managed-AllViewerExceptHostHeader": "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "Managed-CORS-S3Origin": "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
}
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html"""

RESPONSE_HEADERS_POLICIES: Mapping[str, str] = {
    "Managed-SecurityHeadersPolicy": "67f7725c-6f97-4210-82d7-5512b31e9d03",
}
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html"""

_ZONE_NAMES = "abc"


class UnexpectedLookupError(Exception):
    """The program asked for something the stand-in has no answer to."""


def _hex(length: int, *parts: Any) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:length]


def _caller(args: Arguments, account: str, region: str) -> dict[str, Any]:
    arn = f"arn:aws:iam::{account}:user/offline"
    return {"id": account, "accountId": account, "arn": arn, "userId": "AIDAEXAMPLE"}


def _region(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    return {
        "id": where,
        "region": where,
        "name": where,
        "description": where,
        "endpoint": f"ec2.{where}.amazonaws.com",
    }


def _partition(args: Arguments, account: str, region: str) -> dict[str, Any]:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _availability_zones(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    return {
        "id": where,
        "region": where,
        "names": [f"{where}{letter}" for letter in _ZONE_NAMES],
        "zoneIds": [f"{where}-az{n}" for n in range(1, len(_ZONE_NAMES) + 1)],
        "groupNames": [where],
    }


def _zone(args: Arguments, account: str, region: str) -> dict[str, Any]:
    name = str(args.get("name") or "yourdomain.com").rstrip(".")
    zone_id = str(args.get("zoneId") or "Z" + _hex(20, "zone", name).upper())
    return {
        "id": zone_id,
        "zoneId": zone_id,
        "name": name,
        "arn": f"arn:aws:route53:::hostedzone/{zone_id}",
        "privateZone": bool(args.get("privateZone")),
        "nameServers": [f"ns-{n}.awsdns-{n:02}.{tld}" for n, tld in ((1, "com"), (2, "net"), (3, "org"))],
    }


def _prefix_list(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    name = args.get("name") or "com.amazonaws.global.cloudfront.origin-facing"
    identifier = args.get("id") or "pl-" + _hex(8, "prefix list", name, where)
    return {
        "id": identifier,
        "name": name,
        "arn": f"arn:aws:ec2:{where}:aws:prefix-list/{identifier}",
        "maxEntries": 55,  # the weight of CloudFront's list (CloudFront Developer Guide, managed prefix list)
        "entries": [],
        "addressFamily": "IPv4",
        "ownerId": "AWS",
    }


def _parameter(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    name = str(args.get("name"))
    # AWS's public parameters for machine images hold image ids, also those that do not say so at the end.
    image = "ami" in name or name.startswith("/aws/service/ecs/optimized-")
    value = "ami-0" + _hex(16, name, where) if image else f"offline-{_hex(8, name)}"
    return {
        "id": name,
        "name": name,
        "value": value,
        "insecureValue": value,
        "type": "String",
        "version": 1,
        "arn": f"arn:aws:ssm:{where}:{'' if name.startswith('/aws/') else account}:parameter{name}",
    }


def _ami(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    identifier = "ami-0" + _hex(16, "ami", where, sorted(map(str, args.get("owners") or ())))
    return {
        "id": identifier,
        "imageId": identifier,
        "arn": f"arn:aws:ec2:{where}::image/{identifier}",
        "architecture": "arm64",
        "name": "offline-image",
        "rootDeviceName": "/dev/xvda",
        "state": "available",
        "ownerId": "137112412989",
    }


def _vpc(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    identifier = str(args.get("id") or "vpc-0" + _hex(16, "vpc", where))
    return {
        "id": identifier,
        "arn": f"arn:aws:ec2:{where}:{account}:vpc/{identifier}",
        "cidrBlock": args.get("cidrBlock") or "10.0.0.0/16",
        "default": bool(args.get("default")),
        "enableDnsHostnames": True,
        "enableDnsSupport": True,
        "mainRouteTableId": "rtb-0" + _hex(16, "main", identifier),
        "ownerId": account,
        "state": "available",
        "tags": {},
    }


def _subnet(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    identifier = str(args.get("id") or "subnet-0" + _hex(16, "subnet", where))
    index = int(_hex(4, identifier), 16) % len(_ZONE_NAMES)
    # Which zone a subnet is in cannot be known here; two that are configured side by side must differ.
    zone = f"{where}-of-{identifier.removeprefix('subnet-')}"
    return {
        "id": identifier,
        "arn": f"arn:aws:ec2:{where}:{account}:subnet/{identifier}",
        "availabilityZone": zone,
        "availabilityZoneId": zone,
        "cidrBlock": args.get("cidrBlock") or f"10.0.{index * 16}.0/20",
        "mapPublicIpOnLaunch": False,
        "vpcId": args.get("vpcId") or "vpc-0" + _hex(16, "vpc", where),
        "state": "available",
        "tags": {},
    }


def _route_table(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    identifier = "rtb-0" + _hex(16, "routes", args.get("subnetId"), args.get("vpcId"))
    nat = "nat-0" + _hex(16, "nat", identifier)
    unset = dict.fromkeys(
        ("carrierGatewayId", "coreNetworkArn", "destinationPrefixListId", "egressOnlyGatewayId", "gatewayId",
         "instanceId", "ipv6CidrBlock", "localGatewayId", "networkInterfaceId", "odbNetworkArn",
         "transitGatewayId", "vpcEndpointId", "vpcPeeringConnectionId"), ""
    )  # fmt: skip
    return {
        "id": identifier,
        "routeTableId": identifier,
        "arn": f"arn:aws:ec2:{where}:{account}:route-table/{identifier}",
        "subnetId": args.get("subnetId") or "",
        "vpcId": args.get("vpcId") or "vpc-0" + _hex(16, "vpc", where),
        "gatewayId": "",
        "ownerId": account,
        "associations": [],
        "routes": [{**unset, "cidrBlock": "0.0.0.0/0", "natGatewayId": nat}],
        "region": where,
        "tags": {},
    }


def _internet_gateway(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    identifier = str(args.get("internetGatewayId") or "igw-0" + _hex(16, "igw", str(args.get("filters"))))
    return {
        "id": identifier,
        "internetGatewayId": identifier,
        "arn": f"arn:aws:ec2:{where}:{account}:internet-gateway/{identifier}",
        "attachments": [],
        "ownerId": account,
        "region": where,
        "tags": {},
    }


def _subnets(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    ids = ["subnet-0" + _hex(16, "subnet", where, n) for n in range(2)]
    return {"id": where, "region": where, "ids": ids, "tags": {}}


def _managed_instances(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    asked = [f["values"] for f in args.get("filters") or [] if f["name"] == "InstanceIds"]
    # Every instance of the stand-in runs and answers at once.
    return {"id": where, "region": where, "ids": [i for values in asked for i in values]}


def _certificate(args: Arguments, account: str, region: str) -> dict[str, Any]:
    where = args.get("region") or region
    domain = args.get("domain")
    arn = f"arn:aws:acm:{where}:{account}:certificate/{_uuid('certificate', domain)}"
    return {"id": arn, "arn": arn, "domain": domain, "status": "ISSUED", "tags": {}}


def _bucket(args: Arguments, account: str, region: str) -> dict[str, Any]:
    name = str(args.get("bucket"))
    where = args.get("region") or region
    return {
        "id": name,
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{where}.amazonaws.com",
        "bucketRegion": where,
    }


def _managed(kind: str, known: Mapping[str, str]) -> Answer:
    def answer(args: Arguments, account: str, region: str) -> dict[str, Any]:
        name = str(args.get("name") or "")
        identifier = args.get("id") or known.get(name) or _uuid(kind, name)
        return {"id": identifier, "name": name, "arn": f"arn:aws:cloudfront::{account}:{kind}/{identifier}"}

    return answer


def _uuid(*parts: Any) -> str:
    digits = _hex(32, *parts)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_ANSWERS: Mapping[str, Answer] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:route53/getZone:getZone": _zone,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:ec2/getAmi:getAmi": _ami,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getRouteTable:getRouteTable": _route_table,
    "aws:ec2/getInternetGateway:getInternetGateway": _internet_gateway,
    "aws:ssm/getInstances:getInstances": _managed_instances,
    "aws:ssm/getParameter:getParameter": _parameter,
    "aws:acm/getCertificate:getCertificate": _certificate,
    "aws:s3/getBucket:getBucket": _bucket,
    "aws:cloudfront/getCachePolicy:getCachePolicy": _managed("cache-policy", CACHE_POLICIES),
    "aws:cloudfront/getOriginRequestPolicy:getOriginRequestPolicy": _managed(
        "origin-request-policy", ORIGIN_REQUEST_POLICIES
    ),
    "aws:cloudfront/getResponseHeadersPolicy:getResponseHeadersPolicy": _managed(
        "response-headers-policy", RESPONSE_HEADERS_POLICIES
    ),
}


def answer_lookup(token: str, args: Mapping[str, Any], *, account: str, region: str) -> dict[str, Any]:
    """The made-up result of a provider function.

    Args:
        token: of the function, ``aws:route53/getZone:getZone``.
        args: camelCase arguments.
        account: 12-digit id of the made-up account.
        region: the home Region.

    Raises:
        UnexpectedLookupError: there is no answer for ``token``; add one here.
    """
    answer = _ANSWERS.get(token)
    if answer is None:
        raise UnexpectedLookupError(
            f"the program looks up {token}, for which offline runs have no answer; add one to {__name__}"
        )
    return answer(args, account, region)
