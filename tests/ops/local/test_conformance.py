"""The table of CloudFront's documented answers against the local edge, with the real API behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.local import conformance
from ops.local.api_process import ApiProcess, environment
from ops.local.conformance import Answer, Case, Target
from tests.components.static_site.build import SECRET
from tests.ops.local.running import Local, Loop, make_site, with_domain

GUIDE, CASES = conformance.load()
KEY = "the-key-of-the-test"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("conformance")
    loop = Loop()
    env = environment(
        {}, api_keys=json.dumps([{"name": "test", "key": KEY}]), origin_verify=SECRET, origins=[],
        scripted=True, index=Path("/nonexistent"),
    )  # fmt: skip

    async def start() -> tuple[ApiProcess, str]:
        api = ApiProcess(Path(__file__).parents[3], env, lambda _: None)
        return api, await api.start()

    api, url = loop.run(start())
    local = Local(folder, with_domain(), make_site(folder / "site"), api_url=url)
    try:
        yield Target(f"http://127.0.0.1:{local.port}", "example.com", KEY, local.last)
    finally:
        local.stop()
        loop.run(api.stop())
        loop.run(asyncio.sleep(0))
        loop.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_as_documented(case: Case, target: Target) -> None:
    found = conformance.check(case, target)
    # A reader that gets no processor finds pieces together that came apart; what a buffering edge passes on
    # comes together each time.
    for _ in range(2 if "pieces" in case.expect else 0):
        if found and all("pieces" in problem for problem in found):
            found = conformance.check(case, target)
    assert found == []


def test_the_table_is_whole() -> None:
    assert len(CASES) == 55
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(case.cite and case.says.endswith(".") for case in CASES)
    assert GUIDE.startswith("https://docs.aws.amazon.com/AmazonCloudFront/")


def test_a_difference_is_seen() -> None:
    expect = {
        "status": [200], "headers": {"etag": "~^W"}, "absent": ["b"], "once": ["c"], "length": 1, "pieces": 2,
    }  # fmt: skip
    origin = {"line": "~^GET", "absent": ["a"]}
    case = Case(id="x", cite="c", says="s.", path="/", origin=origin, expect=expect)
    answer = Answer(404, [("b", "1"), ("etag", '"x"'), ("c", "1"), ("c", "2")], b"", 1)
    seen = {"origin": {"line": "POST /", "headers": [["A", "1"]]}}
    assert len(conformance.problems(case, answer, seen)) == 8
    good = Answer(200, [("etag", 'W/"x"'), ("c", "1")], b"1", 2)
    assert conformance.problems(case, good, {"origin": {"line": "GET /", "headers": []}}) == []


def test_what_cannot_be_asked_is_skipped(target: Target) -> None:
    bare = Target(target.url)
    with pytest.raises(conformance.Skipped, match="--domain"):
        bare.ask(next(case for case in CASES if case.host))
    with pytest.raises(conformance.Skipped, match="--key"):
        bare.ask(next(case for case in CASES if case.id == "streams"))


def test_the_command(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["--target", target.url]) == 0
    assert "51 as documented, 0 not, 4 skipped" in capsys.readouterr().out
