"""The rehearsal beside a preview: the same program in a process of its own, every output known.

It feeds the guardrails and the cost line, which need values that a preview leaves
unknown, and it runs on the second core while the engine works.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import pickle
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ops.engine.program import ProgramFailure, describe, surroundings
from ops.plan import Plan


@dataclass
class Rehearsal:
    """What came out of it.

    Attributes:
        plan: None when the program failed.
        findings: of ``ops.guardrails.check``: each has severity, policy, resource, message, source.
        cost: of ``ops.cost.monthly_line``, "" when there is no estimate.
        failure: why the program failed.
        problem: why there is no estimate.
        unchecked: why the guardrails could not look at the plan.
    """

    plan: Plan | None = None
    findings: list[Any] = field(default_factory=list)
    cost: str = ""
    failure: ProgramFailure | None = None
    problem: str = ""
    unchecked: str = ""


def rehearse_here(root: Path, stack: str, overrides: Mapping[str, str]) -> Rehearsal:
    """Runs the program in this process, then guardrails and estimate over its plan."""
    from ops.engine.recorder import rehearse

    result = Rehearsal()
    try:
        with warnings.catch_warnings(), surroundings(root):
            warnings.simplefilter("ignore")  # the SDK's own modules warn about classes nobody uses
            result.plan = rehearse(root, stack, overrides)
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        result.failure = describe(problem, root)
        return result
    try:
        result.findings = _guardrails(result.plan)
    except Exception as problem:
        result.unchecked = f"{type(problem).__name__}: {problem}"
    try:
        result.cost = _cost(result.plan)
    except Exception as problem:
        result.problem = f"{type(problem).__name__}: {problem}"
    return result


def _guardrails(plan: Plan) -> list[Any]:
    if importlib.util.find_spec("ops.guardrails") is None:
        return []
    return list(importlib.import_module("ops.guardrails").check(plan))


def _cost(plan: Plan) -> str:
    if importlib.util.find_spec("ops.cost") is None:
        return ""
    return str(importlib.import_module("ops.cost").monthly_line(plan))


class BackgroundRehearsal:
    """A rehearsal in a process of its own.

    Args:
        root: the project.
        stack: with a file.
        overrides: configuration for this run only.
    """

    def __init__(self, root: Path, stack: str, overrides: Mapping[str, str]) -> None:
        self._answer: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        given = [str(root), stack, json.dumps(dict(overrides))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops.engine.rehearsal_process", *given],
            stdin=subprocess.DEVNULL,
            stdout=self._answer,
            stderr=self._messages,
            cwd=Path(__file__).resolve().parents[2],
        )

    def result(self) -> Rehearsal:
        """Waits for the end.

        A process that died without an answer is reported in ``unchecked``.
        """
        code = self._process.wait()
        self._answer.seek(0)
        data = self._answer.read()
        if code == 0 and data:
            # Written by our own child process into a file that has no name.
            return pickle.loads(data)  # noqa: S301
        self._messages.seek(0)
        last = self._messages.read().decode(errors="replace").strip().splitlines()[-1:]
        return Rehearsal(unchecked=f"the rehearsal ended with code {code}: {' '.join(last)}")

    def stop(self) -> None:
        """Ends the process if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._answer.close()
        self._messages.close()
