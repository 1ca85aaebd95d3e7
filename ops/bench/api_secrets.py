"""Secrets Manager on 127.0.0.1, as far as GetSecretValue: for tests and the benchmark."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LocalSecrets:
    """Answers GetSecretValue from a dictionary and keeps what it was asked; use it as a context.

    Args:
        values: ARN to text.
        tls: serves HTTPS with it.
    """

    def __init__(self, values: dict[str, str], tls: ssl.SSLContext | None = None) -> None:
        self.values = values
        self.asked: list[dict[str, str]] = []
        self.broken: bytes | None = None
        """Sent instead of an answer; b"" closes the connection."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.asked.append({**headers, "body": body.decode()})
                if outer.broken is not None:
                    self.wfile.write(outer.broken)
                    self.close_connection = True
                    return
                found = outer.values.get(json.loads(body)["SecretId"])
                if found is None:
                    self._tell(400, {"__type": "ResourceNotFoundException", "message": "no such secret"})
                else:
                    self._tell(200, {"ARN": json.loads(body)["SecretId"], "SecretString": found})

            def _tell(self, status: int, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> LocalSecrets:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
