"""``deploy``, ``releases`` and ``rollback``: from options to exit code."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ops.collector import collector_at_rest
from ops.deploy.options import Options, as_message, read_options
from ops.deploy.options import add_arguments as add_command_arguments
from ops.deploy.runlog import RunLog
from ops.deploy.ui import Ui, terminate_as_interrupt
from ops.errors import INTERRUPTED, OpsError, UsageError

NAMES = ("deploy", "releases", "rollback")


def add_arguments(parser: argparse.ArgumentParser, command: str = "deploy") -> None:
    """The options of a command."""
    add_command_arguments(parser, command)


def run(args: argparse.Namespace) -> int:
    """Runs the command ``args.command`` names."""
    command = getattr(args, "command", "deploy")
    options, problems = read_options(args, command)
    log = RunLog(Path(options.log_dir), command)
    ui = Ui(log)
    began = time.monotonic()
    log.write("begin", command=command, options=_loggable(options))
    code = 1
    try:
        if problems:
            raise UsageError(as_message(problems))
        _must_be_asked(options)
        with collector_at_rest(), terminate_as_interrupt():
            code = _command(command)(options, ui, log)
    except OpsError as failure:
        code = failure.exit_code
        log.write("failed", message=failure.message, exit_code=code)
        raise
    except KeyboardInterrupt:
        code = INTERRUPTED
        log.write("interrupted")
        raise
    except BaseException as failure:
        log.write("failed", message=f"{type(failure).__name__}: {failure}", exit_code=code)
        raise
    finally:
        log.write("end", exit_code=code, seconds=round(time.monotonic() - began, 3))
        log.close()
    return code


def _command(name: str) -> Callable[[Options, Ui, RunLog], int]:
    from ops.deploy import commands

    return {"deploy": commands.deploy, "releases": commands.releases, "rollback": commands.rollback}[name]


def _must_be_asked(options: Options) -> None:
    if options.command == "releases" or options.yes or options.dry_run:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"`{options.command}` asks before it starts, and there is no terminal to ask on: add --yes"
        )


def _loggable(options: Options) -> dict[str, object]:
    fields = {**options.__dict__, "overrides": [override.glob for override in options.overrides]}
    return {name: value for name, value in fields.items() if value not in ("", (), None, False)}


def who() -> str:
    """Whom the lock names: user, host and process."""
    import socket

    user = os.environ.get("GITHUB_ACTOR") or os.environ.get("USER") or os.environ.get("LOGNAME") or "somebody"
    return f"{user} on {socket.gethostname()}, process {os.getpid()}"


def main() -> NoReturn:
    """``python -m ops.deploy.cli deploy …``: the same commands without the frame."""
    from ops.cli import main as frame

    sys.exit(frame(sys.argv[1:]))


if __name__ == "__main__":
    main()
