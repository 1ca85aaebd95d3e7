"""Which cache behavior a path belongs to, and which name of the distribution a host.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesCacheBehavior.html#DownloadDistValuesPathPattern
"""

from __future__ import annotations

import re
from functools import lru_cache

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """A path pattern as a regular expression: ``*`` any characters, ``?`` exactly one, all else itself.

    A pattern means the same with and without a slash at its start.
    """
    if not pattern.startswith(("/", "*")):
        pattern = "/" + pattern
    parts = ["[\\s\\S]*" if c == "*" else "[\\s\\S]" if c == "?" else re.escape(c) for c in pattern]
    return re.compile("".join(parts))


def matches(pattern: str, path: str) -> bool:
    """Whether a normalized path matches a pattern; upper and lower case differ."""
    return compiled(pattern).fullmatch(path) is not None


def normalized(path: str) -> str:
    """The path that patterns are compared with; the origin gets the path as it came.

    "CloudFront normalizes URI paths consistent with RFC 3986": escapes of unreserved characters are
    undone, the others written in capitals, repeated slashes and dot segments taken out.
    """
    if "%" not in path and "//" not in path and "/." not in path:
        return path
    path = re.sub(r"%([0-9A-Fa-f]{2})", _escape, path)
    path = re.sub(r"/{2,}", "/", path)
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
            continue
        if last:
            kept.append("")
    return "/" + "/".join(kept)


def _escape(match: re.Match[str]) -> str:
    character = chr(int(match.group(1), 16))
    return character if character in _UNRESERVED else match.group(0).upper()


def host_of(value: str | None) -> str:
    """A Host header without port and final dot, in lower case."""
    host = re.sub(r":[0-9]*$", "", (value or "").strip().lower())
    return host.removesuffix(".")


LOCAL = ("localhost", "127.0.0.1", "[::1]")


def name_for(host: str, names: tuple[str, ...]) -> tuple[str, bool]:
    """The name of the distribution that a request asks for.

    A browser on this machine reaches each name: ``www.example.com.localhost`` is the loopback address
    there (RFC 6761) and stands for ``www.example.com``; ``localhost`` stands for the first name.

    Args:
        host: of the request, see ``host_of``.
        names: the distribution's names, the one that ``localhost`` stands for first.

    Returns:
        The name ("" when the distribution has no such name) and whether it was asked for by a local host.
    """
    if host in LOCAL or host == "":
        return names[0], True
    local = host.endswith(".localhost")
    bare = host.removesuffix(".localhost")
    for name in names:
        if name == bare or (
            name.startswith("*.") and bare.endswith(name[1:]) and bare.count(".") == name.count(".")
        ):
            return bare, local
    return "", local
