"""The one error shape of the API and the exceptions that become it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ApiError(Exception):
    """An answer that is an error.

    Args:
        status: HTTP status; never 403, which the edge turns into the site's error page.
        code: stable snake_case word for programs.
        message: what is wrong, in the caller's words; carries no key and no prompt.
        details: more, as plain JSON data.
        headers: extra response headers such as ``("Retry-After", "12")``.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Any = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(f"{status} {code}")
        if status == 403:
            raise ValueError("the API never answers 403")
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = tuple(headers)

    def body(self, request_id: str) -> dict[str, Any]:
        """The error as the JSON object of every error answer."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": self.details,
                "request_id": request_id,
            }
        }


class ClientGone(Exception):
    """The client closed the connection: there is nobody to answer."""


def unauthorized(message: str) -> ApiError:
    """401 with the challenge that every 401 carries."""
    return ApiError(401, "unauthorized", message, headers=[("WWW-Authenticate", "ApiKey")])


def not_found(message: str = "There is nothing at this path.") -> ApiError:
    """404."""
    return ApiError(404, "not_found", message)


def invalid(problems: Sequence[tuple[str, str]]) -> ApiError:
    """422 that names every wrong field.

    Args:
        problems: pairs of field name and what is wrong with it.
    """
    fields = [{"field": field, "problem": problem} for field, problem in problems]
    text = "; ".join(f"{field}: {problem}" for field, problem in problems)
    return ApiError(422, "invalid_request", text, details={"fields": fields})


def too_many(code: str, message: str, retry_after_s: float) -> ApiError:
    """429 with ``Retry-After`` in whole seconds, at least one."""
    seconds = max(1, int(-(-retry_after_s // 1)))
    return ApiError(429, code, message, headers=[("Retry-After", str(seconds))])


def unavailable(code: str, message: str, retry_after_s: int = 5) -> ApiError:
    """503 with ``Retry-After``."""
    return ApiError(503, code, message, headers=[("Retry-After", str(retry_after_s))])
