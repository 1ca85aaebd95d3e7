"""Buckets, tables, secrets, keys, queues, topics."""

from __future__ import annotations

from collections.abc import Iterator

from ops.cost.model import Charge, World, nested, priced
from ops.plan import PlannedResource


@priced("S3", "aws:s3/bucket:Bucket")
def bucket(resource: PlannedResource, world: World) -> Iterator[Charge]:
    usage = world.usage
    if serves_site(resource, world):
        misses = world.site_requests * (1 - usage.edge_cache_hits)
        yield Charge(price="s3_gb_month", quantity=usage.site_gb, note="the site and its releases")
        yield Charge(price="s3_get", quantity=misses, note="what the edge does not have")
        yield Charge(price="s3_put", quantity=usage.site_puts, note="deployments")
    else:
        stored = world.edge_requests * usage.access_log_kb / world.gb
        yield Charge(price="s3_gb_month", quantity=stored, note="a month of logs, or artifacts")


def serves_site(resource: PlannedResource, world: World) -> bool:
    """Whether a distribution has the bucket as an origin."""
    name = str(resource.outputs.get("bucket") or resource.inputs.get("bucket") or resource.name)
    for distribution in world.all("aws:cloudfront/distribution:Distribution"):
        for origin in distribution.inputs.get("origins") or ():
            if str(origin.get("domainName", "")).startswith(f"{name}."):
                return True
    return False


@priced("S3", "aws:s3/bucketObject:BucketObject", "aws:s3/bucketObjectv2:BucketObjectv2")
def bucket_object(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="s3_put", quantity=1, note="when it changes")


@priced("DynamoDB", "aws:dynamodb/table:Table")
def table(resource: PlannedResource, world: World) -> Iterator[Charge]:
    usage = world.usage
    gb = usage.requests / 1e6 * usage.table_gb_per_million
    writes = usage.requests * usage.table_writes_per_request
    reads = usage.requests * usage.table_reads_per_request
    yield Charge(price="dynamodb_write", quantity=writes, common=True)
    yield Charge(price="dynamodb_read", quantity=reads, common=True)
    yield Charge(price="dynamodb_gb_month", quantity=gb, common=True)
    if nested(resource.inputs, "pointInTimeRecovery", "enabled"):
        yield Charge(price="dynamodb_pitr_gb_month", quantity=gb, common=True)


@priced("Secrets Manager", "aws:secretsmanager/secret:Secret")
def secret(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="secret_month", quantity=1)
    if world.requests:
        calls = world.usage.hours * world.usage.secret_calls_per_hour
        yield Charge(price="secret_call", quantity=calls, note="cached by each process")


@priced("KMS", "aws:kms/key:Key")
def key(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="kms_key_month", quantity=1)
    yield Charge(price="kms_request", quantity=world.requests * world.usage.kms_requests_per_request)


@priced("SQS", "aws:sqs/queue:Queue")
def queue(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="sqs_request", quantity=world.usage.requests * 0.0001, note="failures")


@priced("SNS", "aws:sns/topic:Topic")
def topic(resource: PlannedResource, world: World) -> Iterator[Charge]:
    yield Charge(price="sns_email", quantity=world.usage.emails)
