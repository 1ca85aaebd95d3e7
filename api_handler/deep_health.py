"""Whether what the API depends on answers: Bedrock, DynamoDB, Secrets Manager."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from api_handler.model import ModelCall, ModelError
from api_handler.prices import cheapest

if TYPE_CHECKING:
    from api_handler.services import Services

CACHE_S = 30.0
CHECK_TIMEOUT_S = 10.0


class DeepHealth:
    """Asks the dependencies, at most once in thirty seconds, failures included."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._asked_at = -1e9
        self._checks: dict[str, Any] = {}

    async def get(self, services: Services) -> dict[str, Any]:
        """``{"bedrock"|"dynamodb"|"secrets_manager": {"status", ...}}``."""
        async with self._lock:
            if time.monotonic() - self._asked_at >= CACHE_S:
                parts = {"bedrock": _bedrock, "dynamodb": _dynamodb, "secrets_manager": _secrets}
                results = await asyncio.gather(*(_check(part, services) for part in parts.values()))
                self._checks = dict(zip(parts, results, strict=True))
                self._asked_at = time.monotonic()
            return self._checks


async def _check(part: Any, services: Services) -> dict[str, Any]:
    started = time.monotonic()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            asked = await part(services)
    except ModelError as error:
        return {"status": "failing", "error": error.code}
    except Exception as error:
        return {"status": "failing", "error": type(error).__name__}
    if not asked:
        return {"status": "not_configured"}
    return {"status": "ok", "duration_ms": round((time.monotonic() - started) * 1000, 1)}


async def _bedrock(services: Services) -> bool:
    settings = services.settings
    if settings.model_kind == "scripted":
        return False
    call = ModelCall(
        model=cheapest(settings.models),
        system="",
        messages=[{"role": "user", "content": [{"text": "ping"}]}],
        max_tokens=1,
    )
    async with services.model.stream(call) as stream:
        async for _ in stream:
            pass
    return True


async def _dynamodb(services: Services) -> bool:
    await services.store.check()
    return services.settings.table_name is not None


async def _secrets(services: Services) -> bool:
    settings = services.settings
    arns = [arn for arn in (settings.api_key_secret_arn, settings.origin_verify_secret_arn) if arn]
    for arn in arns:
        await services.clients.call("secretsmanager", "get_secret_value", SecretId=arn)
    return bool(arns)
