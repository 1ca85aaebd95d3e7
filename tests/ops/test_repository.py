"""The repository keeps the promises its README, workflows and docs make."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cli.app import build_parser
from ops.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]


def test_the_trust_policies_take_both_forms_of_the_subject_and_no_wildcard() -> None:
    for name, suffix in (("preview", "pull_request"), ("deploy", "environment:STACK")):
        policy = json.loads((ROOT / f".github/oidc/trust-{name}.json").read_text())
        (statement,) = policy["Statement"]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert set(statement["Condition"]) == {"StringEquals"}
        condition = statement["Condition"]["StringEquals"]
        assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        assert condition["token.actions.githubusercontent.com:sub"] == [
            f"repo:ORG/REPO:{suffix}",
            f"repo:ORG@ORG_ID/REPO@REPO_ID:{suffix}",
        ]


def test_no_workflow_stores_an_aws_key_and_each_asks_for_a_token() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        text = path.read_text()
        assert "AWS_ACCESS_KEY_ID" not in text
        assert "AWS_SECRET_ACCESS_KEY" not in text
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}
        roles = [job for job in workflow["jobs"].values() if "configure-aws-credentials" in json.dumps(job)]
        assert len(roles) == 1, path.name
        assert roles[0]["permissions"]["id-token"] == "write"


def test_nothing_reaches_aws_before_the_checks_have_passed() -> None:
    for name in ("preview", "up"):
        jobs = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())["jobs"]
        assert list(jobs) == ["check", name]
        assert {"run": ".ci/run"} in jobs["check"]["steps"]
        assert "permissions" not in jobs["check"]
        assert jobs[name]["needs"] == "check"


def test_a_pull_request_gets_each_plan_as_a_comment_and_main_goes_up_behind_an_environment() -> None:
    def of(name: str) -> tuple[object, dict[str, Any], dict[str, Any]]:
        workflow = yaml.safe_load((ROOT / f".github/workflows/{name}.yml").read_text())
        job = workflow["jobs"][name]
        (pulumi,) = [s["with"] for s in job["steps"] if str(s.get("uses")).startswith("pulumi/actions@")]
        return workflow[True], job, pulumi  # YAML 1.1 reads the key `on` as true

    events, job, pulumi = of("preview")
    assert events == {"pull_request": None}
    assert job["strategy"]["matrix"] == {"stack": ["dev", "prod"]}
    assert job["permissions"] == {"id-token": "write", "contents": "read", "pull-requests": "write"}
    assert "environment" not in job
    assert (pulumi["command"], pulumi["comment-on-pr"], pulumi["diff"]) == ("preview", True, True)

    events, job, pulumi = of("up")
    assert isinstance(events, dict)
    assert set(events) == {"push", "workflow_dispatch"}
    assert events["push"] == {"branches": ["main"]}
    assert job["environment"] == pulumi["stack-name"] == "${{ matrix.stack }}"
    assert job["permissions"] == {"id-token": "write", "contents": "read"}
    assert job["concurrency"]["cancel-in-progress"] is False
    assert pulumi["command"] == "up"


def unpinned(text: str) -> list[str]:
    """What a workflow uses by anything but a commit with its version beside it."""
    used = re.findall(r"^\s*-?\s*uses:\s*(.+)$", text, re.M)
    assert used
    return [one for one in used if not re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)]


def test_every_action_is_pinned_by_commit_and_each_has_one_pin() -> None:
    pins: dict[str, set[str]] = {}
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        text = path.read_text()
        assert unpinned(text) == [], path.name
        for name, pin in re.findall(r"uses:\s*([^@\s]+)@(.+)", text):
            pins.setdefault(name, set()).add(pin)
    assert {name: len(found) for name, found in pins.items()} == dict.fromkeys(
        [
            "actions/checkout",
            "actions/setup-go",
            "actions/setup-python",
            "aws-actions/configure-aws-credentials",
            "pulumi/actions",
        ],
        1,
    )


@pytest.mark.parametrize("version", ["v6", "main", "de0fac2", "de0fac2e4500dabe0009e67214ff5f5447ce83dd"])
def test_a_tag_a_branch_and_a_bare_commit_are_no_pins(version: str) -> None:
    assert unpinned(f"      - uses: actions/checkout@{version}\n") == [f"actions/checkout@{version}"]


def test_the_program_is_an_ordinary_one() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    assert project["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    program = (ROOT / "__main__.py").read_text()
    assert "ops" not in re.findall(r"^(?:from|import) (\w+)", program, re.M)
    assert len(program.splitlines()) <= 60


def test_components_and_the_api_import_neither_the_tools_nor_one_another() -> None:
    rooms = {"secrets", "orchestrator_api", "static_site", "monitoring"}
    for path in (ROOT / "components").rglob("*.py"):
        relative = path.relative_to(ROOT / "components")
        room = relative.parts[0].removesuffix(".py")
        imports = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.M)
        foreign = {name for name in imports if name.split(".")[0] in ("ops", "api_handler")}
        # The site's index is packed by the code that reads it on the other side, so that the two agree.
        packing = {"api_handler.tools.site_search"} if path.name == "artifact_contents.py" else set()
        assert foreign == packing, path
        if room in rooms:
            others = {
                name
                for name in imports
                if name.startswith("components.") and name.split(".")[1] in rooms - {room}
            }
            assert not others, f"{path} imports {others}"
    for path in (ROOT / "api_handler").rglob("*.py"):
        imports = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.M)
        wrong = [
            n for n in imports if n.split(".")[0] in ("pulumi", "pulumi_aws", "components", "ops", "boto3")
        ]
        assert not wrong, f"{path} imports {wrong}"


def test_every_pinned_requirement_has_a_hash_and_names_no_index() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index-url" not in text
        blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert len(blocks) > 20
        assert all("--hash=sha256:" in block for block in blocks)


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs/dependencies.md").read_text()
    named = re.findall(r'^    "([A-Za-z0-9-]+)[^"]*==', (ROOT / "pyproject.toml").read_text(), re.M)
    assert len(named) >= 15
    for package in named:
        assert package.removeprefix("pytest-") in page, package


def test_every_relative_link_of_the_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 10
    broken = []
    for page in pages:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def links(page: Path) -> set[Path]:
    """Files a page links to or shows."""
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text())
    return {(page.parent / target).resolve() for target in targets}


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = {ROOT / "README.md"}
    while ahead:
        page = ahead.pop()
        reached.add(page)
        ahead |= {found for found in links(page) if found.suffix == ".md"} - reached
    assert {*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")} - reached == set()
    assert {path.name for path in links(ROOT / "README.md") if path.suffix == ".png"} == {
        "chat-light.png",
        "dev-light.png",
    }


def test_readme_make_and_the_commands_agree_on_the_default_stack() -> None:
    make = subprocess.run(
        ["make", "-n", "preview", "up", "refresh", "destroy", "cost", "diagram", "deploy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={key: value for key, value in os.environ.items() if key not in ("STACK", "MAKEFLAGS")},
    ).stdout
    stacks = dict(re.findall(r"-m ops (\w+)(?: site)? --stack (\w+)", make))
    dev = dict.fromkeys(["up", "refresh", "destroy", "cost", "diagram", "deploy"], "dev")
    assert stacks == {"preview": "prod", **dev}
    for name in ("preview", "up", "refresh", "destroy", "cost", "diagram"):
        parser = build_parser(name, COMMANDS[name], importlib.import_module(COMMANDS[name].module))
        assert parser.parse_args([]).stack == "dev", name
    assert "(stack prod); every other command takes dev" in (ROOT / "README.md").read_text()
