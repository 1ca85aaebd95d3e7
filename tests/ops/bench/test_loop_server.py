"""The local servers that stand beside the API in benchmarks and tests."""

from __future__ import annotations

import json
import socket

from ops.bench.api_bedrock import LocalBedrock


def test_a_call_that_was_left_at_once_is_seen_before_the_server_is_settled() -> None:
    body = json.dumps({"messages": []}).encode()
    head = f"POST /model/m/converse-stream HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with LocalBedrock() as server:
        for number in range(1, 51):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(head + body)
            server.settle()
            assert [call.model for call in server.calls] == ["m"] * number
