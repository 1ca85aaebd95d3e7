"""``ops check`` and ``ops adopt``: each in a module of its own, imported when it runs."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Options of ``check`` or ``adopt``."""
    target = parser.add_argument_group("what is assessed" if name == "check" else "what is adopted")
    target.add_argument("--domain", default="", help="apex, such as example.com; the rest is found")
    target.add_argument("--bucket", default="", help="bucket of the site")
    target.add_argument("--distribution-id", default="", metavar="ID", help="CloudFront distribution")
    target.add_argument(
        "--stack",
        default="",
        help=(
            "take domain, names, models and Region from this stack's file"
            if name == "check"
            else "the stack that takes the site over (required); domain and Region come from its file"
        ),
    )
    access = parser.add_argument_group("access")
    access.add_argument("--region", default="", help="home Region (default: the stack's, else us-east-1)")
    access.add_argument("--profile", default="", help="profile of the shared AWS configuration")
    access.add_argument("--endpoint-url", default="", metavar="URL", help="replaces every AWS endpoint")
    if name == "check":
        from ops.assess import check_command

        check_command.add_arguments(parser)
    else:
        from ops.assess import adopt_command

        adopt_command.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Runs the command; see the two modules for exit codes and errors."""
    if args.command == "check":
        from ops.assess import check_command

        return check_command.run(args)
    from ops.assess import adopt_command

    return adopt_command.run(args)
