"""The preview: engine and rehearsal side by side, then one report."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops import console
from ops.encrypted import told
from ops.engine.commands import json_target, write_json
from ops.engine.rehearsal import BackgroundRehearsal, Rehearsal
from ops.errors import OpsError, UsageError
from ops.stackfiles import effective_config, encrypted_keys, require_stack

if TYPE_CHECKING:
    from ops.engine.result import RunResult
    from ops.engine.workspace import Session

MANDATORY = "mandatory"
_TICK_S = 0.5


@dataclass
class Outcome:
    """All a preview found.

    Attributes:
        result: of the engine; None when it failed.
        rehearsal: guardrails and cost.
        lookups: data lookups answered with made-up values.
        hidden: configuration keys for whose encrypted values a placeholder stood: in the rehearsal, and
            offline in the engine's run too.
        error: why the engine failed.
    """

    result: RunResult | None = None
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    lookups: list[str] = field(default_factory=list)
    hidden: tuple[str, ...] = ()
    error: OpsError | None = None

    @property
    def mandatory(self) -> list[Any]:
        """The findings that fail the preview."""
        return [f for f in self.rehearsal.findings if f.severity == MANDATORY]

    @property
    def exit_code(self) -> int:
        """0 sound; 1 wrong program, input or plan; 2 wrong configuration."""
        if self.error is not None:
            return self.error.exit_code
        return OpsError.exit_code if self.mandatory or self.rehearsal.unchecked else 0


def preview(
    *, stack: str, overrides: Mapping[str, str], offline: bool, json_file: str | None, root: Path
) -> int:
    """Shows the plan of a stack; the exit code.

    Args:
        stack: with a file.
        overrides: configuration for this run only.
        offline: with the stand-in providers.
        json_file: where the JSON form goes, ``-`` for stdout.
        root: the project.

    Raises:
        UsageError: unknown stack, or a JSON file that cannot be written.
    """
    require_stack(root, stack)
    with json_target(json_file):
        outcome = plan(stack, overrides, offline=offline, root=root)
    region = effective_config(root, stack, overrides).get("aws:region", "")
    if json_file != "-":
        report(outcome, stack=stack, region=region, offline=offline)
    if json_file:
        from ops.engine.render import as_json

        document = as_json(
            stack=stack,
            region=region,
            offline=offline,
            ok=outcome.exit_code == 0,
            result=outcome.result,
            lookups=outcome.lookups,
            encrypted=outcome.hidden,
            findings=outcome.rehearsal.findings,
            monthly_cost=outcome.rehearsal.cost,
            errors=[outcome.error.message] if outcome.error else [],
        )
        write_json(json_file, document)
    if outcome.error is not None:
        raise outcome.error
    return outcome.exit_code


def plan(stack: str, overrides: Mapping[str, str], *, offline: bool, root: Path) -> Outcome:
    """Runs engine and rehearsal at the same time and gathers both."""
    outcome = Outcome(hidden=encrypted_keys(root, stack, overrides))
    rehearsal = BackgroundRehearsal(root, stack, overrides)
    try:
        from ops.engine import workspace

        opened = workspace.offline if offline else workspace.online
        try:
            with opened(stack, overrides, root=root) as session, watched(session, f"Planning {stack}"):
                try:
                    outcome.result = session.run("preview")
                finally:
                    if session.standin is not None:
                        outcome.lookups = sorted(map(str, session.standin.lookups))
        except OpsError as problem:
            outcome.error = problem
        outcome.rehearsal = rehearsal.result()
    finally:
        rehearsal.stop()
    failure = outcome.rehearsal.failure
    if failure is not None and (outcome.error is None or failure.configuration):
        # The settings' own message lists all problems; the engine stops at the first.
        kind = UsageError if failure.configuration else OpsError
        told_of = failure.configuration and overrides
        given = f"Given with --set for this run: {', '.join(sorted(overrides))}." if told_of else ""
        outcome.error = kind("\n".join(filter(None, [str(failure), told(outcome.hidden), given])))
    return outcome


@contextlib.contextmanager
def watched(session: Session, title: str) -> Iterator[None]:
    """A progress line that counts the resources as the engine registers them."""
    ended = threading.Event()
    started = time.monotonic()
    with console.progress(f"{title} …") as progress:

        def follow() -> None:
            while not ended.wait(_TICK_S):
                seconds = int(time.monotonic() - started)
                progress.update(f"{title} … {session.collector.registered} resources, {seconds} s")

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def report(outcome: Outcome, *, stack: str, region: str, offline: bool) -> None:
    """Prints the plan for people."""
    from ops.engine import render

    out = console.stdout()
    if offline:
        out.print(banner(outcome.hidden), style="black on yellow" if out.is_terminal else None, markup=False)
    result = outcome.result
    if result is not None:
        out.print(f"Plan of stack {stack} in {region or 'the default Region'}\n", style="bold", markup=False)
        lines = list(render.tree(result))
        for line in lines:
            out.print(line)
        out.print("" if lines else "No changes: the stack is as the program says.\n", markup=False)
        _block("Outputs", render.outputs_lines(result.outputs))
        _block("Warnings", [f"  {d.message}" for d in result.diagnostics if d.severity == "warning"])
    if result is not None:
        _block("Made up, because nobody was asked", [f"  {line}" for line in outcome.lookups])
    if outcome.hidden and not offline:
        out.print(f"Guardrails and estimate: {told(outcome.hidden)}\n", style="yellow", markup=False)
    _findings(outcome.rehearsal.findings)
    if outcome.rehearsal.problem:
        console.warn(f"there is no estimate: {outcome.rehearsal.problem}")
    if outcome.rehearsal.unchecked:
        console.error(f"the guardrails could not look at the plan: {outcome.rehearsal.unchecked}")
    if result is not None:
        out.print(f"Resources: {render.counts_line(result)}", style="bold", markup=False)
        out.print(f"By service: {render.services_line(result)}", markup=False)
        if outcome.rehearsal.cost:
            out.print(outcome.rehearsal.cost, markup=False)
    if outcome.mandatory:
        console.error(f"{len(outcome.mandatory)} mandatory guardrail(s) object")


def banner(hidden: tuple[str, ...] = ()) -> str:
    """What an offline run is and is not."""
    text = (
        "OFFLINE: the real engine with stand-in providers. Inputs are checked against the SDK's types;\n"
        "nothing was asked of AWS, nothing runs or is changed there, and every resource counts as new."
    )
    return "\n".join(filter(None, [text, told(hidden)])) + "\n"


def _block(title: str, lines: Sequence[str]) -> None:
    if lines:
        out = console.stdout()
        out.print(f"{title}:", style="bold", markup=False)
        for line in lines:
            out.print(line, markup=False)
        out.print()


def _findings(findings: Sequence[Any]) -> None:
    if not findings:
        return
    out = console.stdout()
    out.print("Guardrails:", style="bold")
    for finding in sorted(findings, key=lambda f: (f.severity != MANDATORY, f.policy, str(f.resource))):
        style = "red" if finding.severity == MANDATORY else "yellow"
        out.print(f"  {finding.severity} {finding.policy}: {finding.resource}", style=style, markup=False)
        out.print(f"    {finding.message}", markup=False)
        out.print(f"    {finding.source}", style="dim", markup=False)
    out.print()
