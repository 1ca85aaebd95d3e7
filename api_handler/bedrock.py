"""Bedrock's ConverseStream, bridged from botocore's blocking calls to asyncio.

One thread of a pool of its own opens each stream, with botocore's retries, and hands
its socket to the event loop; where that is impossible it drains the stream itself.
Leaving the context shuts the connection, so that the model stops.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from api_handler.aws import MODEL_GAP_S, POOL_SIZE, AwsClients
from api_handler.eventstream import EventDecoder, error_of
from api_handler.handover import Opened, SocketReader, take_over
from api_handler.model import Assembler, Message, ModelCall, ModelError, Usage, estimate_tokens
from api_handler.prices import price_of

if TYPE_CHECKING:
    from api_handler.connections import Abort


class BedrockModel:
    """Calls models through the ``bedrock-runtime`` endpoint.

    Args:
        clients: where the botocore client comes from.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._pool = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="model")

    def stream(self, call: ModelCall) -> _BedrockStream:
        """Start a call when the context is entered; stop it when the context is left."""
        return _BedrockStream(self._clients, self._pool, call)

    def close(self) -> None:
        """Take no more calls; the ones that run were stopped by their contexts."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class _BedrockStream:
    def __init__(self, clients: AwsClients, pool: ThreadPoolExecutor, call: ModelCall) -> None:
        self._clients = clients
        self._pool = pool
        self._call = call
        self._assembler = Assembler(call)
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._queue: deque[Mapping[str, Any] | ModelError | None] = deque()
        self._woken = False
        self._left = False
        self._abort: Abort | None = None
        self._decoder = EventDecoder()
        self._reader: SocketReader | None = None

    # -- the thread ---------------------------------------------------------
    def _drain(self) -> None:
        from api_handler.connections import Abort, Aborted

        abort = self._abort = Abort()
        end: ModelError | None = None
        try:
            if self._left:
                return
            client = self._clients.get("bedrock-runtime")
            with abort.watching():
                stream = client.converse_stream(**converse_request(self._call))["stream"]
                opened = take_over(stream._raw_stream)
                if opened is not None:
                    self._hand_over(opened)
                    return
                # The bytes as they come off the connection; botocore's decoder is passed by.
                with contextlib.closing(stream):
                    for data in stream._raw_stream.stream():
                        for event in self._decoder.feed(data):
                            self._put(event)
            abort.release()
        except Aborted:
            return
        except ModelError as error:
            end = error
        except Exception as error:
            if abort.aborted:
                return
            end = classify(error)
        self._put(end)

    def _hand_over(self, opened: Opened) -> None:
        try:
            self._loop.call_soon_threadsafe(self._read_on, opened)
        except RuntimeError:  # the loop is closed
            opened.drop()

    def _put(self, item: Mapping[str, Any] | ModelError | None) -> None:
        self._queue.append(item)
        if not self._woken:
            # One wake-up for everything that arrives before the loop comes round.
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting any more
                self._loop.call_soon_threadsafe(self._arrived.set)

    # -- the event loop -----------------------------------------------------
    def _read_on(self, opened: Opened) -> None:
        if self._left:
            opened.drop()
            return
        self._reader = SocketReader(self._loop, opened, self._take, self._end, MODEL_GAP_S)
        self._reader.start()

    def _take(self, data: bytes) -> None:
        self._arrived.set()
        self._queue.extend(self._decoder.feed(data))

    def _end(self, error: ModelError | None) -> None:
        if self._abort is not None:
            self._abort.release()
        self._queue.append(error)
        self._arrived.set()

    async def __aenter__(self) -> _BedrockStream:
        self._pool.submit(self._drain)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left = True
        if self._reader is not None:
            self._reader.stop()
        if self._abort is not None:
            self._abort.abort()

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._woken = False
            while self._queue:
                item = self._queue.popleft()
                if item is None:
                    if self._assembler.stop_reason is None:
                        raise ModelError("broken", "IncompleteStream")
                    return
                if isinstance(item, ModelError):
                    raise item
                text = self._assembler.feed(item)
                if text is not None:
                    yield text

    @property
    def message(self) -> Message:
        return self._assembler.message

    @property
    def stop_reason(self) -> str | None:
        return self._assembler.stop_reason

    @property
    def bad_arguments(self) -> set[str]:
        return self._assembler.bad_arguments

    @property
    def started(self) -> bool:
        return self._assembler.started

    def usage(self) -> Usage:
        return self._assembler.usage()


def converse_request(call: ModelCall) -> dict[str, Any]:
    """A call as the arguments of ``converse_stream``, with cache points where they pay."""
    price = price_of(call.model)
    caching = price.cache_minimum is not None and estimate_tokens(call) >= price.cache_minimum
    point = {"cachePoint": {"type": "default"}}
    system: list[dict[str, Any]] = [{"text": call.system}] if call.system.strip() else []
    tools: list[Any] = [{"toolSpec": tool} for tool in call.tools]
    messages = call.messages
    if caching:
        if system:
            system.append(point)
        if tools and price.cache_tools:
            tools.append(point)
        # After the newest user message: the next turn of the loop reads all of this one.
        messages = [*messages[:-1], {**messages[-1], "content": [*messages[-1]["content"], point]}]
    request: dict[str, Any] = {
        "modelId": call.model,
        "messages": messages,
        "inferenceConfig": {"maxTokens": call.max_tokens, **call.inference},
    }
    if system:
        request["system"] = system
    if tools:
        request["toolConfig"] = {"tools": tools}
        if call.tool_choice is not None:
            request["toolConfig"] |= {"toolChoice": call.tool_choice}
    if call.additional:
        request["additionalModelRequestFields"] = dict(call.additional)
    return request


def classify(error: Exception) -> ModelError:
    """What an exception of botocore means; AWS's message is left out, it may quote the prompt."""
    from botocore import exceptions as known
    from urllib3.exceptions import HTTPError

    if isinstance(error, known.ClientError):
        code = str(error.response.get("Error", {}).get("Code") or "")
        return error_of(code, error.response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    if isinstance(error, (known.ReadTimeoutError, known.ConnectTimeoutError)):
        return ModelError("timeout", type(error).__name__)
    if isinstance(
        error, (known.NoCredentialsError, known.PartialCredentialsError, known.CredentialRetrievalError)
    ):
        return ModelError("refused", "NoCredentials")
    if isinstance(error, known.ParamValidationError):
        return ModelError("refused", type(error).__name__)
    if isinstance(error, (known.HTTPClientError, HTTPError, OSError)):
        return ModelError("broken", type(error).__name__)
    return ModelError("failed", type(error).__name__)
