"""AWS clients, made when they are first needed and then kept.

botocore is imported inside the functions: a health check, a refused key or a
wrong body needs none of it, and it is most of a cold start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MODEL_GAP_S = 130
"""Longest silence of a model stream in seconds; gaps of 125 have been seen in tool arguments."""

POOL_SIZE = 256
"""Model streams that run at once in one process; also the connections kept."""

SDK_MODULES = (
    "urllib3.util",
    "urllib3.connectionpool",
    "botocore.awsrequest",
    "botocore.utils",
    "botocore.credentials",
    "botocore.client",
    "botocore.session",
    "botocore.httpsession",
)
"""Modules of the SDK in an order in which each brings a part of the others."""

DEFAULT_REGION = "us-east-1"


class AwsClients:
    """One botocore session and its clients; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        # Short calls only; model streams have threads of their own and cannot starve these.
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(16, thread_name_prefix="aws")

    async def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """Run one operation (``get_item``) of a service in a thread; raises what botocore raises."""

        def run() -> dict[str, Any]:
            return getattr(self.get(service), operation)(**arguments)

        return await asyncio.get_running_loop().run_in_executor(self._pool, run)

    async def secret_text(self, arn: str) -> str:
        """The text of a secret, without the SDK where that is as good; raises what botocore raises."""
        from api_handler import secret_reader

        if secret_reader.possible(os.environ):
            # With retries, and with words for what is wrong, the SDK asks again.
            with contextlib.suppress(OSError, EOFError, ValueError, KeyError, TimeoutError):
                return await secret_reader.read_secret(arn, os.environ)
        answer = await self.call("secretsmanager", "get_secret_value", SecretId=arn)
        return answer.get("SecretString") or ""

    def close(self) -> None:
        """Take no more calls."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def get(self, service: str) -> Any:
        """The client of a service, ``bedrock-runtime`` say."""
        client = self._clients.get(service)
        if client is None:
            with self._lock:
                client = self._clients.get(service) or self._make(service)
                self._clients[service] = client
        return client

    def _make(self, service: str) -> Any:
        from botocore.config import Config
        from botocore.session import get_session

        if self._session is None:
            self._session = get_session()
        region = os.environ.get("AWS_REGION") or self._session.get_config_variable("region") or DEFAULT_REGION
        model = service == "bedrock-runtime"
        config = Config(
            # The only retries there are. 'standard' never repeats a call whose stream has begun.
            retries={"mode": "standard", "total_max_attempts": 3},
            connect_timeout=5,
            read_timeout=MODEL_GAP_S if model else 5,
            max_pool_connections=POOL_SIZE if model else 32,
            tcp_keepalive=True,
            user_agent_extra="orchestrator",
        )
        client = self._session.create_client(service, region_name=region, config=config)
        if model:
            from api_handler.connections import make_abortable

            make_abortable(client)
        return client
