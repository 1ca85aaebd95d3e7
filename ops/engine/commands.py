"""``preview``, ``up``, ``refresh`` and ``destroy``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from ops import console
from ops.engine.credentials import aws_credentials, pulumi_backend
from ops.engine.paths import ROOT
from ops.errors import UsageError

_EPILOG = {
    "preview": """\
With AWS credentials and a Pulumi login the stack in its backend is compared with the program; the
stack must exist there (`pulumi stack init`), and nothing is written: no state, no file, no selection.
Without either, or with --offline, the real engine runs with stand-in providers and an empty state:
every input is checked against the types of the installed SDK, nothing is asked of AWS, nothing is kept.

`make preview` shows prod, the whole architecture; STACK=dev the stack that is the default here.

Exit codes: 0 the plan is sound; 1 the program or an input is wrong, or a mandatory guardrail
objects; 2 the configuration or the options are wrong.

examples:
  python -m ops preview
  python -m ops preview --stack prod --set domain=yourdomain.com
  python -m ops preview --set apiBackend=fargate --json plan.json
""",
    "up": """\
Shows the changes, asks, and brings the stack up. Needs AWS credentials and a Pulumi login
(`pulumi login`, or PULUMI_BACKEND_URL). A stack that the backend does not have yet is made after
a question, or with --yes; its Pulumi.<stack>.yaml then holds the key of its secrets: commit it.
A plan to which a mandatory guardrail objects is not carried out.

Exit codes: 0 done, or you said no; 1 the plan or the run failed, or a guardrail objects; 2 the
configuration, the options or a login is wrong.

examples:
  python -m ops up --stack prod
  python -m ops up --yes
""",
    "refresh": """\
Asks AWS for every resource of the stack and writes what it finds into the stack's state, so that
the next plan shows what was changed by hand. Changes nothing in AWS. Needs AWS credentials, a
Pulumi login and a stack that exists.

Exit codes: 0 done, or you said no; 1 it failed; 2 the configuration, the options or a login is wrong.
""",
    "destroy": """\
Removes every resource of the stack from AWS, after a question. If any of them is protected (data in
prod), nothing at all is removed: the command names them and says what to do. Needs AWS credentials,
a Pulumi login and a stack that exists.

Exit codes: 0 done, or you said no; 1 it failed, or something is protected; 2 the configuration, the
options or a login is wrong.
""",
}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """The options of one of the four commands."""
    parser.epilog = _EPILOG[command]
    parser.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml (default: dev)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="configuration for this run only, such as apiBackend=fargate; may be repeated",
    )
    if command == "preview":
        parser.add_argument(
            "--offline", action="store_true", help="ask nothing of AWS, even with credentials"
        )
        parser.add_argument(
            "--json", metavar="FILE", help="write the plan as JSON; - is stdout, and nothing else then"
        )
    else:
        parser.add_argument(
            "--yes", action="store_true", help="do not ask; needed where there is no terminal"
        )


def run(args: argparse.Namespace) -> int:
    """Runs the command; its exit code."""
    from ops.engine.scratch import parse_overrides

    overrides = parse_overrides(args.overrides)
    if args.command == "preview":
        from ops.engine.previewing import preview

        offline, why = _offline(args.offline)
        if why:
            console.warn(why)
        return preview(stack=args.stack, overrides=overrides, offline=offline, json_file=args.json, root=ROOT)
    from ops.stackfiles import require_stack

    require_stack(ROOT, args.stack)
    if not aws_credentials():
        raise UsageError(refusal(args.command, args.stack))
    if not pulumi_backend(ROOT):
        from ops.engine.failures import NOT_LOGGED_IN

        raise UsageError(f"`{args.command}`: {NOT_LOGGED_IN}")
    from ops.engine.applying import apply

    return apply(args.command, stack=args.stack, overrides=overrides, yes=args.yes, root=ROOT)


def _offline(asked: bool) -> tuple[bool, str]:
    """Whether a preview is offline, and what to say when that may not be what was expected."""
    if asked or not aws_credentials():
        return True, ""
    if pulumi_backend(ROOT):
        return False, ""
    return True, (
        "there are AWS credentials but no Pulumi login, so this plan is offline and compares with nothing. "
        "To compare with what runs: `pulumi login s3://YOUR-STATE-BUCKET`, or set PULUMI_BACKEND_URL."
    )


def refusal(command: str, stack: str) -> str:
    """Why a command that changes AWS does not run without credentials, and what to do."""
    return (
        f"`{command}` works on AWS and needs credentials, and there are none: not in the environment, no "
        "profile in ~/.aws, no role of a container or instance.\n"
        "Sign in, for example with `aws sso login` or AWS_PROFILE=NAME, and run it again.\n"
        f"To see the plan without an account: python -m ops preview --stack {stack}"
    )


@contextlib.contextmanager
def json_target(file: str | None) -> Iterator[None]:
    """Checks before a long run that the file of ``--json`` can be written.

    Raises:
        UsageError: it cannot.
    """
    if file and file != "-":
        folder = Path(file).resolve().parent
        if not folder.is_dir():
            raise UsageError(f"--json {file}: the folder {folder} does not exist")
        if Path(file).is_dir():
            raise UsageError(f"--json {file} is a folder")
    yield


def write_json(file: str, document: dict[str, object]) -> None:
    """Writes a document to a file or, for ``-``, to stdout."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"
    if file == "-":
        sys.stdout.write(text)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as problem:
        raise UsageError(f"--json {file}: {problem.strerror}") from None
