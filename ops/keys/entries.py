"""The list of keys in the secret: what adding, rotating and revoking make of it. No AWS, no clock of its own.

An entry is ``{"name", "key", "rpm"?, "daily_usd"?, "expires_at"?, "created_at"?}``; fields this
program does not know are kept. Entries of one name are generations of one key, the newest first.
The secret holds the keys themselves, not digests: rotation on schedule makes keys nobody is there to
be shown, and their owners read them from the secret. The API keeps digests only.
"""

from __future__ import annotations

import json
import secrets
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from api_handler.auth import moment, parse_keys
from ops.errors import UsageError, did_you_mean

Entry = dict[str, Any]

NAME_LIMIT = 64
"""Characters of a name, as ``api_handler.auth`` has it."""

VALUE_LIMIT = 65_536
"""Bytes of a secret's value (Secrets Manager User Guide, quotas)."""

HINT_FROM = 24
"""Only of a key at least this long the last four characters are shown: 20 remain unknown."""


def read(text: str) -> list[Entry]:
    """The entries of a secret's value.

    Raises:
        ValueError: it holds no list of keys; no value is quoted.
    """
    parse_keys(text, strict=False)
    return json.loads(text)


def write(entries: Sequence[Entry]) -> str:
    """The secret's value.

    Raises:
        UsageError: it is too long for a secret.
        ValueError: the API could not read it (a fault of this program).
    """
    text = json.dumps(entries)
    parse_keys(text, strict=False)
    if len(text.encode()) > VALUE_LIMIT:
        raise UsageError(
            f"the secret would hold {len(text.encode())} bytes, and {VALUE_LIMIT} is the most: revoke keys "
            "that nobody uses (`keys list`)"
        )
    return text


def new_key() -> str:
    """43 random characters, 256 bits, as rotation makes them; no dash in front, which reads as an option."""
    while (key := secrets.token_urlsafe(32)).startswith("-"):
        pass
    return key


def checked_name(name: str) -> str:
    """The name in its composed form, so that what looks the same is the same.

    Raises:
        UsageError: it cannot be a name.
    """
    composed = unicodedata.normalize("NFC", name)
    if not composed or len(composed) > NAME_LIMIT or not composed.isprintable():
        printable = "" if composed.isprintable() else ", not all of them printable"
        raise UsageError(
            f"the name {composed[:80]!r} has {len(composed)} characters{printable}; allowed: 1 to "
            f"{NAME_LIMIT} printable characters, such as laptop or team-billing"
        )
    if composed != composed.strip():
        raise UsageError(
            f"the name {composed!r} begins or ends with a space; meant is probably {composed.strip()!r}"
        )
    return composed


def find(entries: Sequence[Entry], name: str) -> str:
    """The name as the secret has it.

    Raises:
        UsageError: there is no such name.
    """
    names = list(dict.fromkeys(str(entry["name"]) for entry in entries))
    if name in names:
        return name
    wanted = unicodedata.normalize("NFC", name)
    for known in names:
        if unicodedata.normalize("NFC", known) == wanted:
            return known
    listed = ", ".join(repr(known) for known in names[:20]) or "none"
    raise UsageError(
        f"there is no key named {name!r}{did_you_mean(name, names)}; the names are: {listed}"
        f"{' and more' if len(names) > 20 else ''} (`keys add NAME` makes one)"
    )


def add(
    entries: Sequence[Entry], name: str, key: str, now: datetime, *, fields: Mapping[str, Any]
) -> list[Entry]:
    """The entries with a key of a new name at their end.

    Args:
        entries: the present ones.
        name: a checked name.
        key: the new key.
        now: the present time.
        fields: limits and end; None is left out.

    Raises:
        UsageError: the name, or one that differs in case only, is taken.
    """
    for entry in entries:
        known = str(entry["name"])
        if _folded(known) == _folded(name):
            same = "" if known == name else f" (as {known!r}; names that look alike get mixed up)"
            raise UsageError(
                f"there is a key named {name!r} already{same}: `keys rotate {shlex.quote(known)}` gives it a "
                "new key; somebody else gets another name"
            )
    kept = {field: value for field, value in fields.items() if value is not None}
    return [*entries, {"name": name, "key": key, **kept, "created_at": stamp(now)}]


def rotate(
    entries: Sequence[Entry],
    name: str,
    key: str,
    now: datetime,
    *,
    grace: timedelta,
    fields: Mapping[str, Any],
) -> list[Entry]:
    """The entries with a new generation of a name before its others, which end with the grace time.

    Args:
        entries: the present ones.
        name: a name that is there.
        key: the new key.
        now: the present time.
        grace: how long the valid generations stay valid; one that ends sooner does so still.
        fields: what changes: limits for all generations, the end for the new one; None takes it away.

    Raises:
        UsageError: every generation has ended and no new end is given.
    """
    mine = [entry for entry in entries if entry["name"] == name]
    living = [entry for entry in mine if ends_after(entry, now)]
    if not living and "expires_at" not in fields:
        raise UsageError(
            f"the key {name!r} ended at {mine[0]['expires_at']}: say when the new one ends, with "
            "--expires 30d or --expires never"
        )
    limits = {field: value for field, value in fields.items() if field != "expires_at"}
    newest = _with({**(living or mine)[0], "key": key, "created_at": stamp(now)}, fields)
    end = now + grace
    before = [
        _with(entry, {**limits, "expires_at": stamp(end) if ends_after(entry, end) else entry["expires_at"]})
        for entry in (living if grace else [])
    ]
    at = next(index for index, entry in enumerate(entries) if entry["name"] == name)
    rest_before = [entry for entry in entries[:at] if entry["name"] != name]
    rest_after = [entry for entry in entries[at:] if entry["name"] != name]
    return [*rest_before, newest, *before, *rest_after]


def revoke(entries: Sequence[Entry], name: str, now: datetime, *, force: bool) -> list[Entry]:
    """The entries without a name.

    Raises:
        UsageError: no valid key would be left, and ``force`` is not set.
    """
    left = [entry for entry in entries if entry["name"] != name]
    if not force and not any(ends_after(entry, now) for entry in left):
        raise UsageError(
            f"{name!r} is the last valid key: without it nobody can use the API. Add another one first "
            "(`keys add NAME`), or say --force"
        )
    return left


def ends_after(entry: Entry, when: datetime) -> bool:
    """Whether an entry ends later than that, or never."""
    end = entry.get("expires_at")
    return end is None or moment(end) > when


def stamp(when: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def hint(key: str) -> str:
    """The last four characters of a long key; "" of one that would be given away by them."""
    return key[-4:] if len(key) >= HINT_FROM else ""


def described(entries: Sequence[Entry], now: datetime) -> list[dict[str, Any]]:
    """What may be shown of each entry, in the secret's order; never a key.

    ``status``: ``active`` the generation to use, ``previous`` an older one that is valid still, ``expired``.
    """
    seen: set[str] = set()
    result: list[dict[str, Any]] = []
    for entry in entries:
        name = str(entry["name"])
        status = "expired"
        if ends_after(entry, now):
            status = "previous" if name in seen else "active"
            seen.add(name)
        created = entry.get("created_at")
        result.append(
            {
                "name": name,
                "ends_with": hint(str(entry["key"])),
                "status": status,
                "created_at": created if isinstance(created, str) else None,
                "expires_at": entry.get("expires_at"),
                "rpm": entry.get("rpm"),
                "daily_usd": entry.get("daily_usd"),
            }
        )
    return result


def _with(entry: Entry, fields: Mapping[str, Any]) -> Entry:
    merged = {**entry, **fields}
    return {field: value for field, value in merged.items() if value is not None or field not in fields}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
