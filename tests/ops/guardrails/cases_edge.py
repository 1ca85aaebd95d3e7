"""Firing and silent plans of the policies in exposure, edge and encryption."""

from __future__ import annotations

from tests.ops.guardrails.plans import ACCOUNT, OWN_KEY, allow, document, plan, res

BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BUCKET = res("aws:s3/bucket:Bucket", "site")
ALL_FOUR = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DENY_PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::site", "arn:aws:s3:::site/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def distribution(**inputs):
    good = {
        "defaultCacheBehavior": {"viewerProtocolPolicy": "redirect-to-https"},
        "orderedCacheBehaviors": [{"pathPattern": "/api/*", "viewerProtocolPolicy": "https-only"}],
        "origins": [],
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
    }
    secret = inputs.pop("_secret", ())
    return res("aws:cloudfront/distribution:Distribution", "cdn", _secret=secret, **{**good, **inputs})


def policy_on(type_: str, *statements, key: str = "policy"):
    return plan(res(type_, **{key: document(*statements)}))


API = res("aws:apigateway/restApi:RestApi", "api", endpointConfiguration={"types": "REGIONAL"})
API_ORIGIN = {
    "originId": "api",
    "domainName": "api-id.execute-api.us-east-1.amazonaws.com",
    "customHeaders": [{"name": "X-Origin-Verify", "value": "v"}],
}
CERTIFICATE = {
    "acmCertificateArn": "arn:aws:acm:us-east-1:1:certificate/x",
    "sslSupportMethod": "sni-only",
    "minimumProtocolVersion": "TLSv1.2_2021",
}
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
SOURCE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}

# policy id -> (fires, silent); every entry of a list is one plan, fires: exactly one finding each.
CASES = {
    "bucket-public-access-block": (
        [
            plan(BUCKET),
            plan(BUCKET, res(BLOCK, bucket="site-id", **{**ALL_FOUR, "blockPublicPolicy": False})),
            plan(BUCKET, res(BLOCK, bucket="another", **ALL_FOUR)),
        ],
        [plan(), plan(BUCKET, res(BLOCK, bucket="site-id", **ALL_FOUR))],
    ),
    "resource-policy-not-public": (
        [
            policy_on(BUCKET_POLICY, allow("s3:GetObject", "arn:aws:s3:::site/*", "*")),
            policy_on("aws:sqs/queuePolicy:QueuePolicy", allow("sqs:SendMessage", "*", {"AWS": "*"})),
            policy_on(
                "aws:iam/role:Role", allow("sts:AssumeRole", None, {"AWS": "*"}), key="assumeRolePolicy"
            ),
            # Conditions that narrow nothing.
            policy_on(
                "aws:sns/topicPolicy:TopicPolicy",
                allow("sns:Publish", "*", "*", {"StringLike": {"aws:SourceArn": "*"}}),
            ),
            policy_on(
                BUCKET_POLICY, allow("s3:GetObject", "*", "*", {"Bool": {"aws:SecureTransport": "true"}})
            ),
            policy_on(
                BUCKET_POLICY,
                allow("s3:GetObject", "*", "*", {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}),
            ),
        ],
        [
            policy_on(BUCKET_POLICY, DENY_PLAIN),
            policy_on("aws:sns/topicPolicy:TopicPolicy", allow("sns:Publish", "*", "*", SOURCE)),
            policy_on(
                BUCKET_POLICY, allow("s3:GetObject", "*", {"Service": "cloudfront.amazonaws.com"}, SOURCE)
            ),
        ],
    ),
    "function-not-public": (
        [plan(res("aws:lambda/permission:Permission", principal="*"))],
        [
            plan(res("aws:lambda/permission:Permission", principal="*", sourceAccount=ACCOUNT)),
            plan(res("aws:lambda/permission:Permission", principal="apigateway.amazonaws.com")),
        ],
    ),
    "function-url-signed": (
        [plan(res("aws:lambda/functionUrl:FunctionUrl", authorizationType="NONE"))],
        [plan(res("aws:lambda/functionUrl:FunctionUrl", authorizationType="AWS_IAM"))],
    ),
    "security-group-not-world": (
        [
            plan(res(INGRESS, cidrIpv4="0.0.0.0/0", fromPort=443, toPort=443)),
            plan(res(INGRESS, cidrIpv6="::/0")),
            plan(res(INGRESS, cidrIpv4="0.0.0.0/1")),
            plan(res("aws:ec2/securityGroup:SecurityGroup", ingress=[{"cidrBlocks": ["0.0.0.0/0"]}])),
            plan(res("aws:ec2/securityGroupRule:SecurityGroupRule", type="ingress", ipv6CidrBlocks=["::/0"])),
        ],
        [
            plan(res(INGRESS, prefixListId="pl-3b927c52")),
            plan(res(INGRESS, cidrIpv4="10.0.0.0/8")),
            plan(res(INGRESS, referencedSecurityGroupId="sg-1")),
            plan(res("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", cidrIpv4="0.0.0.0/0")),
            plan(res("aws:ec2/securityGroupRule:SecurityGroupRule", type="egress", cidrBlocks=["0.0.0.0/0"])),
        ],
    ),
    "default-security-group-empty": (
        [
            plan(res("aws:ec2/vpc:Vpc", "net")),
            plan(
                res("aws:ec2/vpc:Vpc", "net"),
                res(
                    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
                    vpcId="net-id",
                    egress=[{"protocol": "-1"}],
                ),
            ),
        ],
        [
            plan(
                res("aws:ec2/vpc:Vpc", "net"),
                res("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", vpcId="net-id"),
            )
        ],
    ),
    "no-public-address": (
        [
            plan(res("aws:ec2/instance:Instance", associatePublicIpAddress=True)),
            plan(res("aws:ecs/service:Service", networkConfiguration={"assignPublicIp": True})),
            plan(res("aws:ec2/subnet:Subnet", mapPublicIpOnLaunch=True)),
            plan(res("aws:ec2/eip:Eip", instance="i-1")),
            plan(res("aws:ec2/eipAssociation:EipAssociation", networkInterfaceId="eni-1")),
            plan(
                res(
                    "aws:ec2/launchTemplate:LaunchTemplate",
                    networkInterfaces=[{"associatePublicIpAddress": True}],
                )
            ),
        ],
        [
            plan(res("aws:ec2/instance:Instance", associatePublicIpAddress=False)),
            plan(res("aws:ecs/service:Service", networkConfiguration={"assignPublicIp": False})),
            plan(res("aws:ec2/eip:Eip", domain="vpc")),
        ],
    ),
    "load-balancer-internal": (
        [
            plan(res("aws:lb/loadBalancer:LoadBalancer")),
            plan(res("aws:lb/loadBalancer:LoadBalancer", internal=False)),
        ],
        [plan(res("aws:lb/loadBalancer:LoadBalancer", internal=True))],
    ),
    "endpoint-policy": (
        [
            plan(res(ENDPOINT)),
            plan(res(ENDPOINT, policy=document(allow("s3:GetObject", "*", "*")))),
        ],
        [
            plan(res(ENDPOINT, policy=document(allow("s3:GetObject", "arn:aws:s3:::site/*", "*")))),
            plan(
                res(
                    ENDPOINT,
                    policy=document(
                        allow(
                            "logs:PutLogEvents", "*", "*", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
                        )
                    ),
                )
            ),
            plan(
                res(ENDPOINT, "gw"),
                res(
                    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy",
                    vpcEndpointId="gw-id",
                    policy=document(allow("s3:GetObject", "arn:aws:s3:::site/*", "*")),
                ),
            ),
        ],
    ),
    "viewer-https": (
        [
            plan(distribution(defaultCacheBehavior={"viewerProtocolPolicy": "allow-all"})),
            plan(
                distribution(
                    orderedCacheBehaviors=[{"pathPattern": "/x", "viewerProtocolPolicy": "allow-all"}]
                )
            ),
        ],
        [plan(distribution())],
    ),
    "viewer-tls-floor": (
        [
            plan(
                distribution(
                    aliases=["a.com"], viewerCertificate={**CERTIFICATE, "minimumProtocolVersion": "TLSv1"}
                )
            ),
            plan(
                distribution(aliases=["a.com"], viewerCertificate={**CERTIFICATE, "sslSupportMethod": "vip"})
            ),
        ],
        [plan(distribution()), plan(distribution(aliases=["a.com"], viewerCertificate=CERTIFICATE))],
    ),
    "origin-https": (
        [
            plan(distribution(origins=[{"originId": "o", "customOriginConfig": custom}]))
            for custom in (
                {"originProtocolPolicy": "http-only", "originSslProtocols": ["TLSv1.2"]},
                {"originProtocolPolicy": "https-only", "originSslProtocols": ["TLSv1", "TLSv1.2"]},
            )
        ],
        [
            plan(
                distribution(
                    origins=[
                        {"originId": "v", "vpcOriginConfig": {"vpcOriginId": "vo"}},
                        {
                            "originId": "o",
                            "customOriginConfig": {
                                "originProtocolPolicy": "https-only",
                                "originSslProtocols": ["TLSv1.2"],
                            },
                        },
                    ]
                )
            )
        ],
    ),
    "bucket-behind-origin-access": (
        [
            plan(distribution(origins=[{"originId": "s3", "domainName": "site.s3.us-east-1.amazonaws.com"}])),
            plan(
                distribution(
                    origins=[
                        {
                            "originId": "s3",
                            "domainName": "site.s3-website-us-east-1.amazonaws.com",
                            "originAccessControlId": "E1",
                        }
                    ]
                )
            ),
        ],
        [
            plan(
                distribution(
                    origins=[
                        {
                            "originId": "s3",
                            "domainName": "site.s3.us-east-1.amazonaws.com",
                            "originAccessControlId": "E1",
                        }
                    ]
                )
            )
        ],
    ),
    "rest-api-behind-edge": (
        [
            plan(API),
            plan(API, distribution(origins=[{**API_ORIGIN, "customHeaders": []}])),
            plan(API, distribution(origins=[API_ORIGIN])),  # the header's value is not a secret
            plan(
                res("aws:apigateway/restApi:RestApi", "api"),
                distribution(origins=[API_ORIGIN], _secret=["origins[0].customHeaders[0].value"]),
            ),
        ],
        [
            plan(API, distribution(origins=[API_ORIGIN], _secret=["origins[0].customHeaders[0].value"])),
            plan(API, distribution(origins=[API_ORIGIN], _secret=["origins"])),
            plan(res("aws:apigateway/restApi:RestApi", endpointConfiguration={"types": "PRIVATE"})),
        ],
    ),
    "bucket-tls-only": (
        [
            plan(BUCKET),
            plan(
                BUCKET,
                res(
                    BUCKET_POLICY, bucket="site-id", policy=document({**DENY_PLAIN, "Action": "s3:GetObject"})
                ),
            ),
            plan(BUCKET, res(BUCKET_POLICY, bucket="other", policy=document(DENY_PLAIN))),
        ],
        [plan(BUCKET, res(BUCKET_POLICY, bucket="site-id", policy=document(DENY_PLAIN)))],
    ),
    "listener-tls-floor": (
        [
            plan(res("aws:lb/listener:Listener", protocol="HTTPS")),
            plan(res("aws:lb/listener:Listener", protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08")),
            plan(res("aws:lb/listener:Listener", protocol="HTTP"), config={"orchestrator:domain": "a.com"}),
        ],
        [
            plan(res("aws:lb/listener:Listener", protocol="HTTP")),
            plan(
                res(
                    "aws:lb/listener:Listener",
                    protocol="HTTPS",
                    sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
                ),
                res("aws:lb/listener:Listener", protocol="HTTP", defaultActions=[{"type": "redirect"}]),
                config={"orchestrator:domain": "a.com"},
            ),
        ],
    ),
    "edge-firewall": (
        [plan(distribution())],
        [plan(distribution(webAclId="arn:aws:wafv2:us-east-1:1:global/webacl/x/y"))],
    ),
    "edge-root-object": (
        [
            plan(distribution()),
            plan(
                distribution(
                    defaultCacheBehavior={
                        "viewerProtocolPolicy": "https-only",
                        "functionAssociations": [{"eventType": "viewer-response"}],
                    }
                )
            ),
        ],
        [
            plan(distribution(defaultRootObject="index.html")),
            plan(
                distribution(
                    defaultCacheBehavior={
                        "viewerProtocolPolicy": "https-only",
                        "functionAssociations": [{"eventType": "viewer-request", "functionArn": "f"}],
                    }
                )
            ),
        ],
    ),
    "bucket-encrypted": (
        [plan(BUCKET)],
        [
            plan(
                BUCKET,
                res(
                    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
                    bucket="site-id",
                    rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
                ),
            )
        ],
    ),
    "queue-encrypted": (
        [plan(res("aws:sqs/queue:Queue"))],
        [
            plan(res("aws:sqs/queue:Queue", sqsManagedSseEnabled=True)),
            plan(res("aws:sqs/queue:Queue", kmsMasterKeyId="arn:aws:kms:x")),
        ],
    ),
    "customer-key": (
        [
            plan(res("aws:cloudwatch/logGroup:LogGroup"), config=OWN_KEY),
            plan(res("aws:sns/topic:Topic", kmsMasterKeyId="alias/aws/sns"), config=OWN_KEY),
            plan(res("aws:dynamodb/table:Table", serverSideEncryption={"enabled": True}), stack="prod"),
        ],
        [
            plan(res("aws:cloudwatch/logGroup:LogGroup")),
            plan(res("aws:cloudwatch/logGroup:LogGroup", kmsKeyId="arn:aws:kms:x"), config=OWN_KEY),
            plan(res("aws:sns/topic:Topic"), stack="prod", config={"orchestrator:customerKey": "false"}),
        ],
    ),
    "key-rotates": (
        [plan(res("aws:kms/key:Key"))],
        [
            plan(res("aws:kms/key:Key", enableKeyRotation=True)),
            plan(res("aws:kms/key:Key", customerMasterKeySpec="RSA_2048")),
        ],
    ),
    "volume-encrypted": (
        [
            plan(res("aws:ec2/instance:Instance")),
            plan(
                res(
                    "aws:ec2/instance:Instance",
                    rootBlockDevice={"encrypted": True},
                    ebsBlockDevices=[{"deviceName": "/dev/sdf"}],
                )
            ),
            plan(res("aws:ec2/launchTemplate:LaunchTemplate")),
            plan(res("aws:ebs/volume:Volume")),
        ],
        [
            plan(res("aws:ec2/instance:Instance", rootBlockDevice={"encrypted": True})),
            plan(
                res(
                    "aws:ec2/launchTemplate:LaunchTemplate",
                    blockDeviceMappings=[{"ebs": {"encrypted": "true"}}],
                )
            ),
        ],
    ),
}
