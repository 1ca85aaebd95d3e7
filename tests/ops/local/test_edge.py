"""The edge on its way from viewer to origin and back, where the conformance table does not look."""

from __future__ import annotations

import gzip
import json
import socket
import time
from pathlib import Path

import pytest

from ops.local.compression import compressible
from ops.local.http1 import Response
from tests.components.static_site.build import SECRET
from tests.ops.local.running import Local, served, with_function
from tests.timing import PATIENCE_S


def test_a_body_reaches_the_origin_whole(local: Local) -> None:
    status, _, body = local.get(
        "/api/v1/x?q=1", "POST", body=b"hello", headers={"Content-Type": "text/plain"}
    )
    got = json.loads(body)
    assert (status, got["method"], got["target"], got["body"]) == (200, "POST", "/api/v1/x?q=1", "hello")
    headers = {name.lower(): value for name, value in got["headers"]}
    assert headers["content-length"] == "5"
    assert headers["host"] == "abc123.execute-api.us-east-1.amazonaws.com"
    assert headers["x-origin-verify"] == SECRET
    _, _, body = local.get("/api/v1/x", "POST", body=iter([b"one ", b"two"]))
    assert json.loads(body)["body"] == "one two"


def test_the_stage_of_the_rest_api_is_seen_and_taken_off(local: Local) -> None:
    local.get("/api/v1/x")
    assert local.last()["origin"]["line"] == "GET /live/api/v1/x"


def test_secrets_are_not_shown(local: Local) -> None:
    local.get("/api/v1/x", headers={"X-API-Key": "top-secret"})
    shown = json.dumps(local.last())
    assert SECRET not in shown
    assert "top-secret" not in shown


def test_a_stream_is_passed_on_as_it_comes(local: Local) -> None:
    local.api.go_on.clear()
    with socket.create_connection(("127.0.0.1", local.port), timeout=PATIENCE_S) as sock:
        sock.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: example.com\r\n\r\n")
        data = b""
        while b"data: first" not in data:
            data += sock.recv(4096)
        assert b"data: last" not in data
        assert local.last()["ended"] is False
        local.api.go_on.set()
        while not data.endswith(b"0\r\n\r\n"):
            data += sock.recv(4096)
    assert b"transfer-encoding: chunked" in data.lower()
    assert local.last()["ended"] is True


def test_a_viewer_that_leaves_ends_the_origin_s_work(local: Local) -> None:
    local.api.left.clear()
    local.api.go_on.clear()
    with socket.create_connection(("127.0.0.1", local.port), timeout=PATIENCE_S) as sock:
        sock.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: example.com\r\n\r\n")
        while b"data: first" not in sock.recv(4096):
            pass
    assert local.api.left.wait(PATIENCE_S)


def test_an_origin_that_breaks_off_does_not_look_like_the_end(local: Local) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=PATIENCE_S) as sock:
        sock.sendall(b"GET /api/v1/broken HTTP/1.1\r\nHost: example.com\r\n\r\n")
        data = b""
        while part := sock.recv(4096):
            data += part
    assert b"half" in data
    assert not data.endswith(b"0\r\n\r\n")


def test_several_requests_on_one_connection(local: Local) -> None:
    request = b"GET /chat/ HTTP/1.1\r\nHost: example.com\r\n\r\n"
    with socket.create_connection(("127.0.0.1", local.port), timeout=PATIENCE_S) as sock:
        sock.sendall(request * 3)
        data = b""
        while data.count(b"</html>") < 3:
            data += sock.recv(65536)
    assert data.count(b"HTTP/1.1 200") == 3


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /api/v1/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_malformed_requests_are_400_and_end_the_connection(local: Local, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", local.port), timeout=PATIENCE_S) as sock:
        sock.sendall(data)
        answer = b""
        while part := sock.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 400")


def test_names_are_chosen_by_host(local: Local) -> None:
    status, headers, _ = local.get("/a?b=1", headers={"Host": "www.example.com"})
    assert (status, headers["location"]) == (301, "https://example.com/a?b=1")
    status, headers, body = local.get("/", headers={"Host": "api.example.com"})
    assert (status, json.loads(body)["error"]["code"]) == (404, "not_found")
    assert local.get("/", headers={"Host": "other.org"})[0] == 403
    assert local.get("/", headers={"Host": local.edge.architecture.domain})[0] == 200


def test_a_browser_stays_on_this_machine(local: Local) -> None:
    host = f"www.example.com.localhost:{local.port}"
    _, headers, _ = local.get("/a?b=1", headers={"Host": host})
    assert headers["location"] == f"http://localhost:{local.port}/a?b=1"


def test_headers_the_api_sets_stay(local: Local) -> None:
    _, headers, _ = local.get("/api/v1/x")
    assert headers["x-content-type-options"] == "own"
    assert headers["set-cookie"] == "a=1"
    assert headers["strict-transport-security"].startswith("max-age=")


def test_compressed_once_and_right(local: Local) -> None:
    _, plain, body = local.get("/chat/chat.css")
    for _ in range(2):
        _, headers, data = local.get("/chat/chat.css", headers={"Accept-Encoding": "gzip"})
        assert gzip.decompress(data) == body
        assert headers["etag"] == "W/" + plain["etag"]
        assert len(data) < len(body) / 2
    assert "content-encoding" not in local.get("/", headers={"Accept-Encoding": "gzip"})[1]
    assert "content-encoding" not in local.get("/chat/chat.css", headers={"Accept-Encoding": "gzip;q=0"})[1]


@pytest.mark.parametrize(
    ("status", "headers", "fits"),
    [
        (200, {"content-type": "text/css", "content-length": "1000"}, True),
        (200, {"content-type": "text/css", "content-length": "999"}, False),
        (200, {"content-type": "text/css", "content-length": "10000001"}, False),
        (200, {"content-type": "text/css"}, False),
        (200, {"content-type": "image/png", "content-length": "5000"}, False),
        (200, {"content-type": "text/css", "content-length": "5000", "content-encoding": "br"}, False),
        (206, {"content-type": "text/css", "content-length": "5000"}, False),
        (404, {"content-type": "text/html; charset=utf-8", "content-length": "5000"}, True),
    ],
)
def test_what_is_compressed(status: int, headers: dict[str, str], fits: bool) -> None:
    assert compressible(Response(status, list(headers.items()), b"x")) is fits


THROWS = "function handler(event) { throw new Error('no'); }"
READ_ONLY = "function handler(event) { event.request.headers.host = { value: 'x' }; return event.request; }"
NOTHING = "function handler(event) {}"
ENDLESS = "function handler(event) { while (true) {} }"
UNKNOWN = "import x from 'somewhere'; function handler(event) { return event.request; }"
LOGS = "function handler(event) { console.log('seen', event.request.uri); return event.request; }"
ANSWERS = """
function handler(event) {
  return { statusCode: 302, headers: { location: { value: '/x' } },
    cookies: { a: { value: '1', attributes: 'Secure' } },
    body: { encoding: 'base64', data: 'aGk=' } };
}
"""
QUERY = """
function handler(event) {
  event.request.querystring = {
    a: { value: '1', multiValue: [{ value: '1' }, { value: '2' }] }, b: { value: '' } };
  event.request.headers['x-new'] = { value: 'yes' };
  delete event.request.headers['accept-language'];
  return event.request;
}
"""


@pytest.mark.parametrize(
    ("code", "status"), [(THROWS, 503), (READ_ONLY, 502), (NOTHING, 502), (ENDLESS, 503), (UNKNOWN, 503)]
)
def test_functions_that_fail(tmp_path: Path, code: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.local.javascript.TIME_LIMIT_S", 0.2)  # what ends the endless one
    with served(tmp_path, lambda plan: with_function(plan, code, on="/api/*")) as local:
        found, headers, _ = local.get("/api/v1/x")
    assert (found, headers["x-cache"]) == (status, "FunctionExecutionError from cloudfront")


def test_what_functions_may_do(tmp_path: Path) -> None:
    with served(tmp_path / "1", lambda plan: with_function(plan, ANSWERS, on="/api/*")) as local:
        status, headers, body = local.get("/api/v1/x")
        assert (status, headers["location"], headers["set-cookie"], body) == (302, "/x", "a=1; Secure", b"hi")
    with served(tmp_path / "2", lambda plan: with_function(plan, QUERY, on="/api/*")) as local:
        _, _, body = local.get("/api/v1/x?z=1", headers={"Accept-Language": "de"})
        got = json.loads(body)
        assert got["target"] == "/api/v1/x?a=1&a=2&b"
        headers = {name.lower(): value for name, value in got["headers"]}
        assert headers["x-new"] == "yes"
        assert "accept-language" not in headers
    with served(tmp_path / "3", lambda plan: with_function(plan, LOGS, on="/api/*")) as local:
        local.get("/api/v1/x")
        assert {"what": "function log", "detail": "seen /api/v1/x"} in local.last()["steps"]


def test_an_origin_that_is_away_or_silent(tmp_path: Path) -> None:
    with served(tmp_path / "away", api_url="http://127.0.0.1:9") as local:
        assert local.get("/api/v1/x")[0] == 502
    with served(tmp_path / "slow", read_timeout_s=0.2) as local:
        began = time.monotonic()
        assert local.get("/api/v1/slow")[0] == 504
        assert time.monotonic() - began < PATIENCE_S / 2


def test_a_stream_that_falls_silent_is_cut(tmp_path: Path) -> None:
    with served(tmp_path) as local:
        # The head may take its time, the silence after it may not.
        local.api.begun = lambda: setattr(local.origin, "read_timeout_s", 0.3)
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", local.port), timeout=PATIENCE_S) as sock:
            sock.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: example.com\r\n\r\n")
            data = b""
            while part := sock.recv(4096):
                data += part
        assert b"data: first" in data
        assert not data.endswith(b"0\r\n\r\n")
        assert 0.2 < time.monotonic() - began < PATIENCE_S / 2


def test_without_an_error_page_the_error_stays(tmp_path: Path) -> None:
    with served(tmp_path) as local:
        assert local.get("/missing")[0] == 404
        local.bucket.delete(["404.html"])
        status, headers, body = local.get("/missing")
        assert (status, headers["content-type"]) == (403, "application/xml")
        assert b"AccessDenied" in body


def test_a_deploy_a_preview_and_a_rollback(tmp_path: Path) -> None:
    with served(tmp_path) as local:
        first = local.releases.rows()[0]["id"]
        (tmp_path / "site" / "index.html").write_text("<!doctype html><title>New</title><h1>New</h1>")
        second = local.releases.deploy()
        assert second != first
        assert b"New" in local.get("/")[2]
        preview = {"X-Release": first, "X-Release-Token": local.releases.token}
        assert b"Home" in local.get("/", headers=preview)[2]
        assert b"New" in local.get("/", headers={**preview, "X-Release-Token": "wrong"})[2]
        assert local.releases.rollback("") == first
        assert b"Home" in local.get("/")[2]
        rows = {row["id"]: row["active"] for row in local.releases.rows()}
        assert rows == {second: False, first: True}
        assert local.releases.known(second.lower()) == second
        assert local.releases.known("nothing") == ""
        assert any("is live again" in text for text in local.said)
