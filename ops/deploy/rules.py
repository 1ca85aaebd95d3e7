"""What a path of the tree is: a hashed asset, left out, refused, or a name that would be mangled.

Pure functions on relative paths with ``/`` as separator.
"""

from __future__ import annotations

import re

OWN_PREFIXES = ("_releases", "_deploy")
"""Folders at the top of the bucket that belong to the deployer."""

ERROR_PAGE = "404.html"
"""The page of the distribution's custom error response. CloudFront asks for it without running the
viewer-request function, so it lives at its plain key in either mode."""

CONFIG_FILE = "deploy.toml"

LONGEST_KEY = 1024
"""Bytes of an S3 key: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

_ROOM_FOR_PREFIX = len("_releases/") + 20 + 1

_HASH = re.compile(r"[A-Za-z0-9_]{8,}")
_WORD_AND_DATE = re.compile(r"[a-z]+[0-9]+")
_LETTER = re.compile(r"[A-Za-z]")
_DIGIT = re.compile(r"[0-9]")

_LEFT_OUT = frozenset(
    {".ds_store", "thumbs.db", "desktop.ini", "node_modules", ".svn", ".hg", ".idea", ".vscode", ".github"}
    | {
        ".gitignore",
        ".gitattributes",
        ".gitkeep",
        ".gitmodules",
        ".editorconfig",
        "__macosx",
        ".cache",
        ".deploy",
    }
)
_MARKED = frozenset(".#")
_ENDINGS = ("~", ".bak", ".orig", ".swp", ".tmp")
_EDITOR_BACKUP = re.compile(r".*~|#.*#|\.#.*|\..*\.sw[a-p]|.*\.(?:bak|orig|swp|tmp)", re.IGNORECASE)
_REFUSED_NAMES = {
    ".git": "a Git repository",
    ".aws": "AWS configuration and credentials",
    ".ssh": "SSH keys",
    ".netrc": "credentials",
    ".pgpass": "credentials",
    ".htpasswd": "password hashes",
    ".npmrc": "registry credentials",
    ".pypirc": "registry credentials",
    ".git-credentials": "credentials",
    ".terraform": "infrastructure state",
}


def is_hashed_asset(path: str) -> bool:
    """Whether the name carries a content hash, so that the file may be cached for good.

    The last ``-`` or ``.`` part of the name before the extension has at least 8 characters of
    ``[A-Za-z0-9_]`` with a digit and a letter among them, and is not lower-case letters followed
    by digits. The edge function has the same rule; ``tests/data/hashed_assets.json`` holds both to it.
    """
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    extension = name[dot + 1 :].lower()
    if dot < 1 or not extension or extension == "html":
        return False
    stem = name[:dot]
    separator = max(stem.rfind("-"), stem.rfind("."))
    if separator < 0:
        return False
    part = stem[separator + 1 :]
    return (
        _HASH.fullmatch(part) is not None
        and _DIGIT.search(part) is not None
        and _LETTER.search(part) is not None
        and _WORD_AND_DATE.fullmatch(part) is None
    )


def is_page(path: str) -> bool:
    """Whether the file is an HTML page: uploaded last in place, asked for by its folder's URL."""
    return path.lower().endswith((".html", ".htm", ".xhtml"))


def left_out(name: str) -> bool:
    """Whether a file or folder of this name is never published (and no reason to refuse the site)."""
    lower = name.lower()
    if lower in _LEFT_OUT:
        return True
    # Most names are neither: the expression is only asked about those that could be.
    return (name[:1] in _MARKED or lower.endswith(_ENDINGS)) and _EDITOR_BACKUP.fullmatch(name) is not None


def refused(name: str) -> str:
    """Why a file or folder of this name must not be in a site; "" when it may."""
    if not name.startswith("."):
        return ""
    lower = name.lower()
    if lower.startswith(".env"):
        return "settings and credentials of an environment"
    return _REFUSED_NAMES.get(lower, "")


def mangled(path: str) -> str:
    """Why S3 or CloudFront would not give this name back unchanged; "" when they do."""
    if len(path) < 200 and path.isascii() and path.isprintable() and "\\" not in path:
        return ""
    try:
        raw = path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        return "its name has a control character"
    if "\\" in path:
        return "its name has a backslash, which browsers turn into a slash"
    if len(raw) > LONGEST_KEY - _ROOM_FOR_PREFIX:
        return f"its name has {len(raw)} bytes; {LONGEST_KEY - _ROOM_FOR_PREFIX} fit into a key of a release"
    return ""


def printable(path: str) -> str:
    """The path for a message: whatever a terminal would act on is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in path)


def page_urls(path: str) -> list[str]:
    """The URL paths visitors use for a file; of a folder's index: file, folder, slashless form."""
    if path == "index.html":
        return ["/", "/index.html"]
    if path.endswith("/index.html"):
        folder = "/" + path[: -len("index.html")]
        return [f"/{path}", folder, folder[:-1]]
    return [f"/{path}"]
