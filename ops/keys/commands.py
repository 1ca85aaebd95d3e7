"""Runs one action of ``ops keys`` and prints what came of it; the key alone on stdout, all else on stderr."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ops import console
from ops.engine.credentials import aws_credentials
from ops.engine.paths import ROOT
from ops.errors import OpsError, UsageError
from ops.keys import entries as keys
from ops.keys import options
from ops.keys.entries import Entry
from ops.keys.refusals import no_credentials
from ops.keys.vault import Changed, Vault

REFUSED_AFTER_S = 60
"""How long the API uses what it has read (``api_handler.auth.Secret``)."""


def run(args: argparse.Namespace) -> int:
    """Runs ``add``, ``list``, ``rotate`` or ``revoke``."""
    action = {"add": _add, "list": _list, "rotate": _rotate, "revoke": _revoke}[args.action]
    return action(args, datetime.now(UTC))


def _add(args: argparse.Namespace, now: datetime) -> int:
    name = keys.checked_name(args.name)
    fields = options.fields(args, now)
    key = keys.new_key()
    changed = vault_of(args).change(
        lambda present: keys.add(present, name, key, now, fields=fields), lambda after: _has(after, name, key)
    )
    return _show_key(args, name, key, now, changed, f"{name!r} is added; the key works within ten seconds")


def _rotate(args: argparse.Namespace, now: datetime) -> int:
    grace = options.span("--grace", args.grace)
    fields = options.fields(args, now)
    vault = vault_of(args)
    name = keys.find(vault.read().entries, args.name)
    if not grace:
        _confirm(args, f"Give {name!r} a new key and refuse the one before within a minute?")
    key = keys.new_key()
    changed = vault.change(
        lambda present: keys.rotate(present, keys.find(present, name), key, now, grace=grace, fields=fields),
        lambda after: _has(after, name, key),
    )
    ends = [one["expires_at"] for one in _shown(changed.entries, name, now) if one["status"] == "previous"]
    before = (
        f"the one before is valid until {max(ends)}" if ends else "the one before is refused within a minute"
    )
    return _show_key(
        args, name, key, now, changed, f"{name!r} is rotated; the new key works within ten seconds, {before}"
    )


def _revoke(args: argparse.Namespace, now: datetime) -> int:
    vault = vault_of(args)
    present = vault.read().entries
    name = keys.find(present, args.name)
    keys.revoke(present, name, now, force=args.force)  # refuse before asking
    count = sum(entry["name"] == name for entry in present)
    _confirm(args, f"Revoke {name!r} ({count} key{'s' if count > 1 else ''})? Whoever uses it gets 401.")
    changed = vault.change(
        lambda present: keys.revoke(present, keys.find(present, name), now, force=args.force),
        lambda after: all(entry["name"] != name for entry in after),
    )
    if args.json:
        _print_json({"secret": changed.arn, "name": name, "revoked": count, "verified": changed.seen})
    console.say(f"{name!r} is revoked; the API refuses it within {REFUSED_AFTER_S} seconds.")
    return _remarks(changed, "run it again if `keys list` shows it")


def _list(args: argparse.Namespace, now: datetime) -> int:
    present = vault_of(args).read()
    shown = keys.described(present.entries, now)
    if args.json:
        _print_json({"secret": present.arn, "keys": shown})
        return 0
    console.say(f"{present.arn}: {len({one['name'] for one in shown})} names, {len(shown)} keys")
    if not shown:
        console.note(f"the API has no keys: python -m ops keys add NAME --stack {args.stack}")
        return 0
    _table(shown)
    return 0


def vault_of(args: argparse.Namespace) -> Vault:
    """The secret of the stack.

    Raises:
        UsageError: no such stack or profile, no credentials, an endpoint that is no URL.
    """
    from ops.stackfiles import effective_config, secret_prefix

    config = effective_config(ROOT, args.stack, {})
    if not args.profile and not aws_credentials():
        raise UsageError(no_credentials("not in the environment, no profile in ~/.aws, no role"))
    prefix = secret_prefix(config, args.stack)
    return Vault(_client(args, config), f"{prefix}/api-key", stack=args.stack)


def _client(args: argparse.Namespace, config: Mapping[str, str]) -> Any:
    from boto3 import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ProfileNotFound

    try:
        session = Session(profile_name=args.profile or None)
    except ProfileNotFound as failure:
        raise UsageError(f"{failure}; the profiles there are: aws configure list-profiles") from None
    region = args.region or config.get("aws:region", "") or session.region_name or "us-east-1"
    endpoint = args.endpoint_url or os.environ.get("AWS_ENDPOINT_URL") or None
    try:
        return session.client(
            "secretsmanager",
            region_name=region,
            endpoint_url=endpoint,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 6},
                connect_timeout=5,
                read_timeout=20,
                user_agent_extra="orchestrator-keys",
            ),
        )
    except (ValueError, BotoCoreError) as failure:
        raise UsageError(f"--region {region} or --endpoint-url {endpoint}: {failure}") from None


def _confirm(args: argparse.Namespace, question: str) -> None:
    if args.yes:
        return
    if not console.interactive():
        raise UsageError(f"{question} There is no terminal to ask on: add --yes")
    if not console.confirm(question):
        raise OpsError("nothing was changed")


def _has(after: Sequence[Entry], name: str, key: str) -> bool:
    return any(entry["name"] == name and entry["key"] == key for entry in after)


def _shown(entries: Sequence[Entry], name: str, now: datetime) -> list[dict[str, Any]]:
    return [one for one in keys.described(entries, now) if one["name"] == name]


def _show_key(
    args: argparse.Namespace, name: str, key: str, now: datetime, changed: Changed, told: str
) -> int:
    try:
        if args.json:
            mine = _shown(changed.entries, name, now)
            new = next(one for one in mine if one["status"] == "active")
            previous = [one for one in mine if one["status"] == "previous"]
            document = {
                "secret": changed.arn,
                **new,
                "key": key,
                "previous": previous,
                "verified": changed.seen,
            }
            _print_json(document)
        else:
            print(key)
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            # Else the interpreter tries once more at its end, and complains.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OpsError(
            f"{told}, but it could not be printed: nobody has seen it. Make another one: {_again(args, name)}"
        ) from None
    console.say(f"{told}. The key is shown this once; keep it where secrets are kept.")
    return _remarks(changed, "look with `keys list` before you hand it out")


def _again(args: argparse.Namespace, name: str) -> str:
    return f"python -m ops keys rotate {shlex.quote(name)} --grace 0 --stack {args.stack}"


def _remarks(changed: Changed, mend: str) -> int:
    if changed.rotating:
        console.note(
            "a rotation on schedule is at work, or one was left half done; it gives way to this change and "
            "is made again at its next turn"
        )
    if not changed.seen:
        console.warn(f"the change was made, but could not be read back: {mend}")
    return 0 if changed.seen else 1


def _print_json(document: Mapping[str, Any]) -> None:
    print(json.dumps(document, indent=2))


def _table(shown: Sequence[Mapping[str, Any]]) -> None:
    titles = ("name", "key", "status", "created", "ends", "rpm", "usd a day")
    rows = [_cells(one) for one in shown]
    if not sys.stdout.isatty():
        widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles))]
        for row in (titles, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in ("rpm", "usd a day") else "left")
    styles = {"active": "green", "previous": "yellow", "expired": "dim"}
    for one, row in zip(shown, rows, strict=True):
        table.add_row(*(Text(cell, style=styles[one["status"]]) for cell in row))
    console.stdout().print(table)


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        one["name"],
        f"…{one['ends_with']}",
        one["status"],
        one["created_at"] or "-",
        one["expires_at"] or "-",
        "-" if one["rpm"] is None else str(one["rpm"]),
        "-" if one["daily_usd"] is None else f"{one['daily_usd']:g}",
    )
