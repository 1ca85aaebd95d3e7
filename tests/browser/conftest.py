"""The whole system for a browser: the program's plan, the local edge, the real site, the real API.

The plan comes from a rehearsal instead of the engine, which the engine's own tests hold to the same result.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ops.engine.rehearsal import BackgroundRehearsal
from ops.local import bringup
from ops.local.architecture import Resource
from ops.local.dev import Dev, DevOptions
from tests.ops.local.running import Loop, listening
from tests.timing import PATIENCE_S

ROOT = Path(__file__).parents[2]
ARGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass
class System:
    """What runs.

    Attributes:
        url: of the site.
        key: an API key.
        site: the folder that is deployed.
        dev: the local run.
    """

    url: str
    key: str
    site: Path
    dev: Dev


def _system(folder: Path, overrides: dict[str, str]) -> Iterator[System]:
    site = folder / "site"
    shutil.copytree(ROOT / "site", site)
    # In a process of its own: this one has the event loop of Playwright.
    rehearsal = BackgroundRehearsal(ROOT, "dev", overrides)
    try:
        plan = rehearsal.result().plan
    finally:
        rehearsal.stop()
    assert plan is not None
    resources = tuple(
        Resource(r.type, r.name, str(r.outputs.get("id", "")), r.inputs, r.outputs) for r in plan.custom()
    )
    local = folder / "local"
    mark = bringup.fingerprint(ROOT, "dev", overrides)
    bringup.save(local / "stack.json", bringup.Stack(resources, plan.config, (), mark))
    loop = Loop()
    said: list[str] = []
    dev = Dev(DevOptions(root=ROOT, overrides=overrides, site=site, folder=local), said.append)
    loop.run(dev.start(listening(), watch=False), timeout_s=100)
    assert any("has not changed" in text for text in said)
    try:
        yield System(dev.url, dev.api_key, site, dev)
    finally:
        loop.run(dev.stop())
        loop.stop()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With a domain, and a chat that wants a key."""
    yield from _system(tmp_path_factory.mktemp("system"), {"domain": "example.com"})


@pytest.fixture(scope="session")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """With a chat that is open to visitors."""
    yield from _system(tmp_path_factory.mktemp("public"), {"publicChat": "true"})


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium on this machine: apt-get install chromium"
    # As long as an action waits; the five seconds of an expectation pass on a machine that stands still.
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own; a script error in it fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 850}, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
