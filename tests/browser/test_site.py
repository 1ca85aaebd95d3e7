"""The visit: pages, names, errors, releases; and what axe says of every page."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.assess import report
from ops.assess.page import render as report_page
from tests.browser.conftest import ROOT, System
from tests.ops.assess.accounts import plain_site
from tests.ops.assess.aws_shapes import DOMAIN
from tests.ops.assess.fake_aws import Refusal
from tests.ops.assess.run import assess
from tests.ops.assess.test_collect import COSTS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = sorted(
    "/"
    + str(path.relative_to(ROOT / "site").parent).strip(".")
    + ("/" if path.parent != ROOT / "site" else "")
    for path in (ROOT / "site").rglob("index.html")
)
AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def _violations(page: Page) -> list[str]:
    """What axe finds, each with the element it is about."""
    page.evaluate(AXE)
    result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{found['id']}: {found['help']}: {node['html'][:120]}"
        for found in result["violations"]
        for node in found["nodes"]
    ]


def _open(page: Page, system: System, path: str) -> None:
    """Opens a page and waits for what it fetches; the status page fetches its state for ever."""
    page.goto(system.url + path)
    if path == "/_dev":
        expect(page.locator("#releases tr")).not_to_have_count(0)
    if path == "/chat/":
        expect(page.locator("#model")).to_have_text("Scripted model, no AWS")


def test_the_pages_of_the_site_are_known() -> None:
    assert "/" in PAGES
    assert "/chat/" in PAGES
    assert len(PAGES) >= 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [*PAGES, "/no/such/page", "/_dev"])
def test_nothing_for_axe_to_find(browser: Browser, system: System, path: str, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    _open(page, system, path)
    page.wait_for_load_state("networkidle" if path != "/_dev" else "load")
    page.wait_for_timeout(200)
    found = _violations(page)
    context.close()
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_on_a_conversation_with_an_error(browser: Browser, public: System, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{public.url}/chat/")
    page.get_by_label("Your question").fill("- one\n- two\n\n```\ncode\n```")
    page.keyboard.press("Enter")
    expect(page.locator(".answer").first).to_have_attribute("aria-busy", "false")
    page.route("**/api/v1/chat", lambda route: route.abort())
    page.get_by_label("Your question").fill("again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    found = _violations(page)
    page.goto(f"{public.url}/docs/")
    page.add_script_tag(url=f"{public.url}/widget.js")
    page.get_by_role("button", name="Ask a question").click()
    found += _violations(page)
    context.close()
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_on_the_page_of_ops_check(browser: Browser, scheme: str, width: int) -> None:
    answers = {**plain_site(), **COSTS, ("ecs", "ListClusters"): Refusal("AccessDeniedException")}
    snapshot = assess(answers, domain=DOMAIN, costs=True)[0]
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(report_page(report.build(snapshot, truncated=("only the first 3000 were read",))))
    found = _violations(page)
    across = page.evaluate("document.documentElement.scrollWidth")
    # On paper nothing is cut off and nothing stays dark.
    page.emulate_media(media="print")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    context.close()
    assert found == []
    assert asked == []
    assert across <= width
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.parametrize("path", [*PAGES, "/no/such/page", "/_dev"])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, system: System, path: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    _open(page, system, path)
    page.wait_for_timeout(150)
    width = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert width <= 360


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_light_and_dark(browser: Browser, system: System, scheme: str, dark: bool) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{system.url}/chat/")
    shades = page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        ".map((c) => c.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0))"
    )
    assert (shades[0] < shades[1]) is dark
    page.locator("#theme").click()
    page.reload()
    chosen = page.evaluate("getComputedStyle(document.documentElement).colorScheme")
    context.close()
    assert chosen == ("light" if dark else "dark")


def test_a_visit_without_a_script_error_or_a_missing_file(page: Page, system: System) -> None:
    bad: list[str] = []
    # The chat page looks whether the chat is open without a key: here it is not.
    probe = f"{system.url}/api/v1/chat"
    page.on(
        "response",
        lambda r: bad.append(f"{r.status} {r.url}") if r.status >= 400 and r.url != probe else None,
    )
    page.on(
        "console",
        lambda m: (
            bad.append(m.text) if m.type in ("error", "warning") and m.location["url"] != probe else None
        ),
    )
    for path in PAGES:
        page.goto(system.url + path)
        page.wait_for_load_state("networkidle")
        expect(page.locator("h1").first).to_be_visible()
    page.goto(system.url)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Chat").click()
    expect(page).to_have_title("Chat with an agent of this site")
    assert bad == []


def test_www_goes_to_the_apex_with_its_query(page: Page, system: System) -> None:
    port = system.dev.port
    answer = page.goto(f"http://www.example.com.localhost:{port}/chat/?a=1&b=%26")
    assert answer is not None
    assert answer.status == 200
    assert page.url == f"http://localhost:{port}/chat/?a=1&b=%26"


def test_a_missing_page_beside_a_missing_route(page: Page, system: System) -> None:
    answer = page.goto(f"{system.url}/no/such/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("h1")).to_be_visible()
    assert "html" in answer.headers["content-type"]
    api = page.request.get(f"{system.url}/api/v1/no-such-route")
    assert (api.status, api.json()["error"]["code"]) == (404, "not_found")


def test_a_deploy_and_a_rollback_seen_in_the_open_page(page: Page, system: System) -> None:
    home = system.site / "index.html"
    before = home.read_text(encoding="utf-8")
    page.goto(system.url)
    old = page.locator("h1").inner_text()
    status = page.context.new_page()
    status.goto(f"{system.url}/_dev")
    try:
        start, rest = before.split("<h1", 1)
        home.write_text(f"{start}<h1>A new release</h1><h1 hidden{rest}", encoding="utf-8")
        status.get_by_role("button", name="Deploy site/").click()
        expect(status.get_by_role("status")).to_contain_text("is live.")
        page.reload()
        expect(page.locator("h1").first).to_have_text("A new release")
        # The release before, by its own name, while the new one is live.
        row = status.locator("#releases tr").filter(has=status.get_by_role("link", name="Preview")).first
        preview = row.get_by_role("link", name="Preview").get_attribute("href")
        assert preview is not None
        page.goto(preview)
        expect(page.locator("h1").first).to_have_text(old)
        row.get_by_role("button", name="live").click()
        expect(status.get_by_role("status")).to_contain_text("is live.")
        page.goto(system.url)
        expect(page.locator("h1").first).to_have_text(old)
    finally:
        home.write_text(before, encoding="utf-8")


def test_the_status_page_tells_a_request_s_way(page: Page, system: System) -> None:
    page.goto(f"{system.url}/_dev")
    expect(page.locator("#behaviors tr")).to_have_count(2)
    page.request.get(f"{system.url}/docs?x=way")
    row = page.locator("#requests li").filter(has_text="/docs?x=way").first
    row.locator("summary").click()
    expect(row).to_contain_text("/docs → /_releases/")
    expect(row).to_contain_text("The origin got")
    expect(page.locator("#warnings")).to_contain_text("nothing is cached")
    assert page.request.post(f"{system.url}/_dev/rollback", data={}).status == 400
