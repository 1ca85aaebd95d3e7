"""Content types and cache headers of every kind of file a site has."""

import pytest

from ops.deploy.headers import (
    CONTENT_TYPES,
    IMMUTABLE,
    ONE_HOUR,
    REVALIDATE,
    HeaderRules,
    cache_control,
    content_type,
    parse_config,
    parse_override,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"), ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"), ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.js.map", "application/json"), ("a.json", "application/json"), ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"), ("a.JPG", "image/jpeg"), ("a.avif", "image/avif"), ("a.webp", "image/webp"),
        ("a.ico", "image/vnd.microsoft.icon"), ("a.woff2", "font/woff2"), ("a.woff", "font/woff"),
        ("a.ttf", "font/ttf"), ("feed.xml", "application/xml"), ("a.rss", "application/rss+xml"),
        ("a.atom", "application/atom+xml"), ("sitemap.xml", "application/xml"),
        ("robots.txt", "text/plain; charset=utf-8"), ("site.webmanifest", "application/manifest+json"),
        ("a.wasm", "application/wasm"), ("a.pdf", "application/pdf"), ("a.mp4", "video/mp4"),
        ("a.webm", "video/webm"), ("a.mp3", "audio/mpeg"), ("a.zip", "application/zip"),
        ("a.vtt", "text/vtt; charset=utf-8"), ("a.md", "text/markdown; charset=utf-8"),
        (".well-known/apple-app-site-association", "application/json"),
        (".well-known/security.txt", "text/plain; charset=utf-8"),
        ("LICENSE", "application/octet-stream"), ("a.unknown", "application/octet-stream"),
    ],
)  # fmt: skip
def test_content_type(path, expected):
    assert content_type(path) == expected


def test_every_text_type_names_its_charset():
    texts = {kind for kind in CONTENT_TYPES.values() if kind.startswith("text/")}
    assert texts
    assert all(kind.endswith("; charset=utf-8") for kind in texts if kind != "text/xml")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("index.html", REVALIDATE), ("docs/a.htm", REVALIDATE), ("index-B7PI925R.html", REVALIDATE),
        ("sw.js", REVALIDATE), ("docs/site.webmanifest", REVALIDATE), ("robots.txt", REVALIDATE),
        ("assets/app-B7PI925R.js", IMMUTABLE), ("app.3f9a2c1d.css", IMMUTABLE),
        ("assets/logo.svg", ONE_HOUR), ("jquery-3.7.1.min.js", ONE_HOUR), ("feed.xml", ONE_HOUR),
    ],
)  # fmt: skip
def test_cache_control(path, expected):
    assert cache_control(path) == expected


def test_overrides_win_in_order_and_match_names_at_any_depth():
    rules = HeaderRules(
        [
            parse_override("*.pdf: Cache-Control=public, max-age=60"),
            parse_override("docs/*: cache-control=no-store"),
            parse_override("docs/a.pdf: Content-Disposition=attachment; filename=a.pdf"),
        ]
    )
    assert dict(rules.headers_for("x/y.pdf"))["Cache-Control"] == "public, max-age=60"
    assert rules.headers_for("docs/a.pdf") == (
        ("Cache-Control", "no-store"),
        ("Content-Disposition", "attachment; filename=a.pdf"),
        ("Content-Type", "application/pdf"),
    )
    assert rules.unused(["x.pdf"]) == ["docs/*", "docs/a.pdf"]


@pytest.mark.parametrize(
    "text",
    [
        "*.pdf",
        "*.pdf: Cache-Control",
        ": a=b",
        "*.pdf: X-Frame-Options=DENY",
        "*: Cache-Control=ü",
        "*: Cache-Control=",
    ],
)
def test_a_wrong_override_is_refused(text):
    with pytest.raises(ValueError, match=r"--header|header"):
        parse_override(text)


def test_config():
    overrides, exclude, problems = parse_config(
        "exclude = ['drafts/*']\n[headers.'*.pdf']\nCache-Control = 'no-store'\nx-amz-meta-owner = 'me'\n"
    )
    assert problems == []
    assert exclude == ["drafts/*"]
    assert overrides[0].glob == "*.pdf"
    assert overrides[0].headers == {"Cache-Control": "no-store", "x-amz-meta-owner": "me"}


def test_every_problem_of_a_config_is_told():
    _, _, problems = parse_config(
        "excludes = []\nexclude = 3\n[headers.'*']\nX-Frame-Options = 'DENY'\nCache-Control = 5\n"
    )
    assert len(problems) == 4
    assert parse_config("headers = ")[2][0].startswith("deploy.toml is not TOML")
