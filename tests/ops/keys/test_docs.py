"""docs/keys.md: its walk is run as it stands, its policy names what is called."""

from __future__ import annotations

import json
import re
import shlex

from ops.engine.paths import ROOT
from tests.ops.keys.conftest import SEEDED, Faults, Keys, Secret

PAGE = (ROOT / "docs/keys.md").read_text()

# What differs from run to run: keys, the ends of keys, times, the end of the ARN.
VARYING = (
    (re.compile(r"^[A-Za-z0-9_-]{43}$", re.MULTILINE), "KEY"),
    (re.compile(r"…[A-Za-z0-9_-]{4}"), "…LAST"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"api-key-[A-Za-z0-9]{6}:"), "api-key-ARN:"),
)


def alike(text: str) -> list[str]:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return sorted(text.splitlines())


def test_the_walk_is_run_as_it_stands(account: None, keys: Keys) -> None:
    Secret().make(json.dumps(SEEDED), "orchestrator/api-key")
    (walk,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    steps = re.findall(r"^\$ python -m ops keys (.*)\n((?:(?!\$ ).*\n)*)", walk, re.MULTILINE)
    assert [arguments.split()[0] for arguments, _ in steps] == ["add", "add", "rotate", "revoke", "list"]
    for arguments, told in steps:
        ran = keys(*shlex.split(arguments))
        assert ran.code == 0
        assert alike(ran.out + ran.err) == alike(told)


def test_the_policy_names_what_is_called(secret: Secret, keys: Keys, faults: Faults) -> None:
    assert keys("add", "a").code == 0
    assert keys("rotate", "a").code == 0
    assert keys("revoke", "a", "--yes").code == 0
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    allowed = json.loads(policy)["Statement"][0]["Action"]
    assert {f"secretsmanager:{operation}" for operation in faults.calls} == set(allowed)
    faults.calls.clear()
    assert keys("list").code == 0
    assert [f"secretsmanager:{operation}" for operation in faults.calls] == allowed[:1]


def test_the_shapes_of_json(secret: Secret, keys: Keys) -> None:
    text = re.sub(r"\s+", " ", PAGE)
    (fields,) = re.findall(r"\{secret, keys: \[\{([^}]*)\}\]\}", text)
    listed = keys("list", "--json").json
    assert list(listed) == ["secret", "keys"]
    assert list(listed["keys"][0]) == fields.split(", ")
    assert list(keys("add", "a", "--json").json) == [
        "secret", *fields.split(", "), "key", "previous", "verified",
    ]  # fmt: skip
    assert list(keys("revoke", "a", "--yes", "--json").json) == ["secret", "name", "revoked", "verified"]
    assert "`revoke` `{secret, name, revoked, verified}`" in text
