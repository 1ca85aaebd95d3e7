"""The chat page and the widget in a real browser."""

from __future__ import annotations

import json
from itertools import cycle, islice
from string import ascii_lowercase
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.conftest import ROOT, System
from tests.timing import until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SSE = {"content-type": "text/event-stream", "cache-control": "no-store"}
LONG = " ".join(islice(cycle(ascii_lowercase), 100))
"""A question whose answer takes nearly three seconds: it is repeated a word at a time, to 200 characters."""
WATCH = """() => {
  window.lengths = [];
  new MutationObserver(() => {
    const text = [...document.querySelectorAll('.answer .text')].at(-1);
    const length = text ? text.textContent.length : 0;
    if (length && length !== window.lengths.at(-1)) window.lengths.push(length);
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


def _enter(page: Page, system: System) -> None:
    page.goto(f"{system.url}/chat/")
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(system.key)
    page.keyboard.press("Enter")
    expect(page.locator("#key-form")).to_be_hidden()


def _ask(page: Page, text: str) -> None:
    turns = page.locator(".turn")
    before = turns.count()
    page.get_by_label("Your question").fill(text)
    page.keyboard.press("Enter")
    expect(turns).to_have_count(before + 1)


def _begun(page: Page) -> None:
    """Waits for the answer's first words, looking at every frame: ``expect`` may look a second later."""
    page.wait_for_function("document.querySelector('.answer .text')?.textContent.includes('You asked')")


def _ended(page: Page) -> None:
    expect(page.locator(".answer").last).to_have_attribute("aria-busy", "false")


def _lengths(page: Page, question: str) -> list[int]:
    """Lengths of the answer's text as the page showed them, none missed however slow this process is."""
    page.evaluate(WATCH)
    _ask(page, question)
    _ended(page)
    return page.evaluate("window.lengths")


def test_an_answer_appears_piece_by_piece(page: Page, system: System) -> None:
    _enter(page, system)
    expect(page.locator("#model")).to_have_text("Scripted model, no AWS")
    lengths = _lengths(page, LONG)
    assert len(lengths) >= 5
    assert lengths == sorted(lengths)
    expect(page.locator(".answer .text")).to_contain_text(f"You asked: “{LONG}”")
    expect(page.locator("#announce")).to_contain_text("You asked")


def test_tools_are_shown_and_open(page: Page, system: System) -> None:
    _enter(page, system)
    page.get_by_role("button", name="How much is 17.5").click()
    expect(page.locator(".steps summary")).to_have_text("Calculated")
    expect(page.locator(".answer .text")).to_contain_text("217")
    page.locator(".steps summary").click()
    expect(page.locator(".steps pre").first).to_contain_text("17.5")


def test_the_key_is_nowhere_but_in_memory(page: Page, system: System) -> None:
    _enter(page, system)
    assert page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])") == '[{},{},""]'
    assert system.key not in page.content()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_wrong_key(page: Page, system: System) -> None:
    page.goto(f"{system.url}/chat/")
    page.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This key is not accepted.")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_label("API key")).to_have_attribute("aria-invalid", "true")


def test_stop_stops_the_run_too(page: Page, system: System) -> None:
    _enter(page, system)
    _ask(page, LONG)
    _begun(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".state")).to_have_text("Stopped.")
    text = page.locator(".answer .text").inner_text()
    assert "answers for real" not in text

    def cancelled() -> list[dict[str, Any]]:
        address = f"{system.url}/api/v1/runs?status=cancelled"
        return page.request.get(address, headers={"x-api-key": system.key}).json()["runs"]

    # The page says so at once; what it asks of the server is on its way then.
    until(lambda: any(run["goal"] == LONG for run in cancelled()))
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_a_conversation_goes_along(page: Page, system: System) -> None:
    _enter(page, system)
    bodies: list[dict[str, object]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/v1/run"):
            bodies.append(json.loads(request.post_data or "{}"))

    page.on("request", note)
    for question in ("First question", "Second question"):
        _ask(page, question)
        _ended(page)
    assert "context" not in bodies[0]
    context = bodies[1]["context"]
    assert isinstance(context, dict)
    (turn,) = context["conversation"]
    assert turn["question"] == "First question"
    assert "You asked" in turn["answer"]


def test_a_broken_stream_goes_on_from_the_last_event(page: Page, system: System) -> None:
    _enter(page, system)
    asked: list[str | None] = []
    held: list[Route] = []

    def handle(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) == 1:
            # The head of the run's own stream: the connection ends after its first event.
            data = json.dumps({"event_id": 1, "type": "status", "status": "running"})
            route.fulfill(status=200, headers=SSE, body=f": open\n\nevent: status\nid: 1\ndata: {data}\n\n")
        elif len(asked) == 2:
            route.abort("connectionreset")
        else:
            held.append(route)

    page.route("**/api/v1/runs/*/stream", handle)
    _ask(page, "Resume this")
    expect(page.get_by_text("connecting again").first).to_be_visible()
    until(lambda: page.wait_for_timeout(10) or held)
    held[0].continue_()
    _ended(page)
    assert asked[0] is None
    assert asked[1:] == ["1", "1"]
    text = page.locator(".answer .text").inner_text()
    assert text.count("You asked: “Resume this”") == 1
    assert text.endswith("answers for real.")


def test_a_connection_that_stays_away(page: Page, public: System) -> None:
    page.route("**/api/v1/chat", lambda r: r.abort() if r.request.method == "POST" else r.continue_())
    page.goto(f"{public.url}/chat/")
    _ask(page, "Hello")
    expect(page.get_by_role("alert").filter(has_text="The server cannot be reached.")).to_be_visible()
    page.unroute("**/api/v1/chat")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".answer .text")).to_contain_text("You asked: “Hello”")


@pytest.mark.parametrize("status", [429, 503])
def test_asked_to_wait(page: Page, system: System, status: int) -> None:
    page.clock.install()
    _enter(page, system)
    error = {
        "error": {"code": "busy", "message": "Please wait a little.", "details": None, "request_id": "r"}
    }
    headers = {"content-type": "application/json", "retry-after": "120"}
    body = json.dumps(error)
    page.route("**/api/v1/run", lambda r: r.fulfill(status=status, headers=headers, body=body))
    _ask(page, "Hello")
    expect(page.get_by_text("Please wait a little.")).to_be_visible()
    early = page.get_by_role("button", name="Try again in")
    expect(early).to_be_disabled()
    page.clock.run_for(60_000)
    expect(early).to_be_disabled()
    page.unroute("**/api/v1/run")
    page.clock.run_for(61_000)
    button = page.get_by_role("button", name="Try again", exact=True)
    expect(button).to_be_enabled()
    button.click()
    expect(page.locator(".answer .text")).to_contain_text("You asked: “Hello”")


def test_a_key_that_ends_during_the_conversation(page: Page, system: System) -> None:
    _enter(page, system)
    error = {"error": {"code": "unauthorized", "message": "no", "details": None, "request_id": "r"}}
    page.route("**/api/v1/run", lambda r: r.fulfill(status=401, body=json.dumps(error)))
    _ask(page, "Hello")
    expect(page.get_by_text("The key is not accepted any more.")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()


def test_a_slow_answer_says_that_it_lives(page: Page, system: System) -> None:
    page.clock.install()
    page.add_init_script(
        """const real = window.fetch;
        const held = new Promise((go) => { window.__go = go; });
        window.fetch = async (...args) => {
          if (String(args[0]).endsWith('/stream')) await held;
          return real(...args);
        };"""
    )
    _enter(page, system)
    _ask(page, "Hello")
    page.clock.run_for(6000)
    expect(page.get_by_text("Still working on it …")).to_be_visible()
    page.evaluate("window.__go()")
    expect(page.locator(".answer .text")).to_contain_text("You asked: “Hello”")


def test_all_of_it_by_keyboard(page: Page, system: System) -> None:
    page.goto(f"{system.url}/chat/")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(system.key)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Your question")).to_be_focused()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.insert_text(LONG)
    page.keyboard.press("Enter")
    _begun(page)
    page.keyboard.press("Escape")
    expect(page.locator(".state")).to_have_text("Stopped.")
    expect(page.locator(".asked p")).to_have_text(f"one\n{LONG}")
    expect(page.get_by_label("Your question")).to_be_focused()


def test_markup_in_answers_is_text(page: Page, system: System) -> None:
    _enter(page, system)
    _ask(
        page,
        "<img src=x onerror=alert(1)> **bold** `code` https://example.com/a [home](/) [chat](/chat/) "
        "[elsewhere](//example.org/) [script](javascript:alert)",
    )
    _ended(page)
    answer = page.locator(".answer .text")
    expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    assert answer.locator("img").count() == 0
    expect(answer.locator("strong")).to_have_text("bold")
    expect(answer.locator("code")).to_have_text("code")
    links = answer.locator("a").evaluate_all("all => all.map(a => [a.textContent, a.getAttribute('href')])")
    assert links == [["https://example.com/a", "https://example.com/a"], ["home", "/"], ["chat", "/chat/"]]
    expect(answer).to_contain_text("[elsewhere](//example.org/) [script](javascript:alert)")


def test_the_public_chat_wants_no_key(page: Page, public: System) -> None:
    page.goto(f"{public.url}/chat/")
    expect(page.get_by_role("button", name="How does an answer stream?")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_hidden()
    assert len(_lengths(page, LONG)) >= 5


def test_the_widget_on_any_page(page: Page, public: System) -> None:
    assert (ROOT / "site" / "widget.js").stat().st_size <= 10 * 1024
    page.goto(f"{public.url}/docs/")
    page.evaluate(
        "() => { const s = document.createElement('script');"
        " s.src = '/widget.js'; s.dataset.title = 'Ask us';"
        " document.head.append(s); }"
    )
    page.get_by_role("button", name="Ask us").click()
    question = page.get_by_label("Your question")
    expect(question).to_be_focused()
    question.fill("Hello")
    page.keyboard.press("Enter")
    log = page.get_by_role("list", name="Conversation")
    expect(log).to_contain_text("You asked: “Hello”")
    expect(log).to_contain_text("answers for real.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Ask us")).to_be_focused()


def test_the_widget_where_the_chat_is_closed(page: Page, system: System) -> None:
    page.goto(f"{system.url}/docs/")
    page.add_script_tag(url=f"{system.url}/widget.js")
    page.get_by_role("button", name="Ask a question").click()
    page.get_by_label("Your question").fill("Hello")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The chat is not open to visitors here.")
