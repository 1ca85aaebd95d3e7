"""The frame of the command line: commands, help, exit codes, errors without tracebacks."""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import subprocess
import sys
from types import ModuleType

import pytest

from ops.cli import registry
from ops.cli.app import build_parser, main
from ops.cli.registry import COMMANDS, Command, available
from ops.engine.paths import ROOT
from ops.errors import OpsError, UsageError, did_you_mean

CONTRACT = [
    "preview",
    "up",
    "refresh",
    "destroy",
    "deploy",
    "releases",
    "rollback",
    "check",
    "adopt",
    "keys",
    "artifact",
    "cost",
    "diagram",
    "dev",
    "bench",
]


def ops(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments],
        cwd=ROOT,
        env={**clean, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command `try` whose module is made here; its `run` is set by the test."""
    module = ModuleType("ops_test_command")
    module.add_arguments = lambda parser: parser.add_argument("--number", type=int)  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "ops_test_command", module)
    commands = {"try": Command("ops_test_command", "tries")}
    monkeypatch.setattr("ops.cli.app.available", lambda: commands)
    return module


def raising(problem: BaseException) -> object:
    def run(args: argparse.Namespace) -> int:
        raise problem

    return run


def test_the_registry_is_the_contract() -> None:
    assert list(COMMANDS) == CONTRACT
    assert set(available()) <= set(CONTRACT)
    assert {"preview", "up", "refresh", "destroy", "artifact"} <= set(available())


def test_a_command_without_its_module_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        registry, "COMMANDS", {"here": Command("ops.errors", ""), "gone": Command("ops.gone.cli", "")}
    )
    assert list(available()) == ["here"]


def test_help_lists_the_commands_and_is_quick() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = ops("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert listed == list(available())
    assert seconds < 1  # of a processor; 0.04 s by itself, 0.4 s with all that it must not import


def test_help_imports_neither_pulumi_nor_rich() -> None:
    code = (
        "import sys; from ops.cli import main; main(['--help'])\n"
        "print(sorted({'pulumi', 'rich', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", ["preview", "up", "refresh", "destroy"])
def test_each_command_has_a_manual(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: python -m ops {name} " in out
    assert "--stack" in out
    assert ("--yes" in out) is (name != "preview")


@pytest.mark.parametrize("name", CONTRACT)
def test_every_option_of_every_command_is_explained(name: str) -> None:
    parser = build_parser(name, COMMANDS[name], importlib.import_module(COMMANDS[name].module))
    assert parser.epilog, "the manual says more than the list of options"
    silent = [action.dest for action in parser._actions if not action.help and not action.choices]
    assert silent == []
    asked = [action.help for action in parser._actions if "--yes" in action.option_strings]
    assert asked in ([], ["do not ask; needed where there is no terminal"])
    # What one line cannot say is said below in lines that fit a terminal.
    assert max(map(len, parser.epilog.splitlines())) <= 110


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prevew"], "there is no command 'prevew' (did you mean 'preview'?); the commands are: preview, up"),
        (["--stack"], "there is no option '--stack'"),
    ],
)
def test_an_unknown_command_is_told_with_the_nearest(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problem", "code", "message"),
    [
        (OpsError("it failed"), 1, "error: it failed\n"),
        (UsageError("wrong"), 2, "error: wrong\n"),
        (OpsError("special", exit_code=7), 7, "error: special\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (
            ZeroDivisionError("x"),
            1,
            "error: ZeroDivisionError: x\nThis is a fault of the tool; OPS_DEBUG=1 shows",
        ),
    ],
)
def test_every_end_has_its_code_and_no_traceback(
    command: ModuleType, problem: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command.run = raising(problem)  # pyright: ignore[reportAttributeAccessIssue]
    assert main(["try"]) == code
    err = capsys.readouterr().err
    assert err.startswith(message)
    assert "Traceback" not in err


def test_what_breaks_under_an_interrupt_is_an_interrupt(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    class Lock:
        """As the interpreter's own lock, when Ctrl-C comes between taking and leaving it."""

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            raise RuntimeError("release unlocked lock")

    def interrupted(args: argparse.Namespace) -> int:
        with Lock():
            raise KeyboardInterrupt

    command.run = interrupted  # pyright: ignore[reportAttributeAccessIssue]
    assert main(["try"]) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_debugging_shows_where(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPS_DEBUG", "1")
    command.run = raising(ValueError("x"))  # pyright: ignore[reportAttributeAccessIssue]
    assert main(["try"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_options_reach_the_command(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    command.run = lambda args: args.number + (args.command == "try")  # pyright: ignore[reportAttributeAccessIssue]
    assert main(["try", "--number", "4"]) == 5
    with pytest.raises(SystemExit) as ended:
        main(["try", "--num", "4"])  # no abbreviations
    assert ended.value.code == 2
    assert "unrecognized arguments" in capsys.readouterr().err


def test_a_module_of_several_commands_is_told_which(command: ModuleType) -> None:
    seen: list[str] = []
    command.add_arguments = lambda parser, name: seen.append(name)  # pyright: ignore[reportAttributeAccessIssue]
    command.run = lambda args: 0  # pyright: ignore[reportAttributeAccessIssue]
    assert main(["try"]) == 0
    assert seen == ["try"]


@pytest.mark.parametrize("name", ["up", "refresh", "destroy"])
def test_nothing_that_changes_aws_runs_without_credentials(name: str) -> None:
    done = ops(name, "--yes")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"`{name}` works on AWS and needs credentials, and there are none" in done.stderr
    assert "python -m ops preview --stack dev" in done.stderr


def test_a_missing_yes_without_a_terminal_is_wrong_usage() -> None:
    signed_in = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "PULUMI_BACKEND_URL": "file:///x"}
    done = ops("destroy", **signed_in)
    assert done.returncode == 2
    assert "there is no terminal to ask on: add --yes" in done.stderr


@pytest.mark.parametrize("name", ["preview", "up"])
def test_an_unknown_stack_is_told_with_those_there_are(name: str) -> None:
    done = ops(name, "--stack", "prd")
    assert done.returncode == 2
    assert "there is no stack 'prd': did you mean 'prod'" in done.stderr
    assert "dev, prod" in done.stderr


def test_a_wrong_override_is_told_before_anything_runs() -> None:
    done = ops("preview", "--set", "apiBackend")
    assert done.returncode == 2
    assert "--set takes KEY=VALUE" in done.stderr


def test_a_json_file_that_cannot_be_written_is_told_before_anything_runs() -> None:
    done = ops("preview", "--json", "/nowhere/plan.json")
    assert done.returncode == 2
    assert "the folder /nowhere does not exist" in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    done = subprocess.run(
        f"{sys.executable} -m ops --help | head -0",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [("prevew", " (did you mean 'preview'?)"), ("PREVIEW", " (did you mean 'preview'?)"), ("zzz", "")],
)
def test_the_nearest_name(wrong: str, hint: str) -> None:
    assert did_you_mean(wrong, ["preview", "up"]) == hint
