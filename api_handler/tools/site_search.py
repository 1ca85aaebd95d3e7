"""Search in the deployment's own site, from an index made when the stack is deployed.

The artifact carries the index of the project's ``site`` folder. ``python -m
api_handler.tools.site_search DIR`` prints the index of another one: as ``PACKAGED``
in the checkout it goes into the artifact instead; as a file or URL elsewhere it is
what ``SITE_INDEX`` names.
"""

from __future__ import annotations

import json
import math
import re
import sys
import threading
import time
import urllib.request
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any

from api_handler.tools.toolbox import ToolError

PACKAGED = Path(__file__).parents[1] / "site-index.json"
"""The index that comes with the package: in the artifact, not in the checkout."""

MAX_INDEX = 8 * 1024 * 1024
MAX_PAGE = 50_000
MAX_TEXT = 3_000_000
"""Characters of one page and bytes of all that an index holds: what is beyond is left out, so that
neither a preview nor a cold tool grows with the site."""

REFRESH_S = 300.0
_WORD = re.compile(r"\w{2,}")
_HIDDEN = {"script", "style", "noscript", "template", "svg", "head"}


class SiteSearch:
    """Finds pages by the words of a question.

    Args:
        source: path or http(s) URL of the index; None: this deployment has none.
    """

    def __init__(self, source: str | None) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._pages: list[_Page] = []
        self._read_at = -1e9

    def search_site(
        self,
        query: Annotated[str, "words to look for"],
        count: Annotated[int, "pages to return, at most 10"] = 4,
    ) -> list[dict[str, Any]]:
        """Search the pages of this website; returns addresses, titles and the passages that match."""
        words = _words(query)
        if not words:
            raise ToolError("give at least one word to look for")
        pages = self._load()
        scored = [(page.score(words, pages), page) for page in pages]
        best = sorted((item for item in scored if item[0] > 0), key=lambda item: -item[0])
        return [page.result(words) for _, page in best[: max(1, min(count, 10))]]

    def _load(self) -> list[_Page]:
        if self._source is None:
            raise ToolError("this deployment has no index of its site")
        with self._lock:
            if time.monotonic() - self._read_at >= REFRESH_S:
                try:
                    self._pages = [_Page(**page) for page in json.loads(_read(self._source))["pages"]]
                except (OSError, ValueError, TypeError, KeyError):
                    if not self._pages:
                        raise ToolError("the index of the site cannot be read at the moment") from None
                self._read_at = time.monotonic()
        return self._pages


def _read(source: str) -> bytes:
    if source.startswith(("http://", "https://")):
        with urllib.request.urlopen(source, timeout=5) as answer:
            data: bytes = answer.read(MAX_INDEX + 1)
    else:
        data = Path(source).read_bytes()
    if len(data) > MAX_INDEX:
        raise ValueError("the index is too large")
    return data


class _Page:
    def __init__(self, *, url: str, title: str, text: str) -> None:
        self.url, self.title, self.text = url, title, text
        self.counts = Counter(_words(text))
        self.title_words = set(_words(title))
        self.length = max(1, sum(self.counts.values()))

    def score(self, words: list[str], pages: list[_Page]) -> float:
        """BM25 (k1 1.5, b 0.75 against a page of 300 words), a word of the title counts three times."""
        total = 0.0
        for word in set(words):
            seen = self.counts[word] + (3 if word in self.title_words else 0)
            if seen:
                holding = sum(1 for page in pages if word in page.counts or word in page.title_words)
                rarity = math.log(1 + (len(pages) - holding + 0.5) / (holding + 0.5))
                total += rarity * seen * 2.5 / (seen + 1.5 * (0.25 + 0.75 * self.length / 300))
        return total

    def result(self, words: list[str]) -> dict[str, Any]:
        lower = self.text.lower()
        places = [place for word in words if (place := lower.find(word)) >= 0]
        start = max(0, min(places, default=0) - 120)
        return {"url": self.url, "title": self.title, "passage": self.text[start : start + 600]}


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.text: list[str] = []
        self._hidden = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = self._in_title or tag == "title"
        self._hidden += tag in _HIDDEN

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"
        self._hidden = max(0, self._hidden - (tag in _HIDDEN))

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._hidden:
            self.text.append(data)


def build_index(folder: Path) -> dict[str, Any]:
    """The index of a site's folder.

    Args:
        folder: the pages as they are published; ``404.html`` and hidden names are left out.

    Returns:
        ``{"pages": [{"url", "title", "text"}, ...]}``, sorted by path; at most ``MAX_TEXT`` bytes of text.
    """
    pages = []
    room = MAX_TEXT
    for path in sorted(folder.rglob("*.html")):
        if room <= 0:
            break
        relative = path.relative_to(folder).as_posix()
        if relative == "404.html" or any(part.startswith((".", "_")) for part in relative.split("/")):
            continue
        parser = _Text()
        parser.feed(path.read_text("utf-8", "replace"))
        url = "/" + relative.removesuffix("index.html")
        title = " ".join("".join(parser.title).split()) or url
        text = " ".join(" ".join(parser.text).split())[:MAX_PAGE]
        room -= len(text.encode("utf-8", "replace"))
        if room >= 0:
            pages.append({"url": url, "title": title[:500], "text": text})
    return {"pages": pages}


def main() -> int:
    """Print the index of the folder named on the command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python -m api_handler.tools.site_search DIR", file=sys.stderr)
        return 2
    json.dump(build_index(Path(sys.argv[1])), sys.stdout, ensure_ascii=False, sort_keys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
