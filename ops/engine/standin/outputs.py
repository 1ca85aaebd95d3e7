"""What AWS would answer when a resource is made: ids, ARNs, host names, made up but well formed.

The same function serves the recorder and the gRPC stand-in, so a rehearsal and
an offline ``up`` agree. Values are derived from the stack, type and name: the
same on every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

OFFLINE_ACCOUNT_ID = "123456789012"
"""The account that offline runs stand in: the placeholder of AWS's own examples."""

CLOUDFRONT_ZONE_ID = "Z2FDTNDATAQYW2"
"""Hosted zone of every CloudFront alias (AWS General Reference, CloudFront endpoints)."""


@dataclass(frozen=True)
class Made:
    """One resource about to be answered for."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    account: str
    region: str
    stack: str

    def hex(self, length: int, salt: str = "") -> str:
        """Stable lower-case hex digits of this resource."""
        seed = "|".join((self.stack, self.type, self.name, salt))
        return hashlib.sha256(seed.encode()).hexdigest()[:length]

    def upper(self, prefix: str, length: int) -> str:
        """An id in AWS's upper-case style, ``E2QWRUHEXAMPLE``."""
        return prefix + self.hex(40).upper()[: length - len(prefix)]

    def physical(self, *keys: str) -> str:
        """The physical name: the first input given, else what autonaming would make."""
        for key in (*keys, "name"):
            value = self.inputs.get(key)
            if isinstance(value, str) and value:
                return value
        prefix = self.inputs.get("namePrefix")
        if isinstance(prefix, str) and prefix:
            # As the provider does: 26 characters, a time and a counter (terraform-plugin-sdk, helper/id).
            return prefix + self.hex(26)
        return f"{self.name}-{self.hex(7)}"

    def arn(
        self, service: str, resource: str, *, region: str | None = None, account: str | None = None
    ) -> str:
        """An ARN in the home Region and account unless told otherwise."""
        own_region = self.inputs.get("region") or self.region
        where = own_region if region is None else region
        who = self.account if account is None else account
        return f"arn:aws:{service}:{where}:{who}:{resource}"


def _named(
    service: str, prefix: str, *keys: str, id_is: str = "name", glob: bool = False
) -> Callable[[Made], dict[str, Any]]:
    """Outputs of a resource known by its name: ``name``, ``arn`` and an id that is one of them."""

    def make(m: Made) -> dict[str, Any]:
        name = m.physical(*keys)
        arn = m.arn(service, prefix + name, region="" if glob else None)
        return {"name": name, "arn": arn, "id": name if id_is == "name" else arn}

    return make


def _bucket(m: Made) -> dict[str, Any]:
    name = m.physical("bucket")
    region = m.inputs.get("region") or m.region
    return {
        "id": name,
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "hostedZoneId": "Z3AQBSTGFYJSTF",
        "region": region,
    }


def _distribution(m: Made) -> dict[str, Any]:
    id_ = m.upper("E", 14)
    return {
        "id": id_,
        "arn": m.arn("cloudfront", f"distribution/{id_}", region=""),
        "domainName": f"d{m.hex(13)}.cloudfront.net",
        "hostedZoneId": CLOUDFRONT_ZONE_ID,
        "etag": m.upper("E", 13),
        "status": "Deployed",
    }


def _cloudfront_by_id(kind: str) -> Callable[[Made], dict[str, Any]]:
    def make(m: Made) -> dict[str, Any]:
        id_ = m.upper("E", 14) if kind == "origin-access-control" else _uuid(m)
        return {
            "id": id_,
            "arn": m.arn("cloudfront", f"{kind}/{id_}", region=""),
            "etag": m.upper("E", 13),
            "name": m.physical(),
        }

    return make


def _cloudfront_function(m: Made) -> dict[str, Any]:
    name = m.physical()
    return {
        "id": name,
        "name": name,
        "arn": m.arn("cloudfront", f"function/{name}", region=""),
        "etag": m.upper("E", 13),
        "status": "UNASSOCIATED",
    }


def _key_value_store(m: Made) -> dict[str, Any]:
    id_ = _uuid(m)
    name = m.physical()
    return {
        "id": name,
        "name": name,
        "arn": m.arn("cloudfront", f"key-value-store/{id_}", region=""),
        "etag": m.upper("E", 13),
    }


def _certificate(m: Made) -> dict[str, Any]:
    names = [m.inputs.get("domainName"), *(m.inputs.get("subjectAlternativeNames") or [])]
    bases: dict[str, str] = {}
    for name in names:
        if isinstance(name, str):
            bases.setdefault(name.removeprefix("*."), name)
    arn = m.arn("acm", f"certificate/{_uuid(m)}")
    return {
        "id": arn,
        "arn": arn,
        "status": "ISSUED",
        "domainValidationOptions": [
            {
                "domainName": shown,
                "resourceRecordName": f"_{m.hex(32, base)}.{base}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": f"_{m.hex(32, base + 'v')}.acm-validations.aws.",
            }
            for base, shown in bases.items()
        ],
    }


def _function(m: Made) -> dict[str, Any]:
    name = m.physical()
    arn = m.arn("lambda", f"function:{name}")
    invoke = m.arn("apigateway", f"lambda:path/2015-03-31/functions/{arn}/invocations", account="")
    stream = m.arn(
        "apigateway", f"lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations", account=""
    )
    return {
        "id": name,
        "name": name,
        "arn": arn,
        "version": "1",
        "qualifiedArn": f"{arn}:1",
        "invokeArn": invoke,
        "qualifiedInvokeArn": invoke.replace(arn, f"{arn}:1"),
        "responseStreamingInvokeArn": stream,
    }


def _alias(m: Made) -> dict[str, Any]:
    function = str(m.inputs.get("functionName", "function")).rsplit(":function:", 1)[-1]
    arn = m.arn("lambda", f"function:{function}:{m.physical()}")
    return {
        "id": arn,
        "arn": arn,
        "name": m.physical(),
        "invokeArn": m.arn("apigateway", f"lambda:path/2015-03-31/functions/{arn}/invocations", account=""),
        "responseStreamingInvokeArn": m.arn(
            "apigateway", f"lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations", account=""
        ),
    }


def _rest_api(m: Made) -> dict[str, Any]:
    id_ = m.hex(10)
    return {
        "id": id_,
        "arn": m.arn("apigateway", f"/restapis/{id_}", account=""),
        "executionArn": m.arn("execute-api", id_),
        "rootResourceId": m.hex(10, "root"),
        "name": m.physical(),
    }


def _stage(m: Made) -> dict[str, Any]:
    api = str(m.inputs.get("restApi", "api"))
    stage = str(m.inputs.get("stageName", "stage"))
    region = m.inputs.get("region") or m.region
    return {
        "id": f"ags-{api}-{stage}",
        "arn": m.arn("apigateway", f"/restapis/{api}/stages/{stage}", account=""),
        "executionArn": m.arn("execute-api", f"{api}/{stage}"),
        "invokeUrl": f"https://{api}.execute-api.{region}.amazonaws.com/{stage}",
    }


def _secret(m: Made) -> dict[str, Any]:
    name = m.physical()
    arn = m.arn("secretsmanager", f"secret:{name}-{m.hex(6)}")
    return {"id": arn, "arn": arn, "name": name}


def _secret_version(m: Made) -> dict[str, Any]:
    secret = str(m.inputs.get("secretId", ""))
    version = _uuid(m)
    return {"id": f"{secret}|{version}", "arn": secret, "versionId": version}


def _queue(m: Made) -> dict[str, Any]:
    name = m.physical()
    region = m.inputs.get("region") or m.region
    url = f"https://sqs.{region}.amazonaws.com/{m.account}/{name}"
    return {"id": url, "url": url, "name": name, "arn": m.arn("sqs", name)}


def _kms_key(m: Made) -> dict[str, Any]:
    id_ = _uuid(m)
    return {"id": id_, "keyId": id_, "arn": m.arn("kms", f"key/{id_}")}


def _web_acl(m: Made) -> dict[str, Any]:
    id_ = _uuid(m)
    name = m.physical()
    scope = "global" if m.inputs.get("scope") == "CLOUDFRONT" else "regional"
    return {"id": id_, "name": name, "arn": m.arn("wafv2", f"{scope}/webacl/{name}/{id_}"), "capacity": 900}


def _record(m: Made) -> dict[str, Any]:
    return {
        "id": f"{m.inputs.get('zoneId')}_{m.inputs.get('name')}_{m.inputs.get('type')}",
        "fqdn": m.inputs.get("name"),
    }


def _random_password(m: Made) -> dict[str, Any]:
    length = int(m.inputs.get("length", 32))
    return {
        "id": "none",
        "result": (m.hex(64) + m.hex(64, "more"))[:length],
        "bcryptHash": "$2a$10$" + m.hex(53),
    }


def _random_id(m: Made) -> dict[str, Any]:
    return {"id": m.hex(8), "hex": m.hex(16), "dec": str(int(m.hex(8), 16)), "b64Url": m.hex(11)}


def _random_string(m: Made) -> dict[str, Any]:
    return {"id": m.hex(32), "result": m.hex(64)[: int(m.inputs.get("length", 32))]}


def _numbered(service: str, prefix: str, resource: str) -> Callable[[Made], dict[str, Any]]:
    """EC2's style: ``vpc-0123456789abcdef0``."""

    def make(m: Made) -> dict[str, Any]:
        id_ = f"{prefix}-0{m.hex(16)}"
        return {"id": id_, "arn": m.arn(service, f"{resource}/{id_}")}

    return make


def _uuid(m: Made) -> str:
    digits = m.hex(32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


_MAKERS: dict[str, Callable[[Made], dict[str, Any]]] = {
    "aws:s3/bucket:Bucket": _bucket,
    "aws:cloudfront/distribution:Distribution": _distribution,
    "aws:cloudfront/originAccessControl:OriginAccessControl": _cloudfront_by_id("origin-access-control"),
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": _cloudfront_by_id(
        "response-headers-policy"
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": _cloudfront_by_id("cache-policy"),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _cloudfront_by_id("origin-request-policy"),
    "aws:cloudfront/function:Function": _cloudfront_function,
    "aws:cloudfront/keyValueStore:KeyValueStore": _key_value_store,
    "aws:acm/certificate:Certificate": _certificate,
    "aws:acm/certificateValidation:CertificateValidation": lambda m: {
        "id": m.inputs.get("certificateArn"),
        "certificateArn": m.inputs.get("certificateArn"),
    },
    "aws:route53/record:Record": _record,
    "aws:lambda/function:Function": _function,
    "aws:lambda/alias:Alias": _alias,
    "aws:apigateway/restApi:RestApi": _rest_api,
    "aws:apigateway/resource:Resource": lambda m: {
        "id": m.hex(6),
        "path": "/" + str(m.inputs.get("pathPart", "")),
    },
    "aws:apigateway/deployment:Deployment": lambda m: {"id": m.hex(6)},
    "aws:apigateway/stage:Stage": _stage,
    "aws:secretsmanager/secret:Secret": _secret,
    "aws:secretsmanager/secretVersion:SecretVersion": _secret_version,
    "aws:sqs/queue:Queue": _queue,
    "aws:kms/key:Key": _kms_key,
    "aws:kms/alias:Alias": _named("kms", "", id_is="name"),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "aws:iam/role:Role": _named("iam", "role/", glob=True),
    "aws:iam/policy:Policy": _named("iam", "policy/", id_is="arn", glob=True),
    "aws:iam/instanceProfile:InstanceProfile": _named("iam", "instance-profile/", glob=True),
    "aws:sns/topic:Topic": _named("sns", "", id_is="arn"),
    "aws:sns/topicSubscription:TopicSubscription": lambda m: {"id": f"{m.inputs.get('topic')}:{_uuid(m)}"},
    "aws:dynamodb/table:Table": _named("dynamodb", "table/"),
    "aws:cloudwatch/logGroup:LogGroup": _named("logs", "log-group:"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _named("cloudwatch", "alarm:"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _named("cloudwatch", "alarm:", "alarmName"),
    "aws:cloudwatch/dashboard:Dashboard": _named("cloudwatch", "dashboard/", "dashboardName"),
    "aws:cloudwatch/eventRule:EventRule": _named("events", "rule/"),
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": _named("logs", "delivery-source:"),
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": _named("logs", "delivery-destination:"),
    "aws:cloudwatch/logDelivery:LogDelivery": lambda m: {
        "id": m.hex(16),
        "arn": m.arn("logs", f"delivery:{m.hex(16)}"),
    },
    "aws:route53/healthCheck:HealthCheck": lambda m: {
        "id": _uuid(m),
        "arn": f"arn:aws:route53:::healthcheck/{_uuid(m)}",
    },
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": lambda m: {
        "id": m.arn("ce", f"anomalymonitor/{_uuid(m)}", region=""),
        "arn": m.arn("ce", f"anomalymonitor/{_uuid(m)}", region=""),
    },
    "aws:ec2/vpc:Vpc": lambda m: {
        **_numbered("ec2", "vpc", "vpc")(m),
        "defaultSecurityGroupId": f"sg-0{m.hex(16, 'default')}",
        "mainRouteTableId": f"rtb-0{m.hex(16, 'main')}",
    },
    "aws:ec2/subnet:Subnet": _numbered("ec2", "subnet", "subnet"),
    "aws:ec2/internetGateway:InternetGateway": _numbered("ec2", "igw", "internet-gateway"),
    "aws:ec2/natGateway:NatGateway": _numbered("ec2", "nat", "natgateway"),
    "aws:ec2/eip:Eip": lambda m: {
        **_numbered("ec2", "eipalloc", "elastic-ip")(m),
        "publicIp": "198.51.100.7",
    },
    "aws:ec2/routeTable:RouteTable": _numbered("ec2", "rtb", "route-table"),
    "aws:ec2/securityGroup:SecurityGroup": _numbered("ec2", "sg", "security-group"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _numbered("ec2", "vpce", "vpc-endpoint"),
    "aws:ec2/launchTemplate:LaunchTemplate": lambda m: {
        **_numbered("ec2", "lt", "launch-template")(m),
        "latestVersion": 1,
    },
    "aws:ec2/instance:Instance": lambda m: {
        **_numbered("ec2", "i", "instance")(m),
        "privateIp": "10.0.128.10",
        "privateDns": f"ip-10-0-128-10.{m.region}.compute.internal",
        "primaryNetworkInterfaceId": f"eni-0{m.hex(16)}",
    },
    "aws:cloudfront/vpcOrigin:VpcOrigin": lambda m: {
        "id": m.upper("vo_", 20),
        "arn": m.arn("cloudfront", f"vpcorigin/{m.upper('vo_', 20)}", region=""),
    },
    "aws:lb/loadBalancer:LoadBalancer": lambda m: {
        "id": m.arn("elasticloadbalancing", f"loadbalancer/app/{m.physical()}/{m.hex(16)}"),
        "arn": m.arn("elasticloadbalancing", f"loadbalancer/app/{m.physical()}/{m.hex(16)}"),
        "arnSuffix": f"app/{m.physical()}/{m.hex(16)}",
        "dnsName": f"internal-{m.physical()}-{int(m.hex(8), 16)}.{m.region}.elb.amazonaws.com",
        "zoneId": "Z35SXDOTRQ7X7K",
        "name": m.physical(),
    },
    "aws:lb/targetGroup:TargetGroup": lambda m: {
        "id": m.arn("elasticloadbalancing", f"targetgroup/{m.physical()}/{m.hex(16)}"),
        "arn": m.arn("elasticloadbalancing", f"targetgroup/{m.physical()}/{m.hex(16)}"),
        "arnSuffix": f"targetgroup/{m.physical()}/{m.hex(16)}",
        "name": m.physical(),
    },
    "aws:lb/listener:Listener": lambda m: {
        "id": m.arn("elasticloadbalancing", f"listener/app/lb/{m.hex(16)}/{m.hex(16, 'l')}"),
        "arn": m.arn("elasticloadbalancing", f"listener/app/lb/{m.hex(16)}/{m.hex(16, 'l')}"),
    },
    "aws:ecs/cluster:Cluster": _named("ecs", "cluster/", id_is="arn"),
    "aws:ecs/taskDefinition:TaskDefinition": lambda m: {
        "id": str(m.inputs.get("family")),
        "arn": m.arn("ecs", f"task-definition/{m.inputs.get('family')}:1"),
        "revision": 1,
    },
    "aws:ecs/service:Service": lambda m: {
        "id": m.arn("ecs", f"service/{m.physical()}"),
        "arn": m.arn("ecs", f"service/{m.physical()}"),
        "name": m.physical(),
    },
    "aws:ssm/association:Association": lambda m: {
        "id": _uuid(m),
        "associationId": _uuid(m),
        "arn": m.arn("ssm", f"association/{_uuid(m)}"),
    },
    "aws:ssm/document:Document": _named("ssm", "document/"),
    "aws:ssm/parameter:Parameter": _named("ssm", "parameter"),
    "random:index/randomPassword:RandomPassword": _random_password,
    "random:index/randomString:RandomString": _random_string,
    "random:index/randomId:RandomId": _random_id,
    "random:index/randomUuid:RandomUuid": lambda m: {"id": _uuid(m), "result": _uuid(m)},
}


def computed_outputs(
    type_: str, name: str, inputs: Mapping[str, Any], *, account: str, region: str, stack: str
) -> dict[str, Any]:
    """The outputs only a provider knows, in camelCase, ``id`` among them.

    Args:
        type_: type token; one without an entry gets an ``id`` (and a name it was given).
        name: logical name.
        inputs: camelCase inputs.
        account: 12-digit account id.
        region: the home Region.
        stack: stack name; ids of two stacks differ.
    """
    made = Made(type_, name, inputs, account, region, stack)
    maker = _MAKERS.get(type_)
    found = maker(made) if maker else _any(made)
    if isinstance(inputs.get("tags"), Mapping):
        found = {**found, "tagsAll": dict(inputs["tags"])}
    return {key: value for key, value in found.items() if value is not None}


def _any(m: Made) -> dict[str, Any]:
    """A type without an entry: its name where it has one, an id, an ARN of the common form."""
    service = m.type.split(":")[1].split("/")[0]
    id_ = m.physical() if "name" in m.inputs else f"{m.name}-{m.hex(7)}"
    return {"id": id_, "arn": m.arn(service, id_)}


def next_outputs(
    type_: str, old: Mapping[str, Any], inputs: Mapping[str, Any], made: Mapping[str, Any]
) -> dict[str, Any]:
    """The outputs after an update: the old ones, but for what the update moves.

    Args:
        type_: type token.
        old: outputs of the last run.
        inputs: the new inputs.
        made: what ``computed_outputs`` gives for them.

    Returns:
        ``made``, with a new version of a published Lambda function whose code or settings changed.
    """
    result = {**{key: value for key, value in old.items() if key in made}, **made}
    if type_ == "aws:lambda/function:Function" and inputs.get("publish"):
        version = str(int(old.get("version") or 0) + 1)
        result |= {"version": version, "qualifiedArn": f"{made['arn']}:{version}"}
        result["qualifiedInvokeArn"] = str(made["invokeArn"]).replace(
            str(made["arn"]), f"{made['arn']}:{version}"
        )
    return result
