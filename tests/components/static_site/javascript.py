"""Runs the CloudFront functions in a JavaScript engine, with a KeyValueStore the test fills."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import quickjs

_IMPORT = "import cf from 'cloudfront';"
_STORE = """
const __store = JSON.parse(__store_json);
const __reads = [];
const cf = { kvs: function () {
  if (__store === null) { throw new Error('no store is associated'); }
  return { get: async function (key) {
    __reads.push(key);
    if (!(key in __store)) { throw new Error('KeyNotFound'); }
    return __store[key];
  } };
} };
"""
_CALL = """
globalThis.__call = function (text) {
  const event = JSON.parse(text);
  if (event && event.request && '__raw' in event.request) {
    const raw = event.request.__raw;
    delete event.request.__raw;
    event.request.rawQueryString = function () { return raw === null ? undefined : raw; };
  }
  globalThis.__result = undefined;
  globalThis.__error = undefined;
  Promise.resolve(handler(event)).then(
    function (value) { globalThis.__result = JSON.stringify(value === undefined ? null : value); },
    function (error) { globalThis.__error = String(error); });
};
globalThis.__reads_json = function () { return JSON.stringify(__reads.splice(0)); };
"""


class Function:
    """One function of CloudFront, loaded once.

    Args:
        code: its source.
        store: what the KeyValueStore holds; None: no store, every access throws.
    """

    def __init__(self, code: str, store: Mapping[str, str] | None = None) -> None:
        self._context = quickjs.Context()
        # CloudFront gives a function 2 MB; the engine's own start takes part of this.
        self._context.set_memory_limit(4 * 1024 * 1024)
        self._context.set("__store_json", json.dumps(store))
        body = code.replace(_IMPORT, "")
        self._context.eval('"use strict";' + _STORE + body + _CALL)
        self.reads: list[str] = []

    def __call__(self, event: Any) -> Any:
        """The request or response the function gives for ``event``; ``reads`` holds the keys it read."""
        self._context.get("__call")(json.dumps(event))
        while self._context.execute_pending_job():
            pass
        error = self._context.get("__error")
        assert error is None, f"the function threw {error}"
        result = self._context.get("__result")
        assert isinstance(result, str), "the function never answered"
        self.reads = json.loads(self._context.get("__reads_json")())
        return json.loads(result)

    def value(self, name: str, *args: Any) -> Any:
        """What a function of the source gives for plain arguments."""
        return self._context.eval(f"{name}({', '.join(json.dumps(a) for a in args)})")


def request(
    uri: str,
    *,
    host: str = "example.com",
    headers: Mapping[str, str] | None = None,
    query: Any = None,
    raw: str | None = None,
    with_raw: bool = False,
    method: str = "GET",
) -> dict[str, Any]:
    """A viewer-request event as CloudFront makes it."""
    made: dict[str, Any] = {
        "method": method,
        "uri": uri,
        "querystring": query or {},
        "headers": {"host": {"value": host}, **{k: {"value": v} for k, v in (headers or {}).items()}},
        "cookies": {},
    }
    if with_raw or raw is not None:
        made["__raw"] = raw
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request", "requestId": "req-1"},
        "viewer": {"ip": "198.51.100.7"},
        "request": made,
    }
