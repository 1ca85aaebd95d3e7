"""One request on its way through the API: what is known about it so far."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from api_handler.auth import ApiKey
from api_handler.errors import unavailable
from api_handler.http import Request
from api_handler.log import Log
from api_handler.services import Services

if TYPE_CHECKING:
    from api_handler.model import Usage
    from api_handler.orchestrator import Answer


class Context:
    """What routes get.

    Attributes:
        services: the parts of the API.
        request: the request.
        key: the API key that asks, once it was checked.
        from_edge: whether the origin-verify header was checked and is right.
        route: pattern of the route, ``unknown`` until it is found.
        model: model that answered, for the log.
        usage: what the request has used so far, for the log.
        fields: further fields of the log line.
    """

    def __init__(self, services: Services, request: Request) -> None:
        self.services = services
        self.request = request
        self.key: ApiKey | None = None
        self.from_edge = False
        self.route = "unknown"
        self.model: str | None = None
        self.usage: Usage | None = None
        self.fields: dict[str, Any] = {}

    @property
    def log(self) -> Log:
        """The log."""
        return self.services.log

    @property
    def key_name(self) -> str | None:
        """Name of the key that asks."""
        return self.key.name if self.key else None

    @property
    def owner(self) -> str:
        """Who runs and sessions of this request belong to."""
        assert self.key is not None
        return f"key#{self.key.name}"

    async def check_key(self) -> None:
        """Check the API key and count the request; raises 401, 429, 503."""
        self.key = await self.services.gate.check_key(self.request.header_values("x-api-key"))
        if self.key.rpm is not None:
            await self.services.meter.request(self.owner, self.key.rpm)

    async def day_left(self) -> float | None:
        """US dollars the key may still spend today; None without a cap; raises 429 when there are none."""
        assert self.key is not None
        if self.key.daily_usd is None:
            return None
        return await self.services.meter.left(self.owner, self.key.daily_usd)

    async def spend(self, usd: float) -> float | None:
        """Count money against the key's day; returns what is left, None without a cap."""
        assert self.key is not None
        return await spend_of_key(self.services, self.key, usd)

    def client_address(self) -> str:
        """The client's address: the edge's word for it when the edge is proven, else the peer."""
        if self.from_edge:
            told = self.request.header("x-viewer-address")
            if told:
                return _address(told) or self.request.peer
        return self.request.peer

    def client_network(self) -> str:
        """What rates count by: an IPv4 address, or the /64 of an IPv6 one, which is one subscriber."""
        address = _address(self.client_address()) or "unknown"
        if ":" in address:
            from ipaddress import IPv6Address, IPv6Network

            return str(IPv6Network((int(IPv6Address(address)) >> 64 << 64, 64)))
        return address

    def check_busy(self) -> None:
        """Raise 503 when as many requests with a model are in work as there may be."""
        if 0 < self.services.settings.max_concurrency <= self.services.busy:
            raise unavailable("too_busy", "The API has as many requests in work as it may.", 5)

    @asynccontextmanager
    async def busy(self) -> AsyncGenerator[None]:
        """Count this request as one with a model in work."""
        services = self.services
        services.busy += 1
        try:
            yield
        finally:
            services.busy -= 1

    def note(self, answer: Answer) -> None:
        """Log what an answer used, by agent and model."""
        models = {outcome.agent.model for outcome in answer.outcomes}
        self.model = ",".join(sorted(models))
        self.fields["agents"] = [outcome.agent.agent_id for outcome in answer.outcomes]
        self.services.log_answer(answer)


async def spend_of_key(services: Services, key: ApiKey, usd: float) -> float | None:
    """Count money against a key's day; returns what is left, None without a cap."""
    if key.daily_usd is None:
        return None
    return key.daily_usd - await services.meter.spend(f"key#{key.name}", usd)


def _address(text: str) -> str | None:
    """An IP address without its port: ``192.0.2.1:443``, ``[2001:db8::1]:443`` or ``2001:db8::1``."""
    from ipaddress import IPv6Address, ip_address

    text = text.strip()
    for candidate in (text, text.partition("]")[0].removeprefix("["), text.rpartition(":")[0]):
        try:
            address = ip_address(candidate)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped or address)
    return None
