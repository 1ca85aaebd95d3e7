"""The edge: a request on its way through the distribution, in CloudFront's order.

Name, cache behavior, viewer protocol, allowed methods, viewer-request function, policies, origin, error
pages, compression, response-headers policy. An answer that streams is passed on as it comes.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HowCloudFrontWorks.html
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from ops.local import forwarding, own_answers
from ops.local.answer_policy import applied
from ops.local.architecture import Architecture, Behavior, EdgeFunction, Origin
from ops.local.bucket import BucketOrigin
from ops.local.compression import Compressor, accepts_gzip
from ops.local.function_runner import FunctionRunner, Stores
from ops.local.http1 import Headers, ProtocolError, Request, Response
from ops.local.javascript import FunctionError
from ops.local.origin import HttpOrigin, OriginError
from ops.local.own_answers import Clock
from ops.local.patterns import host_of, name_for
from ops.local.trace import Log, Trace

MAX_URL = 8192
"""Bytes of a URL: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""


@dataclass
class Backends:
    """Who stands in for the origins.

    Attributes:
        buckets: by origin id.
        servers: by origin id.
        stores: the KeyValueStores.
    """

    buckets: dict[str, BucketOrigin] = field(default_factory=dict)
    servers: dict[str, HttpOrigin] = field(default_factory=dict)
    stores: Stores = lambda _: {}


@dataclass(slots=True)
class _Visit:
    """A request with what has become of it so far."""

    request: Request
    host: str
    local: bool
    path: str
    query: str | None
    headers: Headers
    id: str
    trace: Trace

    def own(self, status: int, message: str, *, cache: str = "Error", close: bool = False) -> Response:
        """An answer of CloudFront's own."""
        return own_answers.page(self.id, status, message, cache=cache, close=close)


class Edge:
    """One distribution, served.

    Args:
        architecture: what is planned.
        backends: who answers for the origins.
        log: where every request's way is kept.
    """

    def __init__(self, architecture: Architecture, backends: Backends, log: Log) -> None:
        self.architecture = architecture
        self._backends = backends
        self._log = log
        self._compressor = Compressor()
        self._clock = Clock()
        context = {
            "distributionDomainName": architecture.domain,
            "distributionId": architecture.distribution_id,
        }
        self._functions = FunctionRunner(backends.stores, context)

    async def __call__(self, request: Request) -> Response:
        """Answers a viewer."""
        began = time.perf_counter()
        path, mark, query = request.target.partition("?")
        host = host_of(request.get("host"))
        trace = self._log.begin(request.method, host, request.target)
        name, local = name_for(host, self.architecture.names)
        headers = request.headers
        if local:
            # What a local host stands for is all that function and origin get to see.
            headers = [(n, name if n.lower() == "host" else v) for n, v in headers]
        identity = secrets.token_urlsafe(40)
        visit = _Visit(request, name, local, path, query if mark else None, headers, identity, trace)
        try:
            response = await self._answer(visit)
        except ProtocolError as problem:
            response = visit.own(400, f"Bad request: {problem}.", close=True)
        response.headers.append(("Date", self._clock.date()))
        trace.status = response.status
        trace.ms = (time.perf_counter() - began) * 1000
        if isinstance(response.body, bytes):
            trace.ended = True
        else:
            response.body = _timed(response.body, trace, began)
        return response

    async def _answer(self, visit: _Visit) -> Response:
        if len(visit.request.target) > MAX_URL:
            return visit.own(413, "The URL is longer than 8,192 bytes.", close=True)
        if not visit.path.startswith("/"):
            return visit.own(400, "Bad request.")
        if not visit.host:
            visit.trace.step("name", "no name of this distribution")
            names = ", ".join(self.architecture.names)
            return visit.own(403, f"The distribution has no such name; it has {names}.")
        behavior = self.architecture.behavior_for(visit.path)
        visit.trace.step("behavior", f"{behavior.pattern} → {behavior.origin_id}")
        redirect, refused = self._refused(visit, behavior)
        if redirect:
            return redirect
        response = refused or await self._through(visit, behavior)
        if response.status >= 400:
            response = await self._error_page(visit, response)
        self._compress(visit, behavior, response)
        request = visit.request
        response.headers = applied(behavior.headers, response.headers, request.get("origin"), request.method)
        if visit.local:
            self._localize(visit, response)
        return response

    def _refused(self, visit: _Visit, behavior: Behavior) -> tuple[Response | None, Response | None]:
        """What is answered before function and origin: a redirect to https, or a refusal."""
        request = visit.request
        # Without TLS here, a request counts as https unless it says that the viewer's was not.
        if (request.get("x-forwarded-proto") or "").lower() == "http":
            if behavior.viewer_protocol == "https-only":
                visit.trace.step("viewer protocol", "https-only: refused")
                return None, visit.own(403, "HTTPS is required.")
            if behavior.viewer_protocol == "redirect-to-https":
                visit.trace.step("viewer protocol", "redirected to https")
                return own_answers.to_https(visit.id, request, visit.host), None
        if request.method not in behavior.methods:
            visit.trace.step("allowed methods", f"{request.method} is not one of them")
            return None, visit.own(403, "The distribution does not allow this HTTP request method.")
        if request.method == "GET" and request.body is not None:
            visit.trace.step("body", "a GET with a body is refused")
            return None, visit.own(403, "A GET request must not have a body.")
        return None, None

    async def _through(self, visit: _Visit, behavior: Behavior) -> Response:
        if visit.path == "/" and self.architecture.default_root_object:
            visit.path = "/" + self.architecture.default_root_object
            visit.trace.step("default root object", visit.path)
        if behavior.viewer_request:
            answered = self._function(visit, behavior.viewer_request)
            if answered is not None:
                return answered
        return await self._fetch(visit, behavior, visit.request.method)

    def _function(self, visit: _Visit, planned: EdgeFunction) -> Response | None:
        """Runs the viewer-request function; None: the request goes on."""
        try:
            outcome = self._functions.viewer_request(
                planned, visit.request.method, visit.path, visit.query, visit.headers,
                viewer=visit.request.viewer, request_id=visit.id,
            )  # fmt: skip
        except FunctionError as problem:
            visit.trace.step("function", f"{planned.name} failed: {problem}")
            message = "The CloudFront function associated with this behavior failed or is invalid."
            return visit.own(problem.status, message, cache="FunctionExecutionError")
        for line in outcome.logs:
            visit.trace.step("function log", line)
        visit.trace.step("function", outcome.told)
        visit.path, visit.query, visit.headers = outcome.path, outcome.query, outcome.headers
        made = outcome.response
        if made is not None:
            made.headers = [
                ("Server", "CloudFront"),
                *made.headers,
                *forwarding.edge_headers(visit.id, "FunctionGeneratedResponse"),
            ]
        return made

    async def _fetch(self, visit: _Visit, behavior: Behavior, method: str, page: str = "") -> Response:
        """Asks the origin, for the visitor's path or for an error page."""
        origin = self.architecture.origins[behavior.origin_id]
        query = None if page else forwarding.query_for(behavior, visit.query)
        headers = forwarding.headers_for(
            behavior, origin, [] if page else visit.headers, host=visit.host, viewer=visit.request.viewer,
            request_id=visit.id, own=_own_headers(visit),
        )  # fmt: skip
        target = origin.path + (page or visit.path) + (f"?{query}" if query else "")
        if visit.trace.origin_request is None:
            visit.trace.origin_request = (f"{method} {target}", headers)
        try:
            response = await self._ask(visit, origin, method, target, headers, with_body=not page)
        except OriginError as problem:
            visit.trace.step("origin", f"{origin.id} failed: {problem}")
            return visit.own(problem.status, f"CloudFront gets no answer from the origin: {problem}.")
        visit.trace.step("origin", f"{origin.id} answered {response.status} to {method} {target}")
        cache = "Error" if response.status >= 400 else "Miss"
        response.headers = forwarding.answer_headers(response.headers, behavior, visit.id, cache)
        return response

    async def _ask(
        self, visit: _Visit, origin: Origin, method: str, target: str, headers: Headers, *, with_body: bool
    ) -> Response:
        if origin.bucket:
            return self._backends.buckets[origin.id].answer(method, target.partition("?")[0], headers)
        server = self._backends.servers.get(origin.id)
        if server is None:
            raise OriginError(502, f"nothing stands in for the origin {origin.id}")
        if ".execute-api." in origin.domain:
            target = target.removeprefix(origin.path)  # API Gateway takes its stage off
        if not with_body:
            return await server.send(method, target, headers, None, 0)
        return await server.send(method, target, headers, visit.request.body, visit.request.length)

    async def _error_page(self, visit: _Visit, response: Response) -> Response:
        """The custom error response for this status, if there is one with a page.

        The page is fetched by the behavior of its own path, without a function:
        https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/GeneratingCustomErrorResponses.html
        """
        rule = self.architecture.error_rules.get(response.status)
        if rule is None or not rule.page:
            return response
        page = await self._fetch(visit, self.architecture.behavior_for(rule.page), "GET", page=rule.page)
        if page.status != 200:
            visit.trace.step("error page", f"{rule.page} is missing too: the error stays as it is")
            return response
        if not isinstance(response.body, bytes):
            await response.body.aclose()  # type: ignore[attr-defined]
        visit.trace.step("error page", f"{response.status} → {rule.page} with {rule.response_code}")
        page.status = rule.response_code
        page.headers = [(n, "Error from cloudfront" if n == "X-Cache" else v) for n, v in page.headers]
        return page

    def _compress(self, visit: _Visit, behavior: Behavior, response: Response) -> None:
        request = visit.request
        if not (behavior.compress and behavior.cache.gzip and request.method == "GET"):
            return
        if request.version == "HTTP/1.0" or not accepts_gzip(request.get("accept-encoding")):
            return
        if self._compressor.apply(response, visit.path):
            visit.trace.step("compression", "gzip")

    def _localize(self, visit: _Visit, response: Response) -> None:
        """A browser that came by a local host stays on this machine when it is sent to another name."""
        port = (visit.request.get("host") or "").rpartition(":")[2]
        suffix = f":{port}" if port.isdigit() else ""
        for place, (name, value) in enumerate(response.headers):
            if name.lower() != "location":
                continue
            for known in self.architecture.names:
                start = f"https://{known}"
                rest = value[len(start) :]
                if value.startswith(start) and rest[:1] in ("", "/", "?"):
                    host = "localhost" if known == self.architecture.names[0] else f"{known}.localhost"
                    response.headers[place] = (name, f"http://{host}{suffix}{rest}")
                    visit.trace.step("local host", f"Location {value} → {host}{suffix}")
                    return


async def _timed(body: AsyncIterator[bytes], trace: Trace, began: float) -> AsyncIterator[bytes]:
    size = 0
    try:
        async for data in body:
            size += len(data)
            yield data
    finally:
        trace.ms = (time.perf_counter() - began) * 1000
        trace.ended = True
        trace.step("streamed", f"{size} bytes")
        close: Any = getattr(body, "aclose", None)
        if close:
            await close()


def _own_headers(visit: _Visit) -> Headers:
    return [
        ("CloudFront-Viewer-Address", f"{visit.request.viewer}:0"),
        ("CloudFront-Forwarded-Proto", "https"),
        ("CloudFront-Viewer-Http-Version", visit.request.version.removeprefix("HTTP/")),
    ]
