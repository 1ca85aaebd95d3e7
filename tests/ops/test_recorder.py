"""The recorder shows what stock mocks hide."""

from __future__ import annotations

import gc
from dataclasses import replace

import pulumi
import pytest
from pulumi.runtime import resource
from pulumi_aws import s3, sns

from components.component import Component, protection
from components.orchestrator_api import artifact
from ops.engine.paths import ROOT
from ops.engine.recorder import DuplicateUrnError, rehearse
from tests.components.harness import deploy


class Box(Component):
    CHILDREN = ("bucket", "topic")

    def __init__(self, name: str, protect: bool = False, **kwargs) -> None:
        super().__init__("Box", name, **kwargs)
        self.bucket = s3.Bucket(f"{name}-bucket", opts=self.child("bucket", **protection(protect)))
        self.topic = sns.Topic(
            f"{name}-topic", display_name=pulumi.Output.secret("hidden"), opts=self.child("topic")
        )
        self.register_outputs({"bucket": self.bucket.bucket, "secret": pulumi.Output.secret("x")})


def test_records_inputs_options_secrets_and_outputs() -> None:
    run = deploy(lambda: {"arn": Box("box", protect=True).bucket.arn})

    bucket = run.one("aws:s3/bucket:Bucket")
    assert (
        bucket.urn == "urn:pulumi:dev::orchestrator::orchestrator:index:Box$aws:s3/bucket:Bucket::box-bucket"
    )
    assert (bucket.protect, bucket.retain_on_delete) == (True, True)
    topic = run.one("aws:sns/topic:Topic")
    assert topic.inputs["displayName"] == "hidden"
    assert topic.secret_paths == {"displayName"}
    assert (topic.protect, topic.retain_on_delete) == (False, False)
    assert run.value("arn").startswith("arn:aws:s3:::box-bucket-")
    assert run.component_outputs("Box::box") == {"bucket": bucket.outputs["bucket"], "secret": "x"}


def test_preview_leaves_provider_outputs_unknown() -> None:
    run = deploy(lambda: {"arn": Box("box").bucket.arn}, preview=True)
    assert run.value("arn") is None
    assert run.urns() == deploy(lambda: Box("box")).urns()


def test_a_name_used_twice_is_an_error() -> None:
    def twice() -> None:
        Box("box")
        Box("box")

    with pytest.raises(DuplicateUrnError):
        deploy(twice)


def test_an_error_in_an_apply_reaches_the_test() -> None:
    def fails() -> None:
        Box("box").bucket.arn.apply(lambda arn: {}[arn])

    with pytest.raises(KeyError):
        deploy(fails)


def test_what_an_apply_makes_of_what_an_apply_made_is_awaited() -> None:
    def chain() -> None:
        first = Box("first").bucket.arn
        second = first.apply(lambda _: Box("second").bucket.arn)
        second.apply(lambda _: Box("third").bucket.arn).apply(lambda arn: pulumi.export("last", arn))

    run = deploy(chain)
    assert [r.name for r in run.all("aws:s3/bucket:Bucket")] == [
        "first-bucket",
        "second-bucket",
        "third-bucket",
    ]


def test_the_sdk_is_as_it_was_after_a_run_and_after_a_failed_one() -> None:
    real = resource._get_stack_trace

    def fails() -> None:
        assert resource._get_stack_trace is not real
        assert not gc.isenabled()
        raise LookupError

    deploy(lambda: Box("box"))
    assert resource._get_stack_trace is real
    assert gc.isenabled()
    with pytest.raises(LookupError):
        deploy(fails)
    assert resource._get_stack_trace is real
    assert gc.isenabled()
    gc.disable()
    try:
        deploy(lambda: Box("box"))
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_unexpected_lookup_is_an_error() -> None:
    with pytest.raises(Exception, match="no answer"):
        deploy(lambda: s3.get_objects(bucket="someone-elses"))


def test_transforms_merge_or_compute_and_reject_unknown_children() -> None:
    run = deploy(lambda: Box("box", transforms={"bucket": {"bucket": "given"}}))
    assert run.one("aws:s3/bucket:Bucket").inputs["bucket"] == "given"
    run = deploy(lambda: Box("box", transforms={"topic": lambda args: {"fifo_topic": True}}))
    assert run.one("aws:sns/topic:Topic").inputs["fifoTopic"] is True
    with pytest.raises(ValueError, match=r"'tpoic'.*its children are: bucket, topic"):
        deploy(lambda: Box("box", transforms={"tpoic": {}}))


def test_two_runs_do_not_meet() -> None:
    first = deploy(lambda: Box("box"), stack="dev")
    second = deploy(lambda: Box("other"), stack="prod")
    assert [r.name for r in first.all("aws:s3/bucket:Bucket")] == ["box-bucket"]
    assert [r.urn.split("::")[0] for r in second.resources] == ["urn:pulumi:prod"] * 3


def test_the_program_tells_what_the_operator_should_know_of_the_artifact(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    noted = replace(artifact.build(ROOT), notes=("it carries no byte code", "it carries another version"))
    monkeypatch.setattr(artifact, "build", lambda root: noted)
    rehearse(ROOT, "dev", {"apiBackend": "none"})
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["it carries no byte code", "it carries another version"]
