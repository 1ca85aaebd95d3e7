"""An AWS that answers from data: real clients, real parameter checks, no network.

Answers are checked against botocore's own output shapes, so that a field that AWS never
sends cannot make a test pass. Requests are cut off at ``before-call``, after botocore has
validated and serialized them; retries and parsing are left to the tests with moto.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Refusal:
    """An error of AWS."""

    code: str
    message: str = "not today"
    status: int = 400


Answer = Mapping[str, Any] | Refusal | Callable[[Params], "Mapping[str, Any] | Refusal"]


class _Http:
    def __init__(self, status: int) -> None:
        self.status_code = status
        self.headers: dict[str, str] = {}


class FakeAws:
    """(service, operation) to an answer, an error, or a function of the parameters.

    Args:
        answers: what is answered; anything else that is asked is a failure of the test.
        delay_s: how long each call takes.
    """

    def __init__(self, answers: Mapping[tuple[str, str], Answer], *, delay_s: float = 0.0) -> None:
        self.answers = dict(answers)
        self.delay_s = delay_s
        self.asked: list[tuple[str, str, str]] = []

    def client(self, service: str, region: str) -> Any:
        """A real client whose requests end here; kept for the next test, since making one is slow."""
        key = (service, region)
        if key not in _CLIENTS:
            client = _SESSION.create_client(
                service,
                region_name=region,
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="none",
            )
            client.meta.events.register("before-parameter-build", _keep_params)
            client.meta.events.register_last("before-call", _answer)
            _CLIENTS[key] = client
        _CURRENT[0] = self
        return _CLIENTS[key]

    def answer(self, model: Any, params: Params) -> tuple[_Http, dict[str, Any]]:
        """The parsed response to one request."""
        if self.delay_s:
            time.sleep(self.delay_s)
        key = (model.service_model.service_name, model.name)
        answer = self.answers.get(key)
        assert answer is not None, f"nobody expected {key} with {dict(params)}"
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, Refusal):
            error = {"Error": {"Code": answer.code, "Message": answer.message}, "ResponseMetadata": {}}
            return _Http(answer.status), error
        check_shape(model, answer)
        return _Http(200), copy.deepcopy(dict(answer))


def check_shape(model: Any, answer: Mapping[str, Any]) -> None:
    """Fails unless ``answer`` has the operation's output shape."""
    wrong = ParamValidator().validate(answer, model.output_shape)
    assert not wrong.has_errors(), f"{model.name}: {wrong.generate_report()}"


_SESSION = botocore.session.get_session()
_CLIENTS: dict[tuple[str, str], Any] = {}
_CURRENT: list[FakeAws | None] = [None]


def _keep_params(params: Params, context: dict[str, Any], **_: Any) -> None:
    context["fake_aws_params"] = dict(params)


def _answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[_Http, dict[str, Any]]:
    fake = _CURRENT[0]
    assert fake is not None
    return fake.answer(model, context["fake_aws_params"])


def pages(member: str, items: list[Any], *, size: int, marker: str = "NextToken") -> Answer:
    """A listing in pages for services whose request and response tokens have one name."""

    def answer(params: Params) -> Mapping[str, Any]:
        start = int(params.get(marker, 0))
        page: dict[str, Any] = {member: items[start : start + size]}
        if start + size < len(items):
            page[marker] = str(start + size)
        return page

    return answer
