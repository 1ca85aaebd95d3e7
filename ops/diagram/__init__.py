"""``ops diagram``: the architecture of a stack as its plan knows it, as one self-contained SVG."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ops.diagram.draw import draw
from ops.diagram.facts import picture
from ops.errors import OpsError
from ops.plan import Plan

_EPILOG = """\
The labels are the values the stack plans, by a rehearsal in this process; nothing is asked of AWS.
The picture follows the reader's light or dark setting.

examples:
  python -m ops diagram -o architecture.svg
  python -m ops diagram --stack prod --set domain=yourdomain.com --set apiBackend=fargate -o fargate.svg
"""


def svg(plan: Plan) -> str:
    """The picture of a plan.

    Raises:
        OpsError: there is nothing to draw.
    """
    try:
        return draw(picture(plan))
    except ValueError as problem:
        raise OpsError(f"stack {plan.stack}: {problem}") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.epilog = _EPILOG
    parser.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml (default: dev)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="configuration for this run only, such as apiBackend=fargate; may be repeated",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.svg", help="where to; default: stdout")


def run(args: argparse.Namespace) -> int:
    """Draws the stack."""
    from ops.console import say
    from ops.cost.cli import planned, warn_encrypted
    from ops.engine.scratch import parse_overrides

    overrides = parse_overrides(args.overrides)
    warn_encrypted(args.stack, overrides)
    content = svg(planned(args.stack, overrides))
    if args.output is None:
        sys.stdout.write(content)
        return 0
    try:
        args.output.write_text(content, "utf-8")
    except OSError as problem:
        raise OpsError(f"{args.output} cannot be written: {problem.strerror or problem}") from None
    say(f"wrote {args.output}")
    return 0
