"""The component as the tests of this folder make it."""

from __future__ import annotations

from typing import Any

import pulumi

from components.interfaces import Artifact, SecretRefs
from components.orchestrator_api import OrchestratorApi, OrchestratorApiArgs
from tests.components.harness import Deployment, deploy

ACCOUNT = "123456789012"
REGION = "us-east-1"
API_KEY_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orchestrator/dev/api-key-AbCdEf"
ORIGIN_VERIFY_ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orchestrator/dev/origin-verify-AbCdEf"
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ORIGIN_VERIFY_VALUE = "only-cloudfront-knows-this"

ARTIFACT = Artifact(
    path=".build/api-0.zip", sha256="ab" * 32, size=3_000_000, runtime="python3.13", compiled=True
)


def secrets(key: str | None = None) -> SecretRefs:
    """What Secrets would give; made within a run."""
    return SecretRefs(
        api_key_arn=pulumi.Output.from_input(API_KEY_ARN),
        origin_verify_arn=pulumi.Output.from_input(ORIGIN_VERIFY_ARN),
        # Not marked secret here: the component has to do that itself.
        origin_verify_value=pulumi.Output.from_input(ORIGIN_VERIFY_VALUE),
        kms_key_arn=pulumi.Output.from_input(key) if key else None,
    )


def arguments(*, key: str | None = None, **changes: Any) -> OrchestratorApiArgs:
    """Arguments of a dev stack on Lambda, with changes."""
    values: dict[str, Any] = {
        "backend": "lambda",
        "artifact": ARTIFACT,
        "secrets": secrets(key),
        "bedrock_models": ["global.anthropic.claude-haiku-5-5"],
        "project": "orchestrator",
        "stack": "dev",
        "region": REGION,
        "account_id": ACCOUNT,
        "tags": {"Stack": "dev"},
    }
    return OrchestratorApiArgs(**{**values, **changes})


def run(
    *, preview: bool = False, transforms: Any = None, key: str | None = None, **changes: Any
) -> Deployment:
    """The component, made; the same arguments once for all tests: nobody changes a Deployment."""
    if transforms:
        return run_anew(preview=preview, transforms=transforms, key=key, **changes)
    name = repr((preview, key, sorted(changes.items())))
    if name not in _MADE:
        _MADE[name] = run_anew(preview=preview, key=key, **changes)
    return _MADE[name]


_MADE: dict[str, Deployment] = {}


def run_anew(
    *, preview: bool = False, transforms: Any = None, key: str | None = None, **changes: Any
) -> Deployment:
    """The component, made now: for tests that changed what it is made by."""

    def build() -> dict[str, Any]:
        api = OrchestratorApi("api", arguments(key=key, **changes), transforms=transforms)
        return {
            "api": api,
            "domain": pulumi.Output.from_input(api.origin.domain_name),
            **{f"header:{k}": pulumi.Output.from_input(v) for k, v in api.origin.headers.items()},
        }

    return deploy(build, preview=preview, region=changes.get("region", REGION))
