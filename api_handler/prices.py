"""What models cost and what they can hold: one dated table.

Prices are US dollars per million tokens of the global inference profile, read
on 2026-11-22 from two public tables that agree (litellm 1.106.2, genai-prices
0.2.3); check them against https://aws.amazon.com/bedrock/pricing/ before
trusting a bill to them. Regional profiles (``us.``, ``eu.``, ``jp.``, ``au.``)
cost ten per cent more. Prompt caching (reads a tenth, writes a quarter more) and
its minimum prefix: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DATE = "2026-11-22"


@dataclass(frozen=True, kw_only=True)
class Price:
    """Price and size of a model.

    Attributes:
        input_usd, output_usd: per million tokens.
        window: tokens of input and output together.
        cache_minimum: smallest prompt prefix in tokens that is cached; None: no caching.
        cache_tools: whether a cache point may stand after the tool specifications.
        long_above: input tokens above which the long-prompt prices hold; None: never.
        long_input_usd, long_output_usd: those prices.
        known: False for a model that is not in the table and gets the highest price in it.
    """

    input_usd: float
    output_usd: float
    window: int = 200_000
    cache_minimum: int | None = None
    cache_tools: bool = False
    long_above: int | None = None
    long_input_usd: float = 0.0
    long_output_usd: float = 0.0
    known: bool = True

    def usd(
        self, *, input_tokens: int, output_tokens: int, cache_read: int = 0, cache_write: int = 0
    ) -> float:
        """Cost of one call; ``input_tokens`` is what was read neither from nor into the cache."""
        prompt = input_tokens + cache_read + cache_write
        long = self.long_above is not None and prompt > self.long_above
        input_usd = self.long_input_usd if long else self.input_usd
        output_usd = self.long_output_usd if long else self.output_usd
        paid = input_tokens + 0.1 * cache_read + 1.25 * cache_write
        return (paid * input_usd + output_tokens * output_usd) / 1_000_000


def _claude(input_usd: float, output_usd: float, minimum: int = 1024, **more: int | float) -> Price:
    return Price(input_usd=input_usd, output_usd=output_usd, cache_minimum=minimum, cache_tools=True, **more)  # type: ignore[arg-type]


def _nova(input_usd: float, output_usd: float, window: int) -> Price:
    return Price(input_usd=input_usd, output_usd=output_usd, window=window, cache_minimum=1024)


_TABLE: dict[str, Price] = {
    "anthropic.claude-haiku-5-5": _claude(
        0.10, 0.50, 4096, long_above=100_000, long_input_usd=0.50, long_output_usd=2.50
    ),
    "anthropic.claude-sonnet-5-5": _claude(2, 10),
    "anthropic.claude-opus-5-5": _claude(4, 20, 4096),
    "anthropic.claude-fable-5-2": _claude(8, 40, 4096),
    "anthropic.claude-haiku-4-5-20251001-v1:0": _claude(1, 5, 4096),
    "anthropic.claude-sonnet-4-6": _claude(3, 15),
    "amazon.nova-micro-v1:0": _nova(0.035, 0.14, 128_000),
    "amazon.nova-lite-v1:0": _nova(0.06, 0.24, 300_000),
    "amazon.nova-pro-v1:0": _nova(0.8, 3.2, 300_000),
    "amazon.nova-2-lite-v1:0": _nova(0.30, 2.50, 1_000_000),
    "scripted": Price(input_usd=0.0, output_usd=0.0, window=32_000),
}

_DEAREST = Price(input_usd=15.0, output_usd=75.0, window=32_000, known=False)
_REGIONAL = ("us.", "eu.", "apac.", "jp.", "au.", "us-gov.", "ca.", "sa.")


def price_of(model: str) -> Price:
    """The price of a model id, inference-profile id or ARN of either.

    A model that is not in the table gets a price above every other and a small
    window, and ``known`` is False.
    """
    name = model.rsplit("/", 1)[-1]
    factor = 1.0
    if name.startswith("global."):
        name = name.removeprefix("global.")
    else:
        for prefix in _REGIONAL:
            if name.startswith(prefix):
                name, factor = name.removeprefix(prefix), 1.1
                break
    price = _TABLE.get(name)
    if price is None:
        return _DEAREST
    if factor == 1.0:
        return price
    return replace(
        price,
        input_usd=price.input_usd * factor,
        output_usd=price.output_usd * factor,
        long_input_usd=price.long_input_usd * factor,
        long_output_usd=price.long_output_usd * factor,
    )


def cheapest(models: tuple[str, ...]) -> str:
    """The model with the lowest price of input and output together; the first of equals."""
    return min(models, key=lambda model: price_of(model).input_usd + price_of(model).output_usd)
