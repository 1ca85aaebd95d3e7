"""Content types and cache headers by kind of file, and the operator's overrides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ops.deploy.rules import is_hashed_asset, is_page

Headers = tuple[tuple[str, str], ...]
"""Object headers as sorted pairs: hashable, so that equal ones are stored once."""

REVALIDATE = "public, max-age=0, must-revalidate"
IMMUTABLE = "public, max-age=31536000, immutable"
ONE_HOUR = "public, max-age=3600"

# The browser keeps these by other rules than HTTP's, or acts on them for the whole site.
_ALWAYS_FRESH = frozenset({"sw.js", "service-worker.js", "robots.txt", "manifest.json", "site.webmanifest"})

_UTF8 = "; charset=utf-8"
CONTENT_TYPES: Mapping[str, str] = {
    "html": "text/html" + _UTF8, "htm": "text/html" + _UTF8, "xhtml": "application/xhtml+xml",
    "css": "text/css" + _UTF8, "js": "text/javascript" + _UTF8, "mjs": "text/javascript" + _UTF8,
    "cjs": "text/javascript" + _UTF8, "json": "application/json", "map": "application/json",
    "jsonld": "application/ld+json", "geojson": "application/geo+json", "topojson": "application/json",
    "webmanifest": "application/manifest+json", "xml": "application/xml", "xsl": "application/xslt+xml",
    "rss": "application/rss+xml", "atom": "application/atom+xml", "txt": "text/plain" + _UTF8,
    "md": "text/markdown" + _UTF8, "csv": "text/csv" + _UTF8, "tsv": "text/tab-separated-values" + _UTF8,
    "vtt": "text/vtt" + _UTF8, "ics": "text/calendar" + _UTF8, "vcf": "text/vcard" + _UTF8,
    "yaml": "application/yaml", "yml": "application/yaml", "toml": "application/toml",
    "svg": "image/svg+xml", "png": "image/png", "apng": "image/apng", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "avif": "image/avif",
    "jxl": "image/jxl", "heic": "image/heic", "bmp": "image/bmp", "tif": "image/tiff",
    "tiff": "image/tiff", "ico": "image/vnd.microsoft.icon", "cur": "image/vnd.microsoft.icon",
    "woff2": "font/woff2", "woff": "font/woff", "ttf": "font/ttf", "otf": "font/otf",
    "eot": "application/vnd.ms-fontobject", "wasm": "application/wasm", "pdf": "application/pdf",
    "epub": "application/epub+zip", "zip": "application/zip", "gz": "application/gzip",
    "tgz": "application/gzip", "br": "application/octet-stream", "bz2": "application/x-bzip2",
    "xz": "application/x-xz", "zst": "application/zstd", "7z": "application/x-7z-compressed",
    "tar": "application/x-tar", "mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm",
    "ogv": "video/ogg", "mov": "video/quicktime", "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml", "ts": "video/mp2t", "mp3": "audio/mpeg", "m4a": "audio/mp4",
    "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/opus",
    "wav": "audio/wav", "flac": "audio/flac", "weba": "audio/webm", "glb": "model/gltf-binary",
    "gltf": "model/gltf+json", "rtf": "application/rtf", "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "asc": "text/plain" + _UTF8, "sig": "application/octet-stream", "bin": "application/octet-stream",
}  # fmt: skip
"""The one table of content types by extension (IANA's names; ``text/javascript`` by RFC 9239)."""

_WHOLE_NAMES: Mapping[str, str] = {
    "apple-app-site-association": "application/json",
    "security.txt": "text/plain" + _UTF8,
    "humans.txt": "text/plain" + _UTF8,
}
UNKNOWN_TYPE = "application/octet-stream"

STORABLE = {
    name.lower(): name
    for name in (
        "Cache-Control",
        "Content-Type",
        "Content-Disposition",
        "Content-Language",
        "Content-Encoding",
    )
}
"""The headers S3 keeps with an object; ``x-amz-meta-…`` are kept too."""


@dataclass(frozen=True)
class Override:
    """Headers for the files a glob matches.

    Attributes:
        glob: ``*`` matches any characters, ``/`` too; without a ``/`` it is held against the name alone.
        headers: canonical name and value.
    """

    glob: str
    headers: Mapping[str, str]

    def matches(self, path: str) -> bool:
        """Whether the glob matches a relative path."""
        return fnmatchcase(path, self.glob) or ("/" not in self.glob and fnmatchcase(_name(path), self.glob))


@dataclass(frozen=True)
class HeaderRules:
    """Which headers each file gets: by kind, then the overrides in their order, the last one wins."""

    overrides: Sequence[Override] = ()
    _seen: dict[Headers, Headers] = field(default_factory=dict, compare=False, repr=False)
    _by_path: dict[str, Headers] = field(default_factory=dict, compare=False, repr=False)

    def headers_for(self, path: str) -> Headers:
        """The headers of one file, sorted by name."""
        found = self._by_path.get(path)
        if found is None:
            found = self._by_path[path] = self._headers_for(path)
        return found

    def _headers_for(self, path: str) -> Headers:
        found = {"Cache-Control": cache_control(path), "Content-Type": content_type(path)}
        for override in self.overrides:
            if override.matches(path):
                found.update(override.headers)
        headers = tuple(sorted(found.items()))
        return self._seen.setdefault(headers, headers)

    def unused(self, paths: Iterable[str]) -> list[str]:
        """Globs that match no file: most likely a misspelling."""
        paths = list(paths)
        return [rule.glob for rule in self.overrides if not any(rule.matches(path) for path in paths)]


def content_type(path: str) -> str:
    """The media type of a file by its name."""
    name = _name(path).lower()
    if name in _WHOLE_NAMES:
        return _WHOLE_NAMES[name]
    dot = name.rfind(".")
    return CONTENT_TYPES.get(name[dot + 1 :], UNKNOWN_TYPE) if dot >= 0 else UNKNOWN_TYPE


def cache_control(path: str) -> str:
    """How long a browser may keep a file.

    Pages are revalidated at each visit; the CDN may still keep them, since the release is part of
    its cache key.
    """
    if is_hashed_asset(path):
        return IMMUTABLE
    name = _name(path).lower()
    if is_page(path) or name in _ALWAYS_FRESH or name.endswith(".webmanifest"):
        return REVALIDATE
    return ONE_HOUR


def parse_override(text: str) -> Override:
    """``GLOB: NAME=VALUE`` of ``--header``.

    Raises:
        ValueError: with what is wrong and what is allowed.
    """
    glob, colon, rest = text.partition(":")
    name, equals, value = rest.partition("=")
    if not (colon and equals and glob.strip() and name.strip() and value.strip()):
        raise ValueError(
            f"--header {text!r} must be 'GLOB: NAME=VALUE', such as '*.pdf: "
            "Cache-Control=public, max-age=86400'"
        )
    return Override(glob.strip(), {storable_name(name.strip()): _checked_value(name.strip(), value.strip())})


def storable_name(name: str) -> str:
    """The canonical spelling of a header that S3 stores.

    Raises:
        ValueError: S3 does not store it.
    """
    lower = name.lower()
    if lower in STORABLE:
        return STORABLE[lower]
    if lower.startswith("x-amz-meta-") and len(lower) > len("x-amz-meta-"):
        return lower
    raise ValueError(
        f"header {name!r} is not kept with an S3 object; {', '.join(STORABLE.values())} and "
        "x-amz-meta-… are. "
        "Others belong into the distribution's response-headers policy"
    )


def _checked_value(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"the value of header {name!r} must be printable ASCII, not {value!r}")
    return value


def parse_config(text: str) -> tuple[list[Override], list[str], list[str]]:
    """Reads ``deploy.toml``: overrides, globs to leave out, and everything that is wrong with it.

    The file has two keys, both optional: ``exclude``, a list of globs, and ``headers``, a table
    of header names and values by glob.
    """
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        return [], [], [f"deploy.toml is not TOML: {failure}"]
    problems = [
        f"deploy.toml: there is no key {key!r}; the keys are exclude and headers"
        for key in document
        if key not in ("exclude", "headers")
    ]
    exclude = document.get("exclude", [])
    if not isinstance(exclude, list) or not all(isinstance(glob, str) and glob for glob in exclude):
        problems.append("deploy.toml: exclude must be a list of globs, such as ['drafts/*']")
        exclude = []
    table = document.get("headers", {})
    if not isinstance(table, dict):
        problems.append("deploy.toml: headers must be a table by glob, such as [headers.'*.pdf']")
        table = {}
    overrides = []
    for glob, headers in table.items():
        if not isinstance(headers, dict):
            problems.append(f"deploy.toml: headers of {glob!r} must be a table of names and values")
            continue
        checked = {}
        for name, value in headers.items():
            try:
                if not isinstance(value, str):
                    raise ValueError(f"the value of header {name!r} must be a string, not {value!r}")
                checked[storable_name(name)] = _checked_value(name, value)
            except ValueError as failure:
                problems.append(f"deploy.toml: {glob!r}: {failure}")
        overrides.append(Override(glob, checked))
    return overrides, exclude, problems


def _name(path: str) -> str:
    return path[path.rfind("/") + 1 :]
