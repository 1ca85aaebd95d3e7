"""Runs one command: 0 done, 1 it failed or found something, 2 wrong usage or configuration, 130 Ctrl-C."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from ops.cli.registry import Command, available
from ops.errors import INTERRUPTED, OpsError, UsageError, did_you_mean

PROG = "python -m ops"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and gives its exit code; no exception and no traceback leaves it.

    ``OPS_DEBUG=1`` shows tracebacks. Options of argparse (``--help``, a wrong option) end with
    SystemExit as argparse has it: 0 and 2.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except OpsError as failure:
        return _fail(failure, failure.message, failure.exit_code)
    except KeyboardInterrupt:
        _print_error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has left (`| head`); without this the interpreter complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as failure:  # the last resort: a fault of ours, still no traceback
        if _by_an_interrupt(failure):
            _print_error("interrupted")
            return INTERRUPTED
        return _fail(
            failure,
            f"{type(failure).__name__}: {failure}\nThis is a fault of the tool; OPS_DEBUG=1 shows where.",
            1,
        )


def _dispatch(arguments: list[str]) -> int:
    commands = available()
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(_overview(commands))
        return 0 if arguments else UsageError.exit_code
    name = arguments[0]
    if name not in commands:
        what = "option" if name.startswith("-") else "command"
        raise UsageError(
            f"there is no {what} {name!r}{did_you_mean(name, commands)}; "
            f"the commands are: {', '.join(commands)}"
        )
    module = importlib.import_module(commands[name].module)
    parser = build_parser(name, commands[name], module)
    return module.run(parser.parse_args(arguments[1:]))


def build_parser(name: str, command: Command, module: ModuleType) -> argparse.ArgumentParser:
    """The parser of one command, filled in by its module."""
    parser = argparse.ArgumentParser(
        prog=f"{PROG} {name}",
        description=command.help[0].upper() + command.help[1:] + ".",
        formatter_class=_HelpFormatter,
        # An abbreviated option would change its meaning when another one is added.
        allow_abbrev=False,
    )
    parser.set_defaults(command=name)
    if len(inspect.signature(module.add_arguments).parameters) > 1:
        module.add_arguments(parser, name)
    else:
        module.add_arguments(parser)
    return parser


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. argparse makes one for every option, and asks a module that costs a short run
    a fiftieth for the width."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdecimal() and int(columns) > 0 else _columns()
        super().__init__(prog, width=width - 2)


def _columns() -> int:
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 80


def _overview(commands: dict[str, Command]) -> str:
    width = max(map(len, commands), default=0)
    lines = "\n".join(f"  {name:<{width}}  {command.help}" for name, command in commands.items())
    return (
        f"usage: {PROG} COMMAND [OPTIONS]\n\ncommands:\n{lines}\n\n"
        f"`{PROG} COMMAND --help` is the manual of a command.\n"
        "Exit codes: 0 done, 1 it failed or found something, 2 wrong usage or configuration."
    )


def _fail(failure: Exception, message: str, code: int) -> int:
    if os.environ.get("OPS_DEBUG"):
        import traceback

        traceback.print_exception(failure)
    _print_error(message)
    return code


def _by_an_interrupt(failure: BaseException) -> bool:
    """Whether Ctrl-C was under way when something else failed.

    It may come between the steps of the interpreter's own ``with lock:``, which then fails with
    "release unlocked lock" on its way out (https://github.com/python/cpython/issues/118433).
    """
    seen: list[BaseException] = []
    at: BaseException | None = failure
    while at is not None and at not in seen:
        if isinstance(at, KeyboardInterrupt):
            return True
        seen.append(at)
        at = at.__context__
    return False


def _print_error(message: str) -> None:
    if sys.stderr.isatty():
        from ops import console

        console.error(message)
    else:
        print(f"error: {message}", file=sys.stderr)
