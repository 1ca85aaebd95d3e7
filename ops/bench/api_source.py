"""The model's side of the streaming benchmark: endless plain HTTP with as little work a token as possible.

Each token holds the time at which it was sent; both ends read the same monotonic
clock, so that the reader knows the delay the server in between has added.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from ops.bench.api_bedrock import event_frame, frame


def _token() -> bytes:
    payload = b'{"contentBlockIndex":0,"delta":{"text":"%.6f "}}' % time.monotonic()
    headers = {
        ":event-type": "contentBlockDelta",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return frame(headers, payload)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tokens: int, gap_s: float
) -> None:
    try:
        while await reader.readline():
            length = 0
            while (header := await reader.readline()) not in (b"\r\n", b""):
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            await reader.readexactly(length)
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
                + _chunk(event_frame("messageStart", {"role": "assistant"}))
            )
            for _ in range(tokens):
                await asyncio.sleep(gap_s)
                writer.write(_chunk(_token()))
            usage = {"usage": {"inputTokens": 10, "outputTokens": tokens, "totalTokens": 10 + tokens}}
            writer.write(_chunk(event_frame("messageStop", {"stopReason": "end_turn"})))
            writer.write(
                _chunk(event_frame("metadata", {**usage, "metrics": {"latencyMs": 1}})) + b"0\r\n\r\n"
            )
            await writer.drain()
    except (OSError, EOFError):
        pass
    finally:
        writer.close()


async def _main(tokens: int, gap_s: float) -> None:
    server = await asyncio.start_server(lambda r, w: _serve(r, w, tokens, gap_s), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Until whoever started it goes away.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--gap-ms", type=float, default=20.0)
    options = parser.parse_args()
    asyncio.run(_main(options.tokens, options.gap_ms / 1000))
