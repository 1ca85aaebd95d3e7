"""Colour and progress follow the stream: none of it in a pipe."""

from __future__ import annotations

import io

import pytest

from ops import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What an error looks like on a terminal with this environment.

    The stream is put in place here and not in a fixture: pytest changes ``sys.stderr`` between the two.
    """
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    console.error("no")
    return stream.getvalue()


def test_a_pipe_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("[bold]look[/bold]")
    assert capsys.readouterr().err == "warning: [bold]look[/bold]\n"


def test_long_lines_are_not_wrapped_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("x" * 500)
    assert capsys.readouterr().err == "x" * 500 + "\n"


def test_a_terminal_gets_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_terminal(monkeypatch) == "\x1b[1;31merror: no\x1b[0m\n"


@pytest.mark.parametrize(
    ("name", "value", "shown"), [("NO_COLOR", "1", "\x1b[1m"), ("TERM", "dumb", "error: no\n")]
)
def test_colour_can_be_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, shown: str) -> None:
    text = on_terminal(monkeypatch, **{name: value})
    assert text.startswith(shown)
    assert "error: no" in text
    assert "31m" not in text


def test_progress_in_a_pipe_says_each_step_once(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress("Planning …") as progress:
        progress.update("Planning … 1 resource")
        progress.update("Planning … 2 resources")
        progress.update("Pricing …")
    assert capsys.readouterr().err == "Planning …\nPricing …\n"


def test_progress_in_a_pipe_shows_life(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "PLAIN_INTERVAL_S", 0.0)
    with console.progress("Building …") as progress:
        progress.update("Building … 1")
    assert capsys.readouterr().err == "Building …\nBuilding … 1\n"


def test_nobody_is_asked_in_a_pipe() -> None:
    assert console.interactive() is False
