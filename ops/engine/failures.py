"""What the engine says when it fails, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ops.engine.result import Diagnostic
from ops.errors import OpsError, UsageError, did_you_mean

_NEEDS_PHRASE = (
    "the stack's secrets are encrypted with a passphrase, and none is set.\n"
    "Set it for this shell:   export PULUMI_CONFIG_PASSPHRASE='…'\n"
    "or name a file with it:  export PULUMI_CONFIG_PASSPHRASE_FILE=~/.orchestrator-passphrase"
)
NOT_LOGGED_IN = (
    "the engine does not know where to keep the stack's state. Log in once, for example\n"
    "  pulumi login s3://YOUR-STATE-BUCKET      (state in a bucket of your own)\n"
    "  pulumi login                             (state at app.pulumi.com)\n"
    "or set PULUMI_BACKEND_URL for this shell."
)
_KNOWN: Sequence[tuple[str, type[OpsError], str]] = (
    (r"passphrase must be set|missing PULUMI_CONFIG_PASSPHRASE", UsageError, _NEEDS_PHRASE),
    (
        r"incorrect passphrase",
        UsageError,
        "the passphrase in PULUMI_CONFIG_PASSPHRASE is not the one this stack was made with.",
    ),
    (
        r"PULUMI_ACCESS_TOKEN must be set|not logged in|no credentials to log in",
        UsageError,
        NOT_LOGGED_IN,
    ),
    (
        r"validating stack config: (?P<what>.*?must be of type '\w+')",
        UsageError,
        "{what}; mend it with `pulumi config set --stack {stack} KEY VALUE`, or in Pulumi.{stack}.yaml.",
    ),
    (
        r"the stack is currently locked by|Another update is currently in progress",
        OpsError,
        "another update of this stack is running, or one was killed. If none is running any more:\n"
        "  pulumi cancel --stack {stack}",
    ),
    (
        r"ExpiredToken|security token included in the request is expired",
        OpsError,
        "the AWS credentials have expired; renew them (aws sso login) and run the command again.",
    ),
    (
        r"no resource plugin|could not (?:find|download) plugin|failed to (?:install|download) plugin",
        OpsError,
        "the engine cannot get the AWS provider. It needs HTTPS to get.pulumi.com or github.com once:\n"
        "  pulumi plugin install resource aws",
    ),
)

_PROTECTED = re.compile(
    r'(?:unable to (?P<replace>replace) resource|resource) "(?P<urn>urn:[^"]+)"'
    r".*(?:marked for protection|is protected)",
    re.DOTALL,
)
_NOISE = re.compile(
    r"^(update|preview|refresh|destroy) failed$|^error: (update|preview) failed$|^\d+ error", re.IGNORECASE
)
_PROGRAM = "python inline source runtime error: "
_TERMINATED = "Resource monitor has terminated"
LOST = (
    "the program lost its connection to the engine. What had been done is in the stack's state; run the "
    "command again."
)
"""Where no message of the engine gives a reason."""


class MissingStackError(UsageError):
    """The backend has no such stack.

    Args:
        stack: that is not there.
        backend: where it was looked for.
        present: the stacks of the project that are there.
    """

    def __init__(self, stack: str, backend: str, present: Sequence[str]) -> None:
        self.stack, self.backend = stack, backend
        super().__init__(
            f"the backend {backend} has no stack '{stack}'{did_you_mean(stack, present)}; of this project it "
            f"has: {', '.join(present) or 'none'}.\n"
            f"Make it once:  pulumi stack init {stack}\n"
            f"and commit Pulumi.{stack}.yaml, which then holds the key of its secrets.\n"
            f"Its plan without a backend:  python -m ops preview --stack {stack} --offline"
        )


def engine_failure(text: str, stack: str) -> OpsError | None:
    """The error for a known message of the engine, or None.

    Args:
        text: stderr, stdout or diagnostics of the run.
        stack: for the commands the advice names.
    """
    for pattern, kind, advice in _KNOWN:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            advice = advice.replace("{what}", found.groupdict().get("what") or "")
            return kind(advice.replace("{stack}", stack))
    return None


def readable(diagnostics: Sequence[Diagnostic], root: Path) -> list[str]:
    """The error messages worth showing, the resource before each, without the SDK's tracebacks.

    Args:
        diagnostics: of the run, errors only.
        root: the project; the innermost of its lines in a traceback is named.
    """
    lines: list[str] = []
    for diagnostic in diagnostics:
        message = diagnostic.message
        if _PROGRAM in message:
            message = _of_program(message.split(_PROGRAM, 1)[1], root)
        message = _of_protection(message.removeprefix("error: "))
        if not message or _NOISE.search(message):
            continue
        name = diagnostic.urn.split("::", 3)[3] if diagnostic.urn.count("::") >= 3 else ""
        about = "" if not name or "pulumi:pulumi:Stack" in diagnostic.urn or name in message else f"{name}: "
        line = f"{about}{message}"
        if line not in lines:
            lines.append(line)
    # The SDK says so of every call that the engine's end cut off: a reason stands beside it, if there is one.
    reasons = [line for line in lines if _TERMINATED not in line]
    return reasons if reasons or not lines else [LOST]


def _of_program(text: str, root: Path) -> str:
    """Exception and place out of the traceback that the Automation API's language server reports."""
    message, _, trace = text.partition("\nTraceback")
    if not trace:
        return text.strip()
    frames = re.findall(r'File "([^"]+)", line (\d+)', trace)
    own = [(f, n) for f, n in frames if Path(f).is_relative_to(root) and "site-packages" not in f]
    kind = trace.strip().splitlines()[-1].partition(":")[0]
    place = f"\n  at {Path(own[-1][0]).relative_to(root)}:{own[-1][1]}" if own else ""
    return f"{kind}: {message.strip()}{place}"


def _of_protection(message: str) -> str:
    found = _PROTECTED.search(message)
    if not found:
        return message
    what = "this change would replace it" if found["replace"] else "it is not deleted"
    name = found["urn"].split("::", 3)[3]
    return (
        f"'{name}' is protected: {what}. Take the change back; or, if its data may go, "
        "set protectData to false, run `up`, and try again."
    )


def last_lines(stderr: str, stdout: str, count: int = 12) -> str:
    """The end of what an engine printed, for a failure nothing else explains."""
    text = stderr.strip() or stdout.strip()
    return "\n".join(text.splitlines()[-count:])
