"""What people and machines are told of a run: steps from events, the tree, failures in words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.engine import render
from ops.engine.failures import engine_failure, readable
from ops.engine.result import Diagnostic, EventCollector, PropertyChange, RunResult, Step, at_path, shown
from ops.errors import OpsError, UsageError
from ops.plan import UNKNOWN

URN = "urn:pulumi:dev::p::"
STACK = f"{URN}pulumi:pulumi:Stack::p-dev"
GROUP = f"{URN}fixture:index:Group::site"
BUCKET = f"{URN}fixture:index:Group$aws:s3/bucket:Bucket::site-bucket"
LOGS = f"{URN}aws:cloudwatch/logGroup:LogGroup::logs"


def state(urn: str, parent: str, **more: Any) -> SimpleNamespace:
    values = {"urn": urn, "parent": parent, "custom": True, "inputs": {}, "outputs": {}, **more}
    return SimpleNamespace(**values)


def event(**kinds: Any) -> SimpleNamespace:
    names = ("resource_pre_event", "res_outputs_event", "diagnostic_event", "policy_event", "summary_event")
    return SimpleNamespace(**{**dict.fromkeys(names), **kinds})


def pre(op: str, urn: str, type_: str, **more: Any) -> SimpleNamespace:
    values = {"op": op, "urn": urn, "type": type_, "old": None, "new": None, "keys": None, "diffs": None}
    return event(
        resource_pre_event=SimpleNamespace(
            metadata=SimpleNamespace(**{**values, "detailed_diff": None, **more})
        )
    )


def collected() -> RunResult:
    collect = EventCollector()
    collect(pre("create", f"{URN}pulumi:providers:aws::default", "pulumi:providers:aws"))
    collect(pre("create", STACK, "pulumi:pulumi:Stack"))
    collect(pre("same", GROUP, "fixture:index:Group", new=state(GROUP, STACK, custom=False)))
    collect(pre("create-replacement", BUCKET, "aws:s3/bucket:Bucket", new=state(BUCKET, GROUP)))
    difference = {
        "bucket": SimpleNamespace(diff_kind="update-replace"),
        "tags.a": SimpleNamespace(diff_kind="add"),
    }
    collect(
        pre(
            "replace",
            BUCKET,
            "aws:s3/bucket:Bucket",
            old=state(BUCKET, GROUP, inputs={"bucket": "old"}),
            new=state(BUCKET, GROUP, inputs={"bucket": UNKNOWN, "tags": {"a": "b"}}),
            detailed_diff=difference,
        )
    )
    collect(pre("create", LOGS, "aws:cloudwatch/logGroup:LogGroup", new=state(LOGS, STACK)))
    collect(
        event(
            diagnostic_event=SimpleNamespace(ephemeral=True, severity="info", message="x", prefix="", urn="")
        )
    )
    warning = SimpleNamespace(
        ephemeral=False, severity="warning", message="<{%fg 3%}>look<{%reset%}>\n", prefix="", urn=LOGS
    )
    collect(event(diagnostic_event=warning))
    collect(event(diagnostic_event=warning))
    done = SimpleNamespace(
        type="pulumi:pulumi:Stack", urn=STACK, new=state(STACK, "", outputs={"url": UNKNOWN})
    )
    collect(event(res_outputs_event=SimpleNamespace(metadata=done)))
    collect(event(summary_event=SimpleNamespace(duration_seconds=3)))
    return collect.result()


def test_events_become_one_step_a_resource() -> None:
    result = collected()
    assert [(s.op, s.name, s.parent, s.custom) for s in result.steps] == [
        ("same", "site", "", False),
        ("replace", "site-bucket", GROUP, True),
        ("create", "logs", "", True),
    ]
    assert result.steps[1].changes == (
        PropertyChange("bucket", "update", True, "old", "[unknown]"),
        PropertyChange("tags.a", "add", False, None, "b"),
    )
    assert result.diagnostics == [Diagnostic("warning", "look", LOGS)]
    assert result.outputs == {"url": "[unknown]"}
    assert result.seconds == 3
    assert result.counts() == {"same": 1, "replace": 1, "create": 1}
    assert result.services() == {"cloudwatch": 1, "s3": 1}


def test_the_tree_shows_changes_under_their_component() -> None:
    lines = [line.plain.rstrip() for line in render.tree(collected())]
    assert lines == [
        "+ cloudwatch.LogGroup                logs",
        "  Group site",
        "  ± s3.Bucket                          site-bucket",
        '      ~ bucket: "old" → [unknown]  forces a new resource',
        '      + tags.a: "b"',
    ]


def test_what_does_not_change_is_not_in_the_tree() -> None:
    same = Step("same", "aws:s3/bucket:Bucket", "b", BUCKET, "", True)
    assert list(render.tree(RunResult(steps=[same]))) == []


def test_a_changed_document_is_shown_by_what_changed_inside() -> None:
    old = '{"Statement": [{"Action": "s3:GetObject", "Sid": "x"}], "Version": "1"}'
    new = '{"Statement": [{"Action": "s3:PutObject", "Sid": "x"}], "Version": "1"}'
    step = Step(
        "update", "aws:s3/bucketPolicy:BucketPolicy", "p", BUCKET, "", True,
        (PropertyChange("policy", "update", False, old, new),),
    )  # fmt: skip
    lines = [line.plain.strip() for line in render.tree(RunResult(steps=[step]))]
    assert lines[1:] == ['~ policy → Statement[0].Action: "s3:GetObject" → "s3:PutObject"']


def test_long_texts_are_shown_where_they_differ() -> None:
    change = PropertyChange(
        "code", "update", False, "a" * 100 + "OLD" + "b" * 100, "a" * 100 + "NEW" + "b" * 100
    )
    step = Step("update", "aws:cloudfront/function:Function", "f", BUCKET, "", True, (change,))
    line = list(render.tree(RunResult(steps=[step])))[1].plain
    assert "OLD" in line
    assert "NEW" in line
    assert len(line) < 200


def test_the_sums() -> None:
    result = collected()
    assert render.counts_line(result) == "1 to create, 1 to replace"
    assert render.counts_line(result, done=True) == "1 created, 1 replaced"
    assert render.services_line(result) == "cloudwatch 1, s3 1"
    assert render.counts_line(RunResult()) == "no resources"


def test_the_json_form() -> None:
    finding = SimpleNamespace(severity="mandatory", policy="p", resource="r", message="m", source="s", more=1)
    document = render.as_json(
        stack="dev", region="us-east-1", offline=True, ok=False, result=collected(), findings=[finding],
        lookups=["b", "a"], monthly_cost="2 USD", errors=["e"],
    )  # fmt: skip
    assert document["changes"] == {"create": 1, "replace": 1}
    assert document["services"] == {"cloudwatch": 1, "s3": 1}
    assert document["lookups"] == ["a", "b"]
    assert document["findings"] == [
        {"severity": "mandatory", "policy": "p", "resource": "r", "message": "m", "source": "s"}
    ]
    (bucket,) = [r for r in document["resources"] if r["name"] == "site-bucket"]
    assert bucket == {
        "op": "replace",
        "type": "aws:s3/bucket:Bucket",
        "name": "site-bucket",
        "urn": BUCKET,
        "parent": GROUP,
        "component": False,
        "diff": [
            {"path": "bucket", "kind": "update", "replaces": True, "old": "old", "new": "[unknown]"},
            {"path": "tags.a", "kind": "add", "replaces": False, "old": None, "new": "b"},
        ],
    }
    assert document["warnings"] == ["look"]
    assert (document["ok"], document["errors"], document["monthly_cost"]) == (False, ["e"], "2 USD")


def test_a_failed_run_has_a_json_form_too() -> None:
    document = render.as_json(stack="dev", region="", offline=True, ok=False, result=None, errors=["e"])
    assert (document["resources"], document["changes"], document["errors"]) == ([], {}, ["e"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [1, {"c:d": 2}]}),
        ("a.b", [1, {"c:d": 2}]),
        ("a.b[0]", 1),
        ('a.b[1]["c:d"]', 2),
        ("a.b[7]", None),
        ("x.y", None),
    ],
)
def test_property_paths(path: str, value: object) -> None:
    assert at_path({"a": {"b": [1, {"c:d": 2}]}}, path) == value


def test_secrets_and_files_are_not_shown() -> None:
    signature = "4dabf18193072939515e22adb298388d"
    secret = {signature: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "x"}
    archive = {signature: "0def7320c3a5731c473e5ecbe6d01bc7", "hash": "0123456789abcdef"}
    assert shown({"a": secret, "b": [archive]}) == {"a": "[secret]", "b": ["[file 0123456789ab]"]}


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        (
            "error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE",
            UsageError,
            "export PULUMI_CONFIG_PASSPHRASE=",
        ),
        ("error: incorrect passphrase", UsageError, "is not the one this stack was made with"),
        ("PULUMI_ACCESS_TOKEN must be set for login", UsageError, "pulumi login s3://"),
        ("error: the stack is currently locked by 1 lock(s)", OpsError, "pulumi cancel --stack dev"),
        (
            "validating stack config: Stack 'dev' with configuration key 'n' must be of type 'integer'",
            UsageError,
            "Stack 'dev' with configuration key 'n' must be of type 'integer'; mend it with",
        ),
        ("ExpiredToken: the security token", OpsError, "aws sso login"),
        (
            "error: no resource plugin 'pulumi-resource-aws' found",
            OpsError,
            "pulumi plugin install resource aws",
        ),
    ],
)
def test_known_messages_of_the_engine_say_what_to_do(text: str, kind: type[OpsError], advice: str) -> None:
    failure = engine_failure(text, "dev")
    assert type(failure) is kind
    assert advice in str(failure)
    assert "{" not in str(failure)


def test_other_messages_are_left_alone() -> None:
    assert engine_failure("error: something else", "dev") is None


def test_errors_are_told_once_with_their_resource_and_without_tracebacks(tmp_path: Path) -> None:
    trace = (
        "python inline source runtime error: no\nTraceback (most recent call last):\n"
        f'  File "{tmp_path}/__main__.py", line 7, in <module>\n'
        '  File "/venv/site-packages/x.py", line 1, in f\n'
        "KeyError: no"
    )
    found = readable(
        [
            Diagnostic("error", trace, STACK),
            Diagnostic("error", "error: it broke", LOGS),
            Diagnostic("error", "error: it broke", LOGS),
            Diagnostic("error", "update failed", ""),
        ],
        tmp_path,
    )
    assert found == ["KeyError: no\n  at __main__.py:7", "logs: it broke"]


def test_a_lost_connection_is_told_only_where_nothing_else_is(tmp_path: Path) -> None:
    lost = [
        Diagnostic("error", "Resource monitor has terminated, shutting down", STACK),
        Diagnostic(
            "error", "an unhandled error occurred: Resource monitor has terminated, shutting down", ""
        ),
    ]
    assert readable([*lost, Diagnostic("error", "it broke", LOGS)], tmp_path) == ["logs: it broke"]
    (alone,) = readable(lost, tmp_path)
    assert alone.startswith("the program lost its connection to the engine")
    assert readable([], tmp_path) == []


def test_protection_is_explained(tmp_path: Path) -> None:
    message = f'unable to replace resource "{BUCKET}"\nas it is currently marked for protection. To unprotect'
    assert readable([Diagnostic("error", message, BUCKET)], tmp_path) == [
        "'site-bucket' is protected: this change would replace it. Take the change back; or, if its data may "
        "go, set protectData to false, run `up`, and try again."
    ]
