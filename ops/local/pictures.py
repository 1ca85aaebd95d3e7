"""``python -m ops.local.pictures``: the pictures of the documentation, from a local run in Chromium."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from ops.engine.paths import ROOT
from ops.errors import OpsError

IMAGES = ROOT / "docs" / "images"
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
DESK = {"viewport": {"width": 1100, "height": 760}, "reduced_motion": "reduce"}
PHONE = {
    "viewport": {"width": 390, "height": 760}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
    "reduced_motion": "reduce",
}  # fmt: skip
QUESTION = "How much is 17.5 * 1240 / 100?"


def main(arguments: list[str] | None = None) -> int:
    """Makes the pictures; 0 when all are there."""
    parser = argparse.ArgumentParser(
        prog="python -m ops.local.pictures", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--stack", default="dev", help="the stack that is shown (default: dev)")
    options = parser.parse_args(arguments)
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        print("there is no Chromium: apt-get install chromium", file=sys.stderr)
        return 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            _picture(path, options.stack, Path(folder))
    except OpsError as problem:
        print(problem.message, file=sys.stderr)
        return problem.exit_code
    return 0


def _picture(chromium: str, stack: str, folder: Path) -> None:
    from ops.local.cli import listen
    from ops.local.dev import Dev, DevOptions

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    options = DevOptions(root=ROOT, stack=stack, site=ROOT / "site", folder=folder)
    dev = Dev(options, lambda message: print(message, file=sys.stderr))
    try:
        asyncio.run_coroutine_threadsafe(dev.start(listen(0), watch=False), loop).result()
        IMAGES.mkdir(parents=True, exist_ok=True)
        _take(chromium, dev.url, dev.api_key)
    finally:
        asyncio.run_coroutine_threadsafe(dev.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _take(chromium: str, url: str, key: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        shots: list[tuple[str, dict[str, Any]]] = [
            ("light", {**DESK, "color_scheme": "light"}),
            ("dark", {**DESK, "color_scheme": "dark"}),
            ("phone", {**PHONE, "color_scheme": "light"}),
        ]
        for name, settings in shots:
            context = browser.new_context(**settings)
            page = context.new_page()
            page.goto(url)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=IMAGES / f"home-{name}.png")
            page.goto(f"{url}/chat/")
            page.fill("#key", key)
            page.press("#key", "Enter")
            page.wait_for_selector("#key-form", state="hidden")
            for question in (QUESTION, "What is on this site?"):
                page.fill("#question", question)
                page.press("#question", "Enter")
                page.wait_for_selector("#send:visible")
            page.screenshot(path=IMAGES / f"chat-{name}.png")
            if name == "light":
                page.goto(f"{url}/_dev")
                page.wait_for_selector("#requests li")
                page.screenshot(path=IMAGES / "dev-light.png")
            context.close()
        browser.close()
    print(f"pictures in {IMAGES.relative_to(ROOT)}/", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
