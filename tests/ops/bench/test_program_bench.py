"""The benchmark of one program run: what it measures, how it counts, what it says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from ops.bench import program
from ops.bench.program import LIMIT, Result, Sample, sample
from ops.cli import main
from ops.errors import OpsError, UsageError


def result(*pairs: tuple[float, float]) -> Result:
    def samples(values):
        return tuple(Sample(cpu_s=v, wall_s=2 * v, peak_mb=100 * v, answer={}) for v in values)

    return Result(
        stack="prod",
        resources=131,
        modules=("pulumi_aws.s3", "pulumi_aws.sqs"),
        program=samples(p for p, _ in pairs),
        floor=samples(f for _, f in pairs),
    )


def arguments(**values) -> argparse.Namespace:
    return argparse.Namespace(**{"stack": "prod", "rounds": 3, "no_write": False, **values})


def test_the_ratio_is_the_median_of_the_pairs():
    # One round on a busy machine moves neither the ratio of its pair nor the median.
    assert result((1.2, 1.0), (12.0, 10.0), (3.0, 1.0)).ratio("cpu_s") == pytest.approx(1.2)


def test_the_table_shows_medians_and_extremes():
    rows = program.table(result((1.2, 1.0), (1.5, 1.0), (1.1, 1.0))).splitlines()
    assert rows[0].startswith("| stack prod, 131 registrations |")
    assert rows[2] == "| CPU | 1.20 s | 1.00 s | 1.20 | 1.10 | 1.50 | 1.10 |"
    assert rows[4] == "| memory | 120 MB | 100 MB | 1.20 | 1.10 | 1.50 | 1.10 |"


@pytest.mark.parametrize(("ratio", "code", "verdict"), [(LIMIT, 0, "within"), (LIMIT + 0.01, 1, "above")])
def test_the_limit_decides_the_exit_code_and_stands_on_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ratio: float, code: int, verdict: str
):
    page = tmp_path / "benchmarks" / "program.md"
    monkeypatch.setattr(program, "PAGE", page)
    monkeypatch.setattr(program, "measure", lambda stack, rounds, tell: result((ratio, 1.0)))
    assert program.run(arguments()) == code
    text = page.read_text("utf-8")
    assert f"The ratio of CPU time is {verdict} the limit of 1.3." in text
    assert "pulumi_aws.s3, pulumi_aws.sqs" in text


def test_no_write_leaves_the_page_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(program, "PAGE", tmp_path / "program.md")
    monkeypatch.setattr(program, "measure", lambda stack, rounds, tell: result((1.0, 1.0)))
    assert program.run(arguments(no_write=True)) == 0
    assert not (tmp_path / "program.md").exists()


def test_rounds_alternate_and_are_paired(monkeypatch: pytest.MonkeyPatch):
    order: list[str] = []

    def fake(what, work):
        order.append(what)
        answer = {"modules": ["m"], "registrations": [["t", "n", True]]}
        return Sample(cpu_s=1, wall_s=1, peak_mb=1, answer=answer)

    monkeypatch.setattr(program, "sample", fake)
    measured = program.measure("prod", 2)
    assert order == ["program", "floor", "program", "floor", "floor", "program"]
    assert (len(measured.program), len(measured.floor), measured.resources) == (2, 2, 1)


def test_no_rounds_is_refused():
    with pytest.raises(UsageError, match="--rounds 0"):
        program.run(arguments(rounds=0))


def test_the_floor_imports_and_registers_what_it_is_told():
    work = {
        "modules": ["pulumi_aws.sqs"],
        "registrations": [["aws:sqs/queue:Queue", "q", True], ["orchestrator:index:X", "x", False]],
    }
    floor = sample("floor", work)
    assert floor.answer == {"modules": ["pulumi_aws.sqs"], "registrations": 2}
    assert floor.cpu_s > 0
    assert 20 < floor.peak_mb < 2000


def test_a_failing_process_is_told_with_its_words():
    with pytest.raises(OpsError, match=r"the floor failed:[\s\S]*no_such_module"):
        sample("floor", {"modules": ["no_such_module"], "registrations": []})


def test_modules_that_are_only_registered_do_not_count():
    __import__("pulumi_aws")
    loaded = program.loaded_modules()
    assert "pulumi_aws.workspacesweb" in sys.modules
    assert "pulumi_aws.workspacesweb" not in loaded


def test_an_unknown_stack_is_told_before_anything_is_measured(capsys: pytest.CaptureFixture[str]):
    assert main(["bench", "program", "--stack", "prd"]) == 2
    assert "error: there is no stack 'prd': did you mean 'prod'" in capsys.readouterr().err
