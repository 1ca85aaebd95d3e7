"""Looks at the site as a visitor does: a release that is not live yet, and the live site after the flip."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import quote

from ops.deploy.aws.http import AwsError, Http, Response
from ops.deploy.rules import ERROR_PAGE, is_hashed_asset, is_page, page_urls
from ops.errors import OpsError

PROBES = 4
TRIES = 3
PAUSE_S = 0.5
LIVE_TIMEOUT_S = 60.0
"""A key-value store reaches the edges within seconds; after this long it is something else."""


class Getter(Protocol):
    """Sends a GET; ``Http`` is one."""

    def send(
        self,
        operation: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        attempts: int = 5,
    ) -> Response:
        """See ``Http.send``."""
        ...


class Probe(NamedTuple):
    """A path of the site and the content hash its answer must have."""

    url_path: str
    sha256: str


class UnhealthyError(OpsError):
    """The site does not answer as it should."""


def probes_for(new: Mapping[str, str], old: Mapping[str, str]) -> list[Probe]:
    """A few files that tell the releases apart: the start page, changed pages, a new asset.

    Args:
        new: content hash by path of the release.
        old: the same of the release that is live.
    """
    changed = [path for path in sorted(new) if new[path] != old.get(path) and path != ERROR_PAGE]
    pages = [path for path in changed if is_page(path)]
    assets = [path for path in changed if is_hashed_asset(path)]
    others = [path for path in changed if not is_page(path) and not is_hashed_asset(path) and "." in path]
    chosen = dict.fromkeys(["index.html", *pages[:2], *assets[:1], *others[: 0 if pages else 1]])
    return [Probe(_url(path), new[path]) for path in list(chosen)[:PROBES] if path in new]


def _url(path: str) -> str:
    # As visitors ask for it: a folder's page by the folder.
    urls = page_urls(path)
    return quote(urls[0] if len(urls) < 3 else urls[1], safe="/-_.~")


class Health:
    """Asks a site for some paths and compares what comes back.

    Args:
        site_url: scheme and host.
        token: gives the secret that a preview request shows; "" when the store has none.
        http: how it is asked.
        timeout_s: how long the live site may take to show the release.
        sleep: replaced in tests.
    """

    def __init__(
        self,
        site_url: str,
        *,
        token: Callable[[], str] = lambda: "",
        http: Getter | None = None,
        timeout_s: float = LIVE_TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.site_url = site_url.rstrip("/")
        self._token = token
        self._http: Getter = http or Http(timeout_s=15.0)
        self._timeout_s = timeout_s
        self._sleep = sleep

    def preview(self, release: str, probes: Iterable[Probe]) -> bool:
        """Asks for a release that is not live by the preview header; False when the store has no token.

        Raises:
            UnhealthyError: something of it does not answer as it should.
        """
        token = self._token()
        if not token:
            return False
        headers = {"x-release": release, "x-release-token": token}
        problems: list[str] = []
        for attempt in range(TRIES):
            problems = self._wrong(probes, headers)
            if not problems:
                return True
            if attempt < TRIES - 1:
                self._sleep(PAUSE_S * (attempt + 1))
        raise UnhealthyError(f"release {release} does not answer as it should: {'; '.join(problems)}")

    def live(self, release: str, probes: Iterable[Probe]) -> None:
        """Waits until the live site shows the release.

        Raises:
            UnhealthyError: it does not within the timeout.
        """
        deadline = time.monotonic() + self._timeout_s
        pause = 0.2
        while problems := self._wrong(probes, {}):
            if time.monotonic() >= deadline:
                raise UnhealthyError(
                    f"the live site does not show release {release} after {self._timeout_s:.0f} "
                    f"s: {'; '.join(problems)}"
                )
            self._sleep(pause)
            pause = min(pause * 1.5, 3.0)

    def _wrong(self, probes: Iterable[Probe], headers: Mapping[str, str]) -> list[str]:
        found = []
        for probe in probes:
            url = self.site_url + probe.url_path
            # identity: a compressed answer would have to be unpacked before it is compared.
            sent = {
                "host": self.site_url.split("://", 1)[-1].split("/")[0],
                "accept-encoding": "identity",
                **headers,
            }
            try:
                answer = self._http.send("health check", "GET", url, sent, attempts=2)
            except AwsError as failure:
                found.append(f"{url}: {failure}")
                continue
            if answer.status != 200:
                found.append(f"{url} answers {answer.status}")
            elif hashlib.sha256(answer.body).hexdigest() != probe.sha256:
                found.append(f"{url} answers with other content")
        return found
