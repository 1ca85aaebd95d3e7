"""A local S3 that plays failures."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LocalS3(ThreadingHTTPServer):
    """Objects by path, a list of failures to play first, and what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.failures: list[str] = []
        self.asked: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: LocalS3  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_PUT(self) -> None:
        self._send(200, b"metadata-token")

    def do_GET(self) -> None:
        self.server.asked.append({k.lower(): v for k, v in self.headers.items()} | {"path": self.path})
        failure = self.server.failures.pop(0) if self.server.failures else ""
        content = self.server.objects.get(self.path)
        if failure.isdigit():
            return self._send(int(failure), b"")
        if content is None:
            return self._send(404, b"")
        if failure == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return None
        return self._send(200, content[:-1] + b"!" if failure == "flip" else content)

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass
