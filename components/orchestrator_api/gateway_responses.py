"""What API Gateway answers by itself, in the API's one error shape and never with 403.

CloudFront turns every 403 into the site's error page, so each kind of 403 becomes what it means to
a caller (Amazon API Gateway Developer Guide, "Gateway response types for API Gateway").
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class GatewayResponse:
    """One kind of answer.

    Attributes:
        kind: API Gateway's name of it.
        status: HTTP status, or None where a default covers several.
        code: stable code of the error.
        message: what is wrong, for the caller.
        retry_after_s: seconds after which to try again, or None.
    """

    kind: str
    status: int | None
    code: str
    message: str
    retry_after_s: int | None = None

    @property
    def slug(self) -> str:
        """Part of the resource's name."""
        return self.kind.lower().replace("_", "-")

    @property
    def body(self) -> str:
        """The template of the body; ``$context.requestId`` is all that API Gateway fills in."""
        error = {
            "code": self.code,
            "message": self.message,
            "details": None,
            "request_id": "$context.requestId",
        }
        return json.dumps({"error": error}, separators=(",", ":"))

    @property
    def parameters(self) -> dict[str, str]:
        """Headers, as API Gateway wants them: constants in quotes, variables without."""
        headers = {"Cache-Control": "'no-store'", "X-Request-ID": "context.requestId"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "'ApiKey'"
        if self.retry_after_s is not None:
            headers["Retry-After"] = f"'{self.retry_after_s}'"
        return {f"gatewayresponse.header.{name}": value for name, value in headers.items()}


_CREDENTIALS = "These credentials are not accepted here; send a valid key in the X-API-Key header."

GATEWAY_RESPONSES = (
    # 403 by default: all that API Gateway has.
    GatewayResponse("ACCESS_DENIED", 401, "unauthorized", _CREDENTIALS),
    GatewayResponse("EXPIRED_TOKEN", 401, "unauthorized", _CREDENTIALS),
    GatewayResponse("INVALID_API_KEY", 401, "unauthorized", _CREDENTIALS),
    GatewayResponse("INVALID_SIGNATURE", 401, "unauthorized", _CREDENTIALS),
    # What API Gateway says to a path or method it does not know.
    GatewayResponse("MISSING_AUTHENTICATION_TOKEN", 404, "not_found", "There is no such route."),
    GatewayResponse("WAF_FILTERED", 400, "request_blocked", "The request was blocked by the firewall."),
    # Others a caller can meet.
    GatewayResponse("UNAUTHORIZED", 401, "unauthorized", _CREDENTIALS),
    GatewayResponse("RESOURCE_NOT_FOUND", 404, "not_found", "There is no such route."),
    GatewayResponse("REQUEST_TOO_LARGE", 413, "payload_too_large", "The request body is too large."),
    GatewayResponse("THROTTLED", 429, "rate_limited", "Too many requests; try again shortly.", 1),
    GatewayResponse("INTEGRATION_TIMEOUT", 504, "deadline_exceeded", "The API did not answer in time."),
    GatewayResponse(
        "INTEGRATION_FAILURE", 503, "unavailable", "The API is not available; try again shortly.", 5
    ),
    GatewayResponse("DEFAULT_4XX", None, "bad_request", "The request was refused before it reached the API."),
    GatewayResponse("DEFAULT_5XX", None, "internal_error", "The request failed before it reached the API."),
)
