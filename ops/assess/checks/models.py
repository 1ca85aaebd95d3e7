"""The configured Bedrock models: do they exist here, and may this account call them."""

from __future__ import annotations

from collections.abc import Iterator

from ops.assess.collect.backend import base_model
from ops.assess.model import Found, Snapshot, check

_BEDROCK = "https://docs.aws.amazon.com/bedrock/latest/userguide"


@check(
    "bedrock-profile",
    "high",
    "A configured inference profile is not in this Region",
    why="Every call to it fails with ValidationException.",
    source=f"{_BEDROCK}/inference-profiles-support.html",
    needs=("inference_profiles",),
)
def profile(s: Snapshot) -> Iterator[Found]:
    ids = {one["inferenceProfileId"]: one for one in s["inference_profiles"] or []}
    for model in s.request.models:
        if base_model(model) == model or model in ids:
            continue
        others = sorted(id_ for id_ in ids if base_model(id_) == base_model(model))
        yield Found(
            resource=model,
            evidence=f"not among {len(ids)} profiles of {s.request.region}",
            mend=f"Use {others[0]}." if others else "Choose a profile of this Region.",
            command=f"aws bedrock list-inference-profiles --region {s.request.region}",
            setting=f'orchestrator:bedrockModels ["{others[0]}"]' if others else "",
        )


@check(
    "bedrock-model",
    "high",
    "A configured model does not exist in this Region",
    why="Every call to it fails with ValidationException.",
    source=f"{_BEDROCK}/models-regions.html",
    needs=("model_access",),
)
def model_exists(s: Snapshot) -> Iterator[Found]:
    for model, access in (s["model_access"] or {}).items():
        if access is None or (access["regionAvailability"] == "NOT_AVAILABLE" and base_model(model) == model):
            yield Found(
                resource=model,
                evidence=f"{base_model(model)} is unknown in {s.request.region}"
                if access is None
                else "regionAvailability NOT_AVAILABLE",
                mend="Correct the id, or call it through an inference profile.",
                command=f"aws bedrock list-foundation-models --region {s.request.region}",
            )


@check(
    "bedrock-access",
    "high",
    "The account may not call a configured model",
    why="Calls fail with AccessDeniedException although the role allows them.",
    source=f"{_BEDROCK}/model-access.html",
    needs=("model_access",),
)
def access(s: Snapshot) -> Iterator[Found]:
    for model, answer in (s["model_access"] or {}).items():
        if answer is None:
            continue
        wrong = [
            f"{name} {value}"
            for name, value, good in (
                ("authorization", answer["authorizationStatus"], "AUTHORIZED"),
                ("agreement", answer["agreementAvailability"]["status"], "AVAILABLE"),
                ("entitlement", answer["entitlementAvailability"], "AVAILABLE"),
            )
            if value != good
        ]
        if wrong:
            yield Found(
                resource=model,
                evidence=", ".join(wrong),
                mend="Open the model once in the Bedrock console and fill in the use case form, or ask the "
                "organization's administrator.",
            )
