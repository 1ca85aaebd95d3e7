"""Properties whose change AWS can only answer with a new resource.

The Python SDK does not carry this ("ForceNew" of the Terraform schema behind
pulumi-aws), so it is kept here for the types the program uses: from the resource
pages of https://registry.terraform.io/providers/hashicorp/aws/latest/docs
("Forces new resource") and pulumi-aws' own schema ("willReplaceOnChanges").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

ALWAYS = frozenset({"region"})
"""On every regional resource (pulumi-aws docs/enhanced-region-support.md)."""

_NAMED = frozenset({"name", "namePrefix"})

_FORCES_NEW = {
    "aws:s3/bucket:Bucket": "bucket bucketNamespace bucketPrefix objectLockEnabled",
    "aws:s3/bucketVersioning:BucketVersioning": "bucket expectedBucketOwner",
    "aws:s3/bucketPolicy:BucketPolicy": "bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "bucket expectedBucketOwner"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket expectedBucketOwner",
    "aws:s3/bucketLogging:BucketLogging": "bucket expectedBucketOwner",
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": "bucket expectedBucketOwner",
    "aws:s3/bucketNotification:BucketNotification": "bucket",
    "aws:s3/bucketObject:BucketObject": "bucket key",
    "aws:s3/bucketObjectv2:BucketObjectv2": "bucket key",
    "aws:cloudfront/distribution:Distribution": "staging",
    "aws:cloudfront/function:Function": "name",
    "aws:cloudfront/keyValueStore:KeyValueStore": "name",
    "aws:cloudfront/keyvaluestoreKey:KeyvaluestoreKey": "key keyValueStoreArn",
    "aws:cloudfront/originAccessControl:OriginAccessControl": "",
    "aws:cloudfront/cachePolicy:CachePolicy": "",
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": "",
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": "name",
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": "distributionId",
    "aws:cloudfront/vpcOrigin:VpcOrigin": "",
    "aws:acm/certificate:Certificate": (
        "certificateAuthorityArn domainName keyAlgorithm subjectAlternativeNames validationMethod"
    ),
    "aws:acm/certificateValidation:CertificateValidation": "certificateArn validationRecordFqdns",
    "aws:route53/zone:Zone": "delegationSetId name",
    "aws:route53/record:Record": "name setIdentifier type zoneId",
    "aws:route53/healthCheck:HealthCheck": "measureLatency referenceName requestInterval type",
    "aws:wafv2/webAcl:WebAcl": "name namePrefix scope",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": "resourceArn",
    "aws:wafv2/ipSet:IpSet": "ipAddressVersion name scope",
    "aws:lambda/function:Function": "durableConfig name packageType tenancyConfig",
    "aws:lambda/alias:Alias": "functionName name",
    "aws:lambda/permission:Permission": (
        "action eventSourceToken function functionUrlAuthType invokedViaFunctionUrl principal "
        "principalOrgId qualifier sourceAccount sourceArn statementId statementIdPrefix"
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "functionName qualifier",
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": "functionName qualifier",
    "aws:lambda/eventSourceMapping:EventSourceMapping": "eventSourceArn startingPosition",
    "aws:apigateway/restApi:RestApi": "",
    "aws:apigateway/resource:Resource": "restApi",
    "aws:apigateway/method:Method": "httpMethod resourceId restApi",
    "aws:apigateway/integration:Integration": (
        "credentials httpMethod integrationHttpMethod resourceId restApi type"
    ),
    "aws:apigateway/deployment:Deployment": "restApi triggers variables",
    "aws:apigateway/stage:Stage": "restApi stageName",
    "aws:apigateway/methodSettings:MethodSettings": "methodPath restApi stageName",
    "aws:apigateway/response:Response": "responseType restApiId",
    "aws:apigateway/account:Account": "",
    "aws:apigateway/requestValidator:RequestValidator": "restApi",
    "aws:iam/role:Role": "name namePrefix path",
    "aws:iam/policy:Policy": "description name namePrefix path",
    "aws:iam/rolePolicy:RolePolicy": "name namePrefix role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn role",
    "aws:iam/instanceProfile:InstanceProfile": "name namePrefix path",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "url",
    "aws:dynamodb/table:Table": "hashKey localSecondaryIndexes name rangeKey",
    "aws:secretsmanager/secret:Secret": "name namePrefix",
    "aws:secretsmanager/secretVersion:SecretVersion": (
        "secretBinary secretId secretString secretStringWoVersion"
    ),
    "aws:secretsmanager/secretRotation:SecretRotation": "secretId",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "secretArn",
    "aws:kms/key:Key": "customKeyStoreId customerMasterKeySpec keyUsage multiRegion",
    "aws:kms/alias:Alias": "name namePrefix",
    "aws:sqs/queue:Queue": "fifoQueue name namePrefix",
    "aws:sqs/queuePolicy:QueuePolicy": "queueUrl",
    "aws:sns/topic:Topic": "fifoTopic name namePrefix",
    "aws:sns/topicPolicy:TopicPolicy": "arn",
    "aws:sns/topicSubscription:TopicSubscription": "endpoint protocol topic",
    "aws:cloudwatch/logGroup:LogGroup": "logGroupClass name namePrefix",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyName",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "logGroupName name",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": "logType name resourceArn",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": "name outputFormat",
    "aws:cloudwatch/logDelivery:LogDelivery": "deliveryDestinationArn deliverySourceName",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "alarmName",
    "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
    "aws:cloudwatch/eventRule:EventRule": "eventBusName name namePrefix",
    "aws:cloudwatch/eventTarget:EventTarget": "eventBusName rule targetId",
    "aws:scheduler/schedule:Schedule": "groupName name namePrefix",
    "aws:budgets/budget:Budget": "accountId name namePrefix",
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": "monitorDimension monitorSpecification monitorType",
    "aws:costexplorer/anomalySubscription:AnomalySubscription": "accountId name",
    "aws:ec2/vpc:Vpc": "cidrBlock ipv4IpamPoolId",
    "aws:ec2/subnet:Subnet": "availabilityZone availabilityZoneId cidrBlock ipv6Native outpostArn vpcId",
    "aws:ec2/internetGateway:InternetGateway": "",
    "aws:ec2/natGateway:NatGateway": "allocationId connectivityType privateIp subnetId",
    "aws:ec2/eip:Eip": "domain networkBorderGroup publicIpv4Pool",
    "aws:ec2/routeTable:RouteTable": "vpcId",
    "aws:ec2/route:Route": "destinationCidrBlock destinationIpv6CidrBlock routeTableId",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "gatewayId subnetId",
    "aws:ec2/securityGroup:SecurityGroup": "description name namePrefix vpcId",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "securityGroupId",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "securityGroupId",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "serviceName vpcEndpointType vpcId",
    "aws:ec2/launchTemplate:LaunchTemplate": "name namePrefix",
    "aws:ec2/instance:Instance": (
        "ami availabilityZone ephemeralBlockDevices keyName placementGroup privateIp subnetId"
    ),
    "aws:ec2/flowLog:FlowLog": "iamRoleArn logDestination subnetId trafficType vpcId",
    "aws:ebs/volume:Volume": "availabilityZone encrypted kmsKeyId snapshotId",
    "aws:lb/loadBalancer:LoadBalancer": "internal loadBalancerType name namePrefix",
    "aws:lb/targetGroup:TargetGroup": (
        "ipAddressType name namePrefix port protocol protocolVersion targetType vpcId"
    ),
    "aws:lb/listener:Listener": "loadBalancerArn",
    "aws:lb/listenerRule:ListenerRule": "listenerArn",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": "port targetGroupArn targetId",
    "aws:ecs/cluster:Cluster": "name",
    "aws:ecs/taskDefinition:TaskDefinition": (
        "containerDefinitions cpu ephemeralStorage executionRoleArn family ipcMode memory "
        "networkMode pidMode placementConstraints proxyConfiguration requiresCompatibilities "
        "runtimePlatform taskRoleArn volumes"
    ),
    "aws:ecs/service:Service": "cluster launchType name schedulingStrategy",
    "aws:appautoscaling/target:Target": "resourceId scalableDimension serviceNamespace",
    "aws:appautoscaling/policy:Policy": "name resourceId scalableDimension serviceNamespace",
    "aws:ssm/association:Association": "name",
    "aws:ssm/document:Document": "documentType name",
    "aws:ssm/parameter:Parameter": "name",
    "aws:bedrock/guardrail:Guardrail": "",
    "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration": "",
    "random:index/randomPassword:RandomPassword": (
        "keepers length lower minLower minNumeric minSpecial minUpper numeric overrideSpecial special upper"
    ),
    "random:index/randomString:RandomString": "keepers length lower numeric special upper",
    "random:index/randomId:RandomId": "byteLength keepers prefix",
    "random:index/randomUuid:RandomUuid": "keepers",
    "random:index/randomPet:RandomPet": "keepers length prefix separator",
}
FORCES_NEW: Mapping[str, frozenset[str]] = {t: frozenset(p.split()) for t, p in _FORCES_NEW.items()}
"""Type token to the top-level camelCase properties that force a new resource."""


def forces_replacement(type_token: str, path: str) -> bool:
    """Whether a change at ``path`` (camelCase) makes a new resource.

    A type without an entry is judged by what is true of nearly all: its name and its Region.
    """
    root = re.split(r"[.\[]", path, maxsplit=1)[0]
    if type_token.startswith("aws:") and root in ALWAYS:
        return True
    return root in FORCES_NEW.get(type_token, _NAMED)
