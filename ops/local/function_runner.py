"""Runs the functions of a distribution for its requests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ops.local import events
from ops.local.architecture import EdgeFunction
from ops.local.http1 import Headers, Response
from ops.local.javascript import Function, FunctionError, RefusedError

Stores = Callable[[str], Mapping[str, str]]
"""Gives the content of a KeyValueStore by its ARN."""


@dataclass(slots=True)
class Outcome:
    """What a function made of a request.

    Attributes:
        path, query, headers: the request that goes on.
        response: the answer it gave instead; None: the request goes on.
        told: in words.
        logs: what it logged.
    """

    path: str
    query: str | None
    headers: Headers
    response: Response | None
    told: str
    logs: list[str]


class FunctionRunner:
    """The functions of one distribution, each loaded once.

    Args:
        stores: content of the KeyValueStores.
        context: ``distributionDomainName`` and ``distributionId``.
    """

    def __init__(self, stores: Stores, context: Mapping[str, str]) -> None:
        self._stores = stores
        self._context = dict(context)
        self._functions: dict[str, Function | FunctionError] = {}
        self._contents: dict[str, tuple[Mapping[str, str], str]] = {}

    def viewer_request(
        self,
        planned: EdgeFunction,
        method: str,
        path: str,
        query: str | None,
        headers: Headers,
        *,
        viewer: str,
        request_id: str,
    ) -> Outcome:
        """Runs a viewer-request function.

        Raises:
            FunctionError: it threw, or gave what CloudFront refuses.
        """
        context = {**self._context, "requestId": request_id}
        event = events.request_event(method, path, query, headers, viewer, context)
        function = self._loaded(planned)
        began = time.perf_counter()
        returned = function(event)
        spent = f"{(time.perf_counter() - began) * 1e6:.0f} µs"
        if not isinstance(returned, dict):
            raise RefusedError("it returned neither a request nor a response")
        if "statusCode" in returned:
            made = events.made_response(returned)
            told = f"{planned.name} answered {made.status} ({spent})"
            return Outcome(path, query, headers, made, told, function.logs)
        after, query, headers = events.changed_request(event, returned, headers, query)
        what = "left the path alone" if after == path else f"{path} → {after}"
        reads = f", read {', '.join(function.reads)}" if function.reads else ""
        return Outcome(after, query, headers, None, f"{planned.name}: {what} ({spent}{reads})", function.logs)

    def _loaded(self, planned: EdgeFunction) -> Function:
        found = self._functions.get(planned.name)
        if found is None:
            try:
                found = Function(planned.code, with_store=bool(planned.store))
            except FunctionError as problem:
                found = problem
            self._functions[planned.name] = found
        if isinstance(found, FunctionError):
            raise found
        if planned.store:
            values = self._stores(planned.store)
            before = self._contents.get(planned.store)
            if before is None or before[0] != values:
                before = (values, json.dumps(values))
                self._contents[planned.store] = before
            found.fill(before[1])
        return found
