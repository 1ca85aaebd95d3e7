"""The component around the backends: what it refuses, what it promises whatever the backend."""

from __future__ import annotations

import inspect

import pulumi_aws
import pytest

from components.orchestrator_api.backend import backends
from tests.components.orchestrator_api.make import run


def takes_tags(token: str) -> bool:
    """Whether the SDK's class of a type token has an argument ``tags``."""
    module, _, name = token.removeprefix("aws:").partition("/")
    kind = getattr(getattr(pulumi_aws, {"lambda": "lambda_"}.get(module, module)), name.partition(":")[2])
    return "tags" in inspect.signature(kind._internal_init).parameters


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ValueError, match="OrchestratorApi") as caught:
        run(backend="lambda", region="", bedrock_models=["arn:aws:bedrock:x", "a*"], memory_mb=64,
            gateway_account_role="new", max_concurrency=-1)  # fmt: skip
    text = str(caught.value)
    assert text.startswith("OrchestratorApi 'api':\n")
    for part in ("region is empty", "'arn:aws:bedrock:x'", "'a*'", "memory_mb is 64", "'new'", "is -1"):
        assert part in text, part
    assert len(text.splitlines()) == 1 + 6


def test_an_unknown_backend_lists_the_known():
    with pytest.raises(ValueError, match=r"backend is 'lamda'; allowed are: lambda, fargate, ec2"):
        run(backend="lamda")


def test_no_models():
    with pytest.raises(ValueError, match="bedrock_models is empty"):
        run(bedrock_models=[])


@pytest.mark.parametrize("backend", list(backends()))
def test_preview_and_up_register_the_same(backend: str):
    assert run(preview=True, backend=backend).urns() == run(backend=backend).urns()


@pytest.mark.parametrize("backend", list(backends()))
def test_names_parents_tags(backend: str):
    deployment = run(backend=backend)
    component = deployment.one("orchestrator:index:OrchestratorApi")
    for resource in deployment.resources:
        if not resource.custom:
            continue
        assert resource.name.startswith("api-")
        assert resource.parent == component.urn, resource.name
        if takes_tags(resource.type):
            assert resource.inputs.get("tags", {}).get("Stack") == "dev", resource.name
    assert set(deployment.component_outputs("OrchestratorApi::api")) >= {"tableName", "originDomainName"}


def test_a_child_can_be_changed_and_an_unknown_one_is_refused():
    changed = run(transforms={"function": {"memorySize": 2048}, "table": lambda a: {**a, "tableClass": "X"}})
    assert changed.one("aws:lambda/function:Function").inputs["memorySize"] == 2048
    assert changed.one("aws:dynamodb/table:Table").inputs["tableClass"] == "X"
    with pytest.raises(ValueError, match="'funtion'"):
        run(transforms={"funtion": {}})
