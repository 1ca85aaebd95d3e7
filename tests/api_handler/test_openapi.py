"""``openapi.json`` and the code say the same: every route, method, status; and real answers fit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource

from api_handler import validation
from api_handler.http import MAX_BODY
from api_handler.routes import BASE, ROUTES
from ops.bench.api_bedrock import LocalBedrock, text_reply
from tests.api_handler.running import Api

DOCUMENT: dict[str, Any] = json.loads(Path("api_handler/openapi.json").read_text())


def schema(name: str) -> Draft202012Validator:
    text = json.dumps({"$ref": f"#/components/schemas/{name}"}).replace('"#/', '"urn:api#/')
    document = json.loads(json.dumps(DOCUMENT).replace('"#/', '"urn:api#/'))
    registry: Any = Registry().with_resource("urn:api", Resource.opaque(document))
    return Draft202012Validator(json.loads(text), registry=registry)


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")
    assert DOCUMENT["servers"] == [{"url": BASE}]


def test_routes_and_document_are_the_same_in_both_directions() -> None:
    documented = {
        (path, method.upper()): bool(operation["security"] == [{"ApiKey": []}])
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    served = {(route.pattern, method): route.needs_key for route in ROUTES for method in route.methods}
    assert documented == served


def test_bounds_are_the_codes() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    request = schemas["OrchestrateRequest"]["properties"]
    assert request["task"]["maxLength"] == validation.MAX_TASK
    assert request["agent_ids"]["maxItems"] == validation.MAX_AGENTS
    assert request["session_id"]["pattern"] == f"^{validation._SESSION_ID.pattern}$"
    assert schemas["RunRequest"]["properties"]["goal"]["maxLength"] == validation.MAX_TASK
    assert schemas["ChatRequest"]["properties"]["message"]["maxLength"] == validation.MAX_MESSAGE
    assert tuple(schemas["Run"]["properties"]["status"]["enum"]) == validation.RUN_STATUSES
    assert f"{validation.MAX_CONTEXT:,}" in request["context"]["description"]
    assert MAX_BODY == 1 << 20
    assert "1 MiB" in DOCUMENT["components"]["responses"]["TooLarge"]["description"]


def test_every_status_of_the_code_is_documented() -> None:
    sources = " ".join(path.read_text() for path in Path("api_handler").rglob("*.py"))
    raised = {int(status) for status in re.findall(r"ApiError\(\s*(\d{3})", sources)} - {405}
    documented = {
        int(status)
        for operations in DOCUMENT["paths"].values()
        for operation in operations.values()
        for status in operation["responses"]
    }
    assert raised <= documented
    assert 403 not in documented | raised


def test_no_status_but_the_documented_ones(http_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document served is the file, byte for byte."""
    answer = http_api.get("/openapi.json", key=None)
    assert answer.body == Path("api_handler/openapi.json").read_bytes()
    assert answer.headers["content-type"] == "application/json"


def test_real_answers_fit_their_schemas(http_api: Api, bedrock: LocalBedrock) -> None:
    api = http_api
    made = api.post("/run", {"goal": "x"}).json
    run = api.finished(made["run_id"])
    for name, value in (
        ("Health", api.get("/health", key=None).json),
        ("Health", api.get("/health?deep=1").json),
        ("Status", api.get("/status", key=None).json),
        ("Agents", api.get("/agents").json),
        ("Agent", api.get("/agents/analyst").json),
        (
            "OrchestrateAnswer",
            api.post("/orchestrate", {"task": "x", "agent_ids": ["assistant", "analyst"]}).json,
        ),
        ("RunAccepted", made),
        ("Run", run),
        ("Runs", api.get("/runs").json),
        ("Error", api.get("/nothing").json),
        ("Error", api.post("/run", {}).json),
    ):
        schema(name).validate(value)
    events = api.stream("/orchestrate", {"task": "x", "agent_ids": ["assistant"]}).events()
    for event in [*events, *api.stream(f"/runs/{run['run_id']}/stream").events()]:
        schema("Event").validate(event)
    bedrock.script = lambda body, number: text_reply("x", stop="max_tokens")
    schema("OrchestrateAnswer").validate(
        api.post("/orchestrate", {"task": "x", "agent_ids": ["assistant"]}).json
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OrchestrateRequest", {"task": ""}),
        ("OrchestrateRequest", {"task": "x", "agent_ids": ["a"] * 11}),
        ("RunRequest", {}),
        ("ChatRequest", {"message": "x" * 2001}),
        ("Error", {"error": {"code": "x", "message": "y", "details": None}}),
        ("Run", {"run_id": "run_x"}),
    ],
)
def test_schemas_refuse_what_is_wrong(name: str, value: Any) -> None:
    assert not schema(name).is_valid(value)


MAIN = [
    {"name": "one", "key": "k-one"},
    {"name": "other", "key": "k-other"},
    {"name": "limited", "key": "k-limited", "rpm": 1},
]


class Statuses:
    """Makes the API give every status that its document names."""

    def __init__(self, make_api: Any, bedrock: LocalBedrock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bedrock = bedrock
        self.patch = monkeypatch
        caps = '{"ip_rpm": 1000, "session_turns": 1}'
        self.api = make_api(API_KEYS=json.dumps(MAIN), PUBLIC_CHAT=caps)
        self.without_keys = make_api(API_KEYS="", PUBLIC_CHAT="{}", MAX_CONCURRENCY="1")
        self.without_keys.services.busy = 1
        self.behind_the_edge = make_api(ORIGIN_VERIFY='["v"]')
        self.run = self.api.post("/run", {"goal": "x"}, key="k-one").json["run_id"]
        self.api.finished(self.run, key="k-one")
        self.api.get("/agents", key="k-limited")
        self.session = self.api.post(
            "/orchestrate", {"task": "x", "agent_ids": ["assistant"]}, key="k-one"
        ).json["session_id"]

    def ask(self, method: str, path: str, status: int) -> int:
        """The status of the request that should give ``status``."""
        api, key = self.api, "k-one"
        headers: dict[str, str] = {}
        body: Any = {
            "/orchestrate": {"task": "x", "agent_ids": ["assistant"]}, "/run": {"goal": "x"},
            "/chat": {"message": "x", "session_id": f"session-{status}-that-is-long-enough"},
        }.get(path)  # fmt: skip
        place = path.replace("{id}", "assistant" if "agents" in path else self.run)
        self.bedrock.script = lambda body, number: text_reply("Hello")
        if path == "/health" and status in (401, 422, 429, 503):
            place += "?deep=1&deep=1" if status == 422 else "?deep=1"
        if status == 401 and path in ("/status", "/openapi.json", "/chat"):
            api = self.behind_the_edge
        elif status == 401:
            key = "wrong"
        elif status == 404:
            place = path.replace("{id}", "unknown")
            if path == "/orchestrate":
                body["session_id"], key = self.session, "k-other"
            elif path == "/chat":
                api = self.behind_the_edge
                headers["X-Origin-Verify"] = "v"
        elif status == 429 and path == "/chat":
            api.post(place, body, key=None)
        elif status == 429:
            key = "k-limited"
        elif status == 503:
            api = self.without_keys
        elif status == 409 and path == "/run":
            headers["Idempotency-Key"] = "same"
            api.post(place, {"goal": "another"}, key=key, headers=headers)
        elif status == 200 and path == "/run":
            headers["Idempotency-Key"] = "once"
            api.post(place, body, key=key, headers=headers)
        elif status == 200 and path.endswith("/cancel"):
            self.bedrock.script = lambda body, number: [("silence",)]
            run_id = api.post("/run", {"goal": "x"}, key=key).json["run_id"]
            place = path.replace("{id}", run_id)
        elif status == 422 and path == "/runs":
            place += "?limit=0"
        elif status == 422 and body:
            body = {}
        elif status == 415:
            headers["Content-Type"] = "text/plain"
        elif status == 413:
            body["unknown"] = "x" * (1 << 20)
        elif status == 502:
            self.bedrock.script = lambda body, number: [("status", 400, "ValidationException")]
        elif status == 504:
            self.bedrock.script = lambda body, number: text_reply("", stop="max_tokens")
        elif status == 500:
            handler = next(route for route in ROUTES if route.pattern == path).methods[method]
            self.patch.setattr(f"api_handler.routes.{handler}", _broken)
        if status == 400:
            told = {"X-API-Key": key, "Content-Type": "application/json"}
            answer = api.request(method, BASE + place, b"{", told)
        elif method == "POST":
            answer = api.post(place, body, key=key, headers=headers)
        else:
            answer = api.get(place, key=key, headers=headers)
        self.patch.undo()
        return answer.status


async def _broken(*_: Any) -> Any:
    raise RuntimeError("a fault of ours")


def test_every_documented_status_can_be_given(make_api: Any, bedrock: LocalBedrock) -> None:
    """The other direction of the statuses: nothing is promised, or threatened, that never happens."""
    with pytest.MonkeyPatch.context() as patch:
        statuses = Statuses(make_api, bedrock, patch)
        wanted = [
            (method.upper(), path, int(status))
            for path, operations in DOCUMENT["paths"].items()
            for method, operation in operations.items()
            for status in operation["responses"]
        ]
        assert len(wanted) > 60
        given = [(method, path, statuses.ask(method, path, status)) for method, path, status in wanted]
    assert [pair for pair in zip(wanted, given, strict=True) if pair[0] != pair[1]] == []
