"""The store in one DynamoDB table: keys ``pk`` and ``sk``, time to live in ``expires_at``.

Every change that depends on what is there is a conditional write, so that two
copies of the API act as one; nothing is ever scanned.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from api_handler.aws import AwsClients
from api_handler.store import Item, StoreError

_KEYS = ("pk", "sk", "expires_at")
MAX_PAGES = 20


class DynamoStore:
    """Items in a table.

    Args:
        clients: AWS clients.
        table: name of the table.
    """

    def __init__(self, clients: AwsClients, table: str) -> None:
        self._clients = clients
        self._table = table

    async def get(self, partition: str, sort: str) -> Item | None:
        answer = await self._call("get_item", Key=_key(partition, sort), ConsistentRead=True)
        return _live(answer.get("Item"))

    async def put(
        self,
        partition: str,
        sort: str,
        item: Item,
        *,
        ttl_s: float,
        absent: bool = False,
    ) -> bool:
        now = time.time()
        arguments: dict[str, Any] = {
            "Item": {**_encode(item), **_key(partition, sort), "expires_at": _number(int(now + ttl_s))}
        }
        if absent:
            # DynamoDB deletes up to days late: what has expired counts as gone.
            arguments |= {
                "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
                "ExpressionAttributeValues": {":now": _number(int(now))},
            }
        return await self._conditional("put_item", **arguments) is not None

    async def update(
        self, partition: str, sort: str, fields: Mapping[str, Any], *, where: tuple[str, tuple[str, ...]]
    ) -> Item | None:
        names, values = _listed(where)
        condition = f"#f IN ({', '.join(values)}) AND expires_at > :now"
        sets = []
        for index, (name, value) in enumerate(fields.items()):
            names[f"#s{index}"] = name
            values[f":s{index}"] = _encode_value(value)
            sets.append(f"#s{index} = :s{index}")
        values[":now"] = _number(int(time.time()))
        answer = await self._conditional(
            "update_item",
            Key=_key(partition, sort),
            UpdateExpression="SET " + ", ".join(sets),
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
        return None if answer is None else _decode(answer["Attributes"])

    async def add(
        self,
        partition: str,
        sort: str,
        amounts: Mapping[str, int],
        *,
        ttl_s: float,
        below: tuple[str, int] | None = None,
    ) -> Item | None:
        now = time.time()
        names = {f"#a{index}": name for index, name in enumerate(amounts)}
        values = {f":a{index}": _number(amount) for index, amount in enumerate(amounts.values())}
        values |= {":expires": _number(int(now + ttl_s)), ":now": _number(int(now))}
        adds = ", ".join(f"#a{index} :a{index}" for index in range(len(amounts)))
        condition = "(attribute_not_exists(pk) OR expires_at > :now)"
        if below is not None:
            names["#b"] = below[0]
            values[":b"] = _number(below[1])
            condition += " AND (attribute_not_exists(#b) OR #b < :b)"
        answer = await self._conditional(
            "update_item",
            Key=_key(partition, sort),
            UpdateExpression=f"SET expires_at = if_not_exists(expires_at, :expires) ADD {adds}",
            ConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
        if answer is not None:
            return _decode(answer["Attributes"])
        # The limit is reached, or the counter has expired and is not deleted yet: then it begins anew.
        fresh = dict(amounts)
        if (below is None or below[1] > 0) and await self.put(
            partition, sort, fresh, ttl_s=ttl_s, absent=True
        ):
            return fresh
        return None

    async def query(
        self,
        partition: str,
        *,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = False,
        where: tuple[str, str] | None = None,
    ) -> list[tuple[str, Item]]:
        condition = "pk = :pk"
        values = {":pk": {"S": partition}}
        if after is not None:
            condition += " AND sk < :after" if newest_first else " AND sk > :after"
            values[":after"] = {"S": after}
        arguments: dict[str, Any] = {
            "KeyConditionExpression": condition,
            "ScanIndexForward": not newest_first,
            "ConsistentRead": True,
            "Limit": max(limit, 25) if where else limit,
        }
        if where is not None:
            values[":w"] = {"S": where[1]}
            arguments |= {"FilterExpression": "#w = :w", "ExpressionAttributeNames": {"#w": where[0]}}
        found: list[tuple[str, Item]] = []
        for _ in range(MAX_PAGES):
            answer = await self._call("query", **arguments, ExpressionAttributeValues=values)
            for raw in answer.get("Items", ()):
                item = _live(raw)
                if item is not None and len(found) < limit:
                    found.append((raw["sk"]["S"], item))
            last = answer.get("LastEvaluatedKey")
            if last is None or len(found) >= limit:
                break
            arguments["ExclusiveStartKey"] = last
        return found

    async def check(self) -> None:
        await self.get("health", "health")

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            return await self._clients.call("dynamodb", operation, TableName=self._table, **arguments)
        except Exception as error:
            raise StoreError(_word(error)) from error

    async def _conditional(self, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer, or None when the condition did not hold."""
        try:
            return await self._call(operation, **arguments)
        except StoreError as error:
            if str(error) == "ConditionalCheckFailedException":
                return None
            raise


def _word(error: Exception) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code or type(error).__name__)


def _key(partition: str, sort: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _listed(condition: tuple[str, tuple[str, ...]]) -> tuple[dict[str, str], dict[str, Any]]:
    return {"#f": condition[0]}, {f":v{index}": {"S": value} for index, value in enumerate(condition[1])}


def _live(raw: Mapping[str, Any] | None) -> Item | None:
    if raw is None or int(raw["expires_at"]["N"]) <= time.time():
        return None
    return _decode(raw)


def _encode(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _encode_value(value) for name, value in item.items()}


def _encode_value(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": value}
    # As text: DynamoDB's numbers are decimals of 38 digits and no doubles, and conditions never look inside.
    return {"M": {"json": {"S": json.dumps(value, separators=(",", ":"))}}}


def _decode(raw: Mapping[str, Any]) -> Item:
    return {name: _decode_value(value) for name, value in raw.items() if name not in _KEYS}


def _decode_value(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "NULL":
        return None
    if kind == "N":
        return int(content)
    if kind == "M":
        return json.loads(content["json"]["S"])
    return bytes(content) if kind == "B" else content
