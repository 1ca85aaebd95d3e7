"""The hashed-asset rule against the edge function, and what is left out, refused or mangled."""

import json
import re
from pathlib import Path

import pytest
import quickjs

from ops.deploy.rules import is_hashed_asset, left_out, mangled, page_urls, printable, refused

ROOT = Path(__file__).parents[3]
TABLE = json.loads((ROOT / "tests/data/hashed_assets.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def edge_rule():
    """``isHashedAsset`` of the edge function, in a JavaScript engine."""
    code = (ROOT / "components/static_site/edge_function.js").read_text(encoding="utf-8")
    code = re.sub(r"^import .*$", "const cf = {};", code, flags=re.MULTILINE)
    context = quickjs.Context()
    context.eval(code)
    return lambda path: context.eval(f"isHashedAsset({json.dumps('/' + path)})")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["path"] or "empty")
def test_the_deployer_and_the_edge_function_follow_one_table(row, edge_rule):
    assert is_hashed_asset(row["path"]) is row["hashed"], row["why"]
    assert edge_rule(row["path"]) is row["hashed"], row["why"]


def test_the_table_holds_both_answers():
    assert {row["hashed"] for row in TABLE} == {True, False}
    assert len(TABLE) > 30


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "Thumbs.db", "node_modules", "page.html~", ".index.html.swp", "#x#", "a.bak", ".gitignore"],
)
def test_left_out(name):
    assert left_out(name)


@pytest.mark.parametrize("name", [".well-known", "index.html", ".nojekyll", "tmp", "bak", "a.tmpl", "~user"])
def test_published(name):
    assert not left_out(name)
    assert refused(name) == ""


@pytest.mark.parametrize(
    "name", [".env", ".env.local", ".ENV", ".git", ".aws", ".ssh", ".npmrc", ".htpasswd"]
)
def test_refused(name):
    assert refused(name)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a\nb.html", "control character"),
        ("a\\b.html", "backslash"),
        ("bad\udcff.html", "not UTF-8"),
        ("x" * 1000 + ".html", "1005 bytes"),
    ],
)
def test_mangled(path, why):
    assert why in mangled(path)


@pytest.mark.parametrize(
    "path", ["ä ü€😀.html", "100%.html", "a+b&c=d.html", "x" * 900 + ".html", "a?b#c.html"]
)
def test_odd_names_are_kept(path):
    assert mangled(path) == ""


def test_pages_are_asked_for_in_three_forms():
    assert page_urls("docs/a/index.html") == ["/docs/a/index.html", "/docs/a/", "/docs/a"]
    assert page_urls("index.html") == ["/", "/index.html"]
    assert page_urls("docs/a.html") == ["/docs/a.html"]


def test_a_message_never_carries_terminal_codes():
    assert printable("a\x1b[2Jb\udcff") == "a\\x1b[2Jb\\udcff"
