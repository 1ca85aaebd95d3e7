"""CloudFront functions run by QuickJS, with the event, helpers and KeyValueStore of runtime 2.0.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-custom-methods.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import quickjs

MEMORY = 4 * 1024 * 1024
"""CloudFront gives a function 2 MB; the engine's own start takes part of this."""
TIME_LIMIT_S = 1
"""Only against loops without end: CloudFront measures compute in a unit of its own."""

_IMPORT = re.compile(r"^\s*import\s+(\w+)\s+from\s+['\"]cloudfront['\"]\s*;?", re.MULTILINE)
_OTHER_IMPORT = re.compile(r"^\s*import\s.*?from\s+['\"](\w+)['\"]", re.MULTILINE)
_REQUIRE = re.compile(r"\brequire\(\s*['\"](\w+)['\"]\s*\)")

_RUNTIME = """
const __reads = [];
let __store = null;
const console = { log: function () { __logs.push(Array.from(arguments).map(String).join(' ')); } };
const __logs = [];
function __as(value, options) {
  return options && options.format === 'json' ? JSON.parse(value) : value;
}
const __cloudfront = {
  kvs: function () {
    if (__store === null) { throw new Error('no KeyValueStore is associated'); }
    return {
      get: async function (key, options) {
        __reads.push(key);
        if (!Object.prototype.hasOwnProperty.call(__store, key)) { throw new Error('KeyNotFound'); }
        return __as(__store[key], options);
      },
      exists: async function (key) {
        __reads.push(key);
        return Object.prototype.hasOwnProperty.call(__store, key);
      },
      count: async function () { return Object.keys(__store).length; },
      meta: async function () {
        return { keyCount: Object.keys(__store).length, lastUpdatedDateTime: '1970-01-01T00:00:00Z' };
      }
    };
  }
};
"""
_CALL = """
globalThis.__fill = function (text) { __store = JSON.parse(text); };
globalThis.__call = function (text) {
  const event = JSON.parse(text);
  const raw = event.__raw;
  delete event.__raw;
  event.request.rawQueryString = function () { return raw === null ? undefined : raw; };
  __reads.length = 0;
  __logs.length = 0;
  globalThis.__outcome = undefined;
  Promise.resolve().then(function () { return handler(event); }).then(
    function (value) {
      const given = value === undefined ? null : value;
      globalThis.__outcome = JSON.stringify({ value: given, reads: __reads, logs: __logs });
    },
    function (error) {
      globalThis.__outcome = JSON.stringify({ error: String(error), reads: __reads, logs: __logs });
    });
};
"""


class FunctionError(Exception):
    """The function threw, never answered, or does not load: 503.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-503-service-unavailable.html
    """

    status = 503


class RefusedError(FunctionError):
    """The function gave something that CloudFront does not take: 502.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html
    """

    status = 502


class Function:
    """One function, loaded once.

    Args:
        code: its source.
        with_store: whether a KeyValueStore is associated.

    Raises:
        FunctionError: the source does not run, or imports what is not imitated.
    """

    def __init__(self, code: str, *, with_store: bool) -> None:
        self._context = quickjs.Context()
        self._context.set_memory_limit(MEMORY)
        self._context.set_time_limit(TIME_LIMIT_S)
        name = _IMPORT.search(code)
        body = _IMPORT.sub("", code)
        for other in (*_OTHER_IMPORT.findall(body), *_REQUIRE.findall(body)):
            raise FunctionError(f"the module {other!r} is not imitated by the local edge")
        alias = f"const {name.group(1)} = __cloudfront;" if name else ""
        try:
            self._context.eval('"use strict";' + _RUNTIME + alias + body + _CALL)
        except quickjs.JSException as problem:
            raise FunctionError(str(problem)) from problem
        self._call = self._context.get("__call")
        self._filled: str | None = None
        self._with_store = with_store
        self.reads: list[str] = []
        self.logs: list[str] = []

    def fill(self, store: str) -> None:
        """Gives the function the store's content (JSON); nothing is done when it is the same."""
        if self._with_store and store != self._filled:
            self._context.get("__fill")(store)
            self._filled = store

    def __call__(self, event: Mapping[str, Any]) -> Any:
        """What the function returns for an event; ``reads`` and ``logs`` tell what it did.

        Raises:
            FunctionError: it threw or never answered.
        """
        try:
            self._call(json.dumps(event))
            for _ in range(10_000):
                if not self._context.execute_pending_job():
                    break
        except quickjs.JSException as problem:
            raise FunctionError(str(problem)) from problem
        outcome = self._context.get("__outcome")
        if not isinstance(outcome, str):
            raise FunctionError("it never answered")
        result = json.loads(outcome)
        self.reads, self.logs = result["reads"], result["logs"]
        if "error" in result:
            raise FunctionError(result["error"])
        return result["value"]
