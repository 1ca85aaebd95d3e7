"""Releases of the site in the local bucket, made and moved by the real deployer."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ops.deploy import bookkeeping, release_mode, release_plan
from ops.deploy import rollback as going_back
from ops.deploy.aws.http import Http
from ops.deploy.context import Context, counts
from ops.deploy.health import Health
from ops.deploy.options import Options
from ops.deploy.pointer import PREVIEW_TOKEN_KEY, KvsPointer
from ops.deploy.preflight import raise_problems
from ops.deploy.reading import Site, read_site
from ops.deploy.ui import Ui
from ops.local.folder import FileKeyValueStore, FolderStore


class _Quiet(Ui):
    """Keeps what the deployer says for the status page."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__()
        self._tell = tell

    def _print(self, message: str, event: str, style: str) -> None:
        self._tell(message)

    def result(self, message: str) -> None:
        self._tell(message)


class Releases:
    """The releases of one local site.

    Args:
        site: folder with the site.
        bucket: the local bucket.
        store: the local KeyValueStore.
        tell: told what the deployer says.
        url: where the deployer looks whether a release is healthy: the edge itself; "": it does not look.
    """

    def __init__(
        self,
        site: Path,
        bucket: FolderStore,
        store: FileKeyValueStore,
        tell: Callable[[str], object],
        url: str = "",
    ) -> None:
        self._site = site
        self._bucket = bucket
        self._store = store
        self._tell = tell
        self._url = url
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _context(self) -> Iterator[Context]:
        http = Http(timeout_s=15.0)
        health = None
        if self._url:
            health = Health(self._url, token=lambda: self.token, http=http, timeout_s=10)
        try:
            yield self._with(health)
        finally:
            http.close()

    def _with(self, health: Health | None) -> Context:
        return Context(
            store=self._bucket,
            pointer=KvsPointer(self._store),  # type: ignore[arg-type]  # it has the three calls that are made
            ui=_Quiet(self._tell),
            now=lambda: int(time.time()),
            health=health,
            who="ops dev",
        )

    def deploy(self) -> str:
        """Puts the folder online as a release and gives its id.

        Raises:
            UsageError: the site is refused.
            OpsError: it failed; what was live before still is.
        """
        site = _read_site(self._site)
        with self._lock, self._context() as context:
            state = context.pointer.read()
            plan = release_plan.plan(context, site, state, max_deletes=100_000)
            release_mode.apply(context, site, plan)
            if not plan.nothing:
                self._tell(f"release {site.release} is live: {counts(plan.steps)}")
            return site.release

    def rollback(self, release: str) -> str:
        """Moves the pointer to an earlier release ("": the one before) and gives its id.

        Raises:
            UsageError: there is no such release.
        """
        with self._lock, self._context() as context:
            state = context.pointer.read()
            manifest = going_back.wanted(context, state, release)
            if manifest.id != state.active:
                present = bookkeeping.load(context.store, state.active)
                going_back.release_mode(context, manifest, state, present)
                self._tell(f"release {manifest.id} is live again, before it {state.active}")
            return manifest.id

    def rows(self) -> list[dict[str, Any]]:
        """The releases, the newest first: id, created, last_live, active, files, bytes."""
        with self._context() as context:
            return [row.document() for row in going_back.rows(context, context.pointer.read())]

    def known(self, lower: str) -> str:
        """The release whose id in lower case this is; "" when there is none."""
        return next((i for i in sorted(bookkeeping.known(self._bucket).releases) if i.lower() == lower), "")

    @property
    def token(self) -> str:
        """What a preview request must show."""
        return self._store.get(PREVIEW_TOKEN_KEY)


def _read_site(folder: Path) -> Site:
    """The site as ``ops deploy`` reads it.

    Raises:
        UsageError: with everything that is wrong with it.
    """
    site = read_site(Options(command="deploy", directory=str(folder)))
    raise_problems(site.tree.problems)
    return site
