"""``ops keys``: the named keys of the API, in the stack's secret.

``__init__`` holds the options only; what asks AWS is imported when the command runs.
"""

from __future__ import annotations

import argparse

_EPILOG = """\
A key is printed once, on stdout and alone, so that `API_KEY=$(python -m ops keys add laptop)` keeps it
off the screen and out of the shell's history. It works within ten seconds; a revoked one is refused
within a minute. What two people change at once is kept: neither change undoes the other.

Exit codes: 0 done; 1 AWS refused it, or the secret holds something else than keys; 2 wrong usage: no such
stack, secret or name, a name that is taken, the last key, a missing --yes.

examples:
  python -m ops keys add laptop --rpm 60 --daily-usd 5
  python -m ops keys list --stack prod
  python -m ops keys rotate laptop --grace 7d
  python -m ops keys revoke laptop --yes
"""

_ACTIONS = {
    "add": "make a key under a new name and print it",
    "list": "show names, ends and limits; never a key",
    "rotate": "make a new key for a name; the one before stays valid for a while",
    "revoke": "remove every key of a name",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The four actions and their options."""
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, text in _ACTIONS.items():
        sub = actions.add_parser(
            action, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False
        )
        if action != "list":
            sub.add_argument("name", metavar="NAME", help="who has the key: 1 to 64 printable characters")
        if action in ("add", "rotate"):
            _limits(sub, none=action == "rotate")
        if action == "rotate":
            sub.add_argument(
                "--grace",
                default="7d",
                metavar="TIME",
                help="how long the key before stays valid: 30m, 36h, 7d, 0 (default: 7d)",
            )
        if action == "revoke":
            sub.add_argument(
                "--force",
                action="store_true",
                help="also when no valid key is left: the API answers 401 or 503",
            )
        if action in ("rotate", "revoke"):
            sub.add_argument("--yes", action="store_true", help="do not ask")
        sub.add_argument("--json", action="store_true", help="print one JSON object (docs/keys.md)")
        sub.add_argument("--stack", default="dev", help="the stack: Pulumi.<stack>.yaml (default: dev)")
        access = sub.add_argument_group("access")
        access.add_argument("--region", default="", help="Region of the secret (default: the stack's)")
        access.add_argument("--profile", default="", help="profile of the shared AWS configuration")
        access.add_argument("--endpoint-url", default="", metavar="URL", help="replaces the AWS endpoint")


def _limits(parser: argparse.ArgumentParser, *, none: bool) -> None:
    off = "; none takes it away" if none else ""
    parser.add_argument("--rpm", metavar="N", help=f"requests a minute{off}")
    parser.add_argument("--daily-usd", metavar="USD", help=f"US dollars a day (UTC) for models{off}")
    parser.add_argument(
        "--expires",
        metavar="TIME",
        help="when the new key ends: 30d, 2027-01-31T00:00:00Z"
        + (", never (default: as before)" if none else " (default: never)"),
    )


def run(args: argparse.Namespace) -> int:
    """Runs one action; 0 when it is done.

    Raises:
        UsageError: what was asked cannot be done as given.
        OpsError: AWS refused it, or the secret holds no keys.
    """
    from ops.keys import commands

    return commands.run(args)
