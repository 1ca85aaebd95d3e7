"""The report: one object, three faces, and the page that documents it."""

from __future__ import annotations

import copy
import dataclasses
import html.parser
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import ops.assess.checks  # noqa: F401  # registers
from ops.assess import page, report, text
from ops.assess.model import CHECKS, SEVERITIES, Snapshot
from ops.assess.recommend import recommend
from ops.assess.steps import checklist
from tests.ops.assess.accounts import healthy, plain_site
from tests.ops.assess.aws_shapes import DOMAIN, simulated
from tests.ops.assess.fake_aws import Refusal
from tests.ops.assess.run import assess
from tests.ops.assess.test_collect import COSTS

DOCS = Path(__file__).resolve().parents[3] / "docs" / "assess.md"


@pytest.fixture(scope="module")
def site() -> Snapshot:
    """The account of a plain site, with one refusal and with costs."""
    answers = {**plain_site(), **COSTS, ("ecs", "ListClusters"): Refusal("AccessDeniedException")}
    return assess(answers, domain=DOMAIN, costs=True)[0]


@pytest.fixture(scope="module")
def built(site: Snapshot) -> dict[str, Any]:
    return report.build(site, truncated=("logs DescribeLogGroups: only the first 3000 were read",))


# -- the object --------------------------------------------------------------------------------------


def test_every_check_is_told_exactly_once(built: dict[str, Any]) -> None:
    found = {one["check"] for one in built["findings"]}
    passed = {one["check"] for one in built["passed"]}
    unread = {one["check"] for one in built["not_checked"]}
    assert found | passed | unread == set(CHECKS)
    assert not found & passed
    assert not (found | passed) & unread
    assert built["summary"]["checks"] == len(CHECKS)
    assert unread == {"compute-candidates"}


def test_the_summary_counts_what_is_listed(built: dict[str, Any]) -> None:
    for severity in SEVERITIES:
        assert built["summary"][severity] == sum(f["severity"] == severity for f in built["findings"])
    assert built["summary"]["high"] == 3
    assert report.has_high(built)
    order = [SEVERITIES.index(finding["severity"]) for finding in built["findings"]]
    assert order == sorted(order)


def test_a_sound_account_has_nothing_high() -> None:
    built = report.build(assess(healthy())[0])
    assert built["findings"] == []
    assert not report.has_high(built)


def leaves(value: Any, path: str = "") -> set[tuple[str, str]]:
    """(dotted path, JSON type) of everything in an object; ``[]`` stands for any element."""
    if isinstance(value, dict):
        return {leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}".lstrip("."))}
    if isinstance(value, list):
        inner = {leaf for one in value for leaf in leaves(one, f"{path}[]")}
        return inner or {(f"{path}[]", "?")}
    kinds = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return {(path, kinds[type(value)])}


def test_the_documentation_lists_every_field_with_its_type(built: dict[str, Any]) -> None:
    rows = re.findall(r"^\| `([\w.\[\]]+)` \| ([a-z, ]+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {path: {kind.strip() for kind in kinds.split(",")} for path, kinds in rows}
    seen: dict[str, set[str]] = {}
    for path, kind in leaves(json.loads(json.dumps(built))):
        seen.setdefault(path, set()).add(kind)
    assert set(seen) == set(documented)
    for path, kinds in seen.items():
        assert kinds - {"?"} <= documented[path], path


def test_the_documentation_lists_every_check() -> None:
    listed = set(
        re.findall(r"^\| `([a-z0-9]+-[a-z0-9-]+)` \| ", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert listed == set(CHECKS)


def test_the_object_is_json(built: dict[str, Any]) -> None:
    assert json.loads(json.dumps(built)) == built


# -- the recommendation ------------------------------------------------------------------------------


def with_facts(site: Snapshot, **facts: Any) -> Snapshot:
    merged = {**copy.deepcopy(dict(site.facts)), **facts}
    return dataclasses.replace(site, facts=merged, unread={})


def test_lambda_is_recommended_with_what_speaks_against_it(site: Snapshot) -> None:
    found = recommend(with_facts(site, clusters=[]))
    assert found.backend == "lambda"
    lambda_, fargate, ec2 = found.options
    assert lambda_.cons[0] == "this account runs 10 functions at once until the quota is raised."
    assert lambda_.resting_usd < ec2.resting_usd < fargate.resting_usd


def test_a_backend_the_caller_may_not_bring_up_is_passed_over(site: Snapshot) -> None:
    denied = with_facts(site, clusters=[], simulation=simulated(["lambda:CreateFunction"]))
    found = recommend(denied)
    assert found.backend == "fargate"
    assert "lambda is out for now: the caller may not lambda:CreateFunction" in found.reasons


def test_what_no_backend_may_do_rules_none_out(site: Snapshot) -> None:
    found = recommend(with_facts(site, clusters=[], simulation=simulated(["cloudfront:UpdateDistribution"])))
    assert found.backend == "lambda"
    assert all(option.blockers == () for option in found.options)


def test_a_house_of_containers_with_ten_functions_gets_fargate(site: Snapshot) -> None:
    cluster = "arn:aws:ecs:us-east-1:1:cluster/main"
    found = recommend(with_facts(site, clusters=[cluster], load_balancers=[{"LoadBalancerName": "main"}]))
    assert found.backend == "fargate"
    assert found.reasons[0] == "1 ECS clusters run in this account already."


def test_a_configured_backend_is_kept(site: Snapshot) -> None:
    request = dataclasses.replace(site.request, backend="ec2", stack="prod")
    found = recommend(dataclasses.replace(with_facts(site, clusters=[]), request=request))
    assert found.backend == "ec2"
    assert found.reasons[0] == "stack 'prod' is configured for it."


# -- the checklist -----------------------------------------------------------------------------------


def test_a_plain_site_has_taken_only_the_steps_it_has_taken(site: Snapshot) -> None:
    steps = {(step.group[0], step.title): step for step in checklist(site)}
    done = {key for key, step in steps.items() if step.state == "done"}
    assert done == {
        ("2", "Permissions to deploy"),
        ("6", "Deploys site and API, checks health, rolls back"),
    }
    assert steps["4", "API keys in Secrets Manager"].evidence == "no secret orchestrator/api-key"
    assert all(step.command for step in steps.values() if step.state != "done")


def test_a_sound_account_has_taken_all_but_the_choice() -> None:
    snapshot = assess(healthy())[0]
    open_ = [step.title for step in checklist(snapshot) if step.state != "done"]
    assert open_ == ["lambda, fargate or ec2"]
    chosen = dataclasses.replace(snapshot, request=dataclasses.replace(snapshot.request, backend="lambda"))
    assert [step for step in checklist(chosen) if step.state != "done"] == []


def test_a_step_that_cannot_be_seen_is_unknown() -> None:
    answers = {**plain_site(), ("budgets", "DescribeBudgets"): Refusal("AccessDeniedException")}
    steps = {step.title: step for step in checklist(assess(answers)[0])}
    assert steps["Cost alert"].state == "unknown"
    assert steps["Cost alert"].evidence == "needs budgets:ViewBudget"


# -- the faces ---------------------------------------------------------------------------------------


class Outline(html.parser.HTMLParser):
    """Collects tags, links and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "wbr"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outline(markup: str) -> Outline:
    parser = Outline()
    parser.feed(markup)
    assert parser.open == []
    return parser


def test_the_page_is_whole_and_asks_for_nothing(built: dict[str, Any]) -> None:
    parsed = outline(page.render(built))
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "video"}
    assert not [attrs for _, attrs in parsed.tags if "src" in attrs or "onclick" in attrs]
    assert "url(" not in page.render(built)
    assert "@import" not in page.render(built)
    links = [attrs["href"] for tag, attrs in parsed.tags if tag == "a"]
    assert links
    assert all(str(link).startswith("https://docs.aws.amazon.com/") for link in links)


def test_the_page_shows_everything_that_was_found(built: dict[str, Any]) -> None:
    words = "".join(outline(page.render(built)).words)
    for finding in built["findings"]:
        for field in ("title", "resource", "evidence", "why", "mend", "command", "cost"):
            assert finding[field].replace("`", "") in words, (finding["check"], field)
    for step in built["steps"]:
        assert step["title"] in words
    assert "needs ecs:ListClusters" in words
    assert "Costs of this month so far" in words


def test_the_page_escapes_what_comes_from_the_account(built: dict[str, Any]) -> None:
    evil = copy.deepcopy(built)
    evil["domain"] = evil["findings"][0]["evidence"] = '<script>alert("x")</script>'
    evil["findings"][0]["source"] = 'https://docs.aws.amazon.com/"onclick="x'
    parsed = outline(page.render(evil))
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert not [attrs for _, attrs in parsed.tags if "onclick" in attrs]


def printed(built: dict[str, Any]) -> str:
    stream = io.StringIO()
    text.render(built, Console(file=stream, soft_wrap=True, highlight=False, emoji=False))
    return stream.getvalue()


def test_the_terminal_shows_everything_that_was_found(built: dict[str, Any]) -> None:
    shown = printed(built)
    for finding in built["findings"]:
        for field in ("title", "evidence", "mend", "command", "source"):
            assert finding[field] in shown
    assert "compute-candidates" in shown
    assert "needs ecs:ListClusters" in shown
    last = shown.strip().splitlines()[-1]
    assert last.startswith("3 high, ")
    assert f"{built['calls']} calls in" in last


def test_every_printed_command_names_its_stack(site: Snapshot, built: dict[str, Any]) -> None:
    # Without one Pulumi asks, and `ops adopt` refuses.
    web = dataclasses.replace(site, request=dataclasses.replace(site.request, stack="web"))
    for report_, stack in ((built, "prod"), (report.build(web), "web")):
        shown = [printed(report_), "".join(outline(page.render(report_)).words)]
        commands = [
            line for text_ in shown for line in re.findall(r"(?:ops adopt --s|pulumi config set) ?.*", text_)
        ]
        assert len(commands) > 10
        assert all(f"tack {stack}" in line for line in commands), commands


def test_markup_in_the_account_is_printed_as_it_stands(built: dict[str, Any]) -> None:
    odd = copy.deepcopy(built)
    odd["findings"][0]["evidence"] = "[bold]x[/] off: [a]"
    assert "[bold]x[/] off: [a]" in printed(odd)
