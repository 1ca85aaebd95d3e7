"""Path patterns, path normalization and names."""

from __future__ import annotations

import pytest

from ops.local.patterns import host_of, matches, name_for, normalized

NAMES = ("example.com", "www.example.com", "*.apps.example.com", "d111.cloudfront.net")


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/api/*", "/api/v1", True),
        ("/api/*", "/api/", True),
        ("/api/*", "/api", False),
        ("/api/*", "/API/v1", False),
        ("/api/*", "/x/api/v1", False),
        ("api/*", "/api/v1", True),
        ("*.jpg", "/a/b.jpg", True),
        ("*.jpg", "/a/b.JPG", False),
        ("/a?.jpg", "/ab.jpg", True),
        ("/a?.jpg", "/a.jpg", False),
        ("/a?.jpg", "/abc.jpg", False),
        ("/a+b/*", "/aab/x", False),
        ("/a+b/*", "/a+b/x", True),
        ("*", "/", True),
        ("/a*b", "/a\nb", True),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert matches(pattern, path) is fits


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", "/a/b"),
        ("/", "/"),
        ("//a///b", "/a/b"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/b/..", "/a/"),
        ("/a/.", "/a/"),
        ("/../../a", "/a"),
        ("/%61pi/x", "/api/x"),
        ("/a%2fb", "/a%2Fb"),
        ("/%2e%2e/a", "/a"),
        ("/a/..b", "/a/..b"),
        ("/a/b/", "/a/b/"),
    ],
)
def test_normalized(path: str, expected: str) -> None:
    assert normalized(path) == expected


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", ("example.com", True)),
        ("127.0.0.1", ("example.com", True)),
        ("", ("example.com", True)),
        ("example.com", ("example.com", False)),
        ("www.example.com.localhost", ("www.example.com", True)),
        ("a.apps.example.com", ("a.apps.example.com", False)),
        ("a.b.apps.example.com", ("", False)),
        ("other.org", ("", False)),
        ("other.org.localhost", ("", True)),
        ("evil-example.com", ("", False)),
    ],
)
def test_names(host: str, name: tuple[str, bool]) -> None:
    assert name_for(host, NAMES) == name


def test_hosts() -> None:
    assert host_of("WWW.Example.com:8080") == "www.example.com"
    assert host_of("example.com.") == "example.com"
    assert host_of(None) == ""
