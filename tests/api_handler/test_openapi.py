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
