"""The site of this repository: its links, its hashed names, and that the deployer takes it as it is."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ops.deploy.hashing import read_all
from ops.deploy.headers import UNKNOWN_TYPE, content_type
from ops.deploy.rules import is_hashed_asset
from ops.deploy.tree import walk
from tests.ops.deploy.aws_server import site_key

SITE = Path(__file__).parents[3] / "site"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
ASSETS = sorted((SITE / "assets").iterdir())


class Page(HTMLParser):
    """Links, ids, headings and images of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collects."""
        found = dict(attrs)
        self.tags.append((tag, found))
        for name in ("href", "src", "srcset"):
            if (value := found.get(name)) and value.startswith("/") and not value.startswith("/api/"):
                self.links.append(value)


def read(page: str) -> Page:
    return Page((SITE / page).read_text(encoding="utf-8"))


def exists(url: str) -> bool:
    return (SITE / site_key(url.split("#")[0], "")).is_file()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    assert [link for link in read(page).links if not exists(link)] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_accessible(page):
    tags = read(page).tags
    names = [tag for tag, _ in tags]
    assert dict(tags[names.index("html")][1]).get("lang")
    assert names.count("main") == 1
    assert names.count("h1") == 1
    assert names.count("title") == 1
    assert [found for tag, found in tags if tag == "img" and "alt" not in found] == []
    assert [found for tag, found in tags if tag == "script" and "src" not in found] == [], (
        "the CSP has no inline"
    )
    assert [found for _, found in tags if "style" in found] == []


@pytest.mark.parametrize("asset", ASSETS, ids=lambda path: path.name)
def test_hashed_names_tell_the_content(asset):
    assert is_hashed_asset(asset.name)
    stated = asset.stem.rpartition("-")[2]
    assert hashlib.sha256(asset.read_bytes()).hexdigest().startswith(stated)


def test_the_kinds_a_site_has():
    kinds = {path.suffix for path in SITE.rglob("*.*")}
    expected = {".html", ".css", ".js", ".svg", ".png", ".avif", ".woff2", ".xml", ".txt", ".webmanifest"}
    assert kinds >= expected
    assert all(content_type(path.name) != UNKNOWN_TYPE for path in SITE.rglob("*.*") if path.is_file())
    assert [path.name for path in ASSETS if path.suffix in (".css", ".js")]


def test_feed_sitemap_and_manifest():
    feed = ElementTree.parse(SITE / "feed.xml").getroot()
    assert feed.tag == "{http://www.w3.org/2005/Atom}feed"
    sitemap = ElementTree.parse(SITE / "sitemap.xml").getroot()
    places = [element.text or "" for element in sitemap.iter() if element.tag.endswith("}loc")]
    assert len(places) >= 7
    assert all(exists(place.removeprefix("https://yourdomain.com")) for place in places)
    links = re.findall(
        r'href="https://yourdomain\.com([^"]*)"', (SITE / "feed.xml").read_text(encoding="utf-8")
    )
    assert all(exists(link) for link in links)
    manifest = json.loads((SITE / "site.webmanifest").read_text(encoding="utf-8"))
    assert all(exists(icon["src"]) for icon in manifest["icons"])


def test_images_and_font_are_what_they_say():
    starts = {".png": b"\x89PNG", ".woff2": b"wOF2"}
    for path in SITE.rglob("*.*"):
        if path.suffix in starts:
            assert path.read_bytes().startswith(starts[path.suffix])
        if path.suffix == ".avif":
            assert path.read_bytes()[4:12] == b"ftypavif"


def test_the_deployer_takes_it_without_a_word():
    tree = walk(SITE)
    read_all(tree)
    assert tree.problems == []
    assert tree.remarks == []
    assert len(tree.files) > 20
