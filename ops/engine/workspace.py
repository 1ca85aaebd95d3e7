"""One stack of the project through Pulumi's Automation API.

Three kinds of run: against AWS with the user's backend (``online``), a preview
without an account (``offline``, everything in a folder that is gone afterwards),
and a whole stack of the stand-in with a state of its own (``local_stack``).
https://www.pulumi.com/docs/iac/packages-and-automation/automation-api/
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pulumi import automation as auto
from pulumi import log
from pulumi.automation._stack import StackInitMode
from pulumi.automation.errors import CommandError, StackNotFoundError
from semver import VersionInfo

from ops.engine.cli_binary import Engine, find_engine
from ops.engine.credentials import pulumi_backend
from ops.engine.failures import LOST, MissingStackError, engine_failure, last_lines, readable
from ops.engine.paths import ROOT
from ops.engine.program import InlineProgram
from ops.engine.result import EventCollector, RunResult
from ops.engine.scratch import prepare
from ops.engine.standin.server import Standin
from ops.errors import OpsError, UsageError
from ops.stackfiles import effective_config, read_mapping, require_stack

Operation = Literal["preview", "up", "refresh", "destroy"]

OWN_PASSPHRASE = "orchestrator-offline"  # noqa: S105 - guards nothing: the values it encrypts are made up
DEFAULT_REGION = "us-east-1"

# The program is served from this process; when the engine stops it half-way, gRPC logs tracebacks of calls
# that found nobody, some of them when all is over. Why the engine stopped is told by its own messages, and
# what goes wrong in a handler of ours reaches the engine as the call's status.
logging.getLogger("grpc._server").disabled = True

_QUIET = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_CI_DETECTION": "true"}


class _Command(auto.PulumiCommand):
    """The engine that was found; the stock class would look on PATH and ask for the version again."""

    def __init__(self, engine: Engine) -> None:
        self.command = str(engine.path)
        self.version = VersionInfo.parse(engine.version)


class _Stack(auto.Stack):
    """Leaves out the four calls of the engine after every update that read outputs and history back:
    the events of the run have told both already."""

    def outputs(self) -> dict[str, auto.OutputValue]:
        return {}

    def info(self, show_secrets: bool = True) -> Any:
        return ()


class _OwnWorkspace(auto.LocalWorkspace):
    """Every command names its stack, so in a backend of our own nothing needs to be selected."""

    def select_stack(self, stack_name: str) -> None:
        pass


class _UsersWorkspace(auto.LocalWorkspace):
    """The user's backend: whether the stack exists is asked, and the one that is selected stays selected.

    The stock class selects; the user's next `pulumi up` would then be about another stack.
    """

    def select_stack(self, stack_name: str) -> None:
        self._run_pulumi_cmd_sync(["stack", "--show-name", "--stack", stack_name])

    def create_stack(self, stack_name: str) -> None:
        # Without the option the engine would take its default, whatever the stack file names.
        provider = ["--secrets-provider", self.secrets_provider] if self.secrets_provider else []
        self._run_pulumi_cmd_sync(["stack", "init", stack_name, "--no-select", *provider])


@contextlib.contextmanager
def _without_debug_messages() -> Iterator[None]:
    """Keeps the SDK from telling the engine four times a resource what it is about to do.

    Each is a call that waits for an answer, and the engine shows none of them without ``--debug``.
    """
    real, log.debug = log.debug, _nothing
    try:
        yield
    finally:
        log.debug = real


def _nothing(*_: object, **__: object) -> None:
    pass


@dataclass
class Session:
    """A stack that is selected and can be run.

    Attributes:
        root: the project.
        stack_name: of the stack.
        stack: the Automation API's stack.
        program: runs the project's ``__main__.py``.
        standin: the stand-in providers, None in an online run.
        hidden: configuration keys whose encrypted values the run cannot read.
    """

    root: Path
    stack_name: str
    stack: auto.Stack
    program: InlineProgram
    standin: Standin | None = None
    hidden: tuple[str, ...] = ()
    collector: EventCollector = field(default_factory=EventCollector)

    def run(self, operation: Operation, **options: Any) -> RunResult:
        """Runs one operation and gives what it did or would do.

        Args:
            operation: what to run.
            **options: of the Automation API's method of that name.

        Raises:
            UsageError: the configuration is wrong, or the passphrase or a login is missing.
            OpsError: the program, the engine or a provider failed; the message has every reason given.
        """
        if operation == "destroy":
            self._refuse_protected()
        self.collector = EventCollector()
        method: Callable[..., Any] = getattr(self.stack, operation)
        try:
            with _without_debug_messages():
                method(on_event=self.collector, color="never", **options)
        except CommandError as problem:
            self.program.release()
            raise self._explained(problem) from None
        except BaseException:
            self.program.disconnect()
            raise
        self.program.release()
        return self.collector.result()

    def _refuse_protected(self) -> None:
        """The engine deletes what it may before it fails on what is protected; so this is looked at first."""
        held = sorted(item["urn"].split("::", 3)[3] for item in self.exported() if item.get("protect"))
        if held:
            raise OpsError(
                f"nothing was deleted: {len(held)} resource(s) hold data and are protected: "
                f"{', '.join(map(repr, held))}. If the data may go, set protectData to false, run `up`, and "
                "try again."
            )

    def exported(self) -> list[dict[str, Any]]:
        """The resources of the state, as the engine exports them, secrets in plain."""
        deployment = self.stack.export_stack().deployment or {}
        return list(deployment.get("resources") or ())

    def _explained(self, problem: CommandError) -> OpsError:
        failure = self.program.failure
        if failure is not None:
            kind = UsageError if failure.configuration else OpsError
            return kind(str(failure))
        if self.standin is not None and self.standin.problems:
            found = sorted(set(map(str, self.standin.problems)))
            listed = "\n".join(f"  - {line}" for line in found)
            return OpsError(f"{len(found)} input(s) do not fit the types of the installed SDK:\n{listed}")
        result = self.collector.result()
        text = str(problem)
        known = engine_failure(text, self.stack_name)
        if known is not None:
            return known
        lines = readable(result.errors(), self.root.resolve())
        if lines == [LOST]:
            return OpsError(f"{LOST}\n{last_lines(text, '')}")
        if lines:
            return OpsError("\n".join(lines))
        return OpsError(f"the engine failed:\n{last_lines(text, '')}")


@contextlib.contextmanager
def offline(
    stack_name: str, overrides: Mapping[str, str] | None = None, *, root: Path = ROOT
) -> Iterator[Session]:
    """A stack with the stand-in providers, an empty state and nothing that outlives the block.

    Every run has a backend of its own: two at once do not meet, and one that was killed leaves no lock.

    Args:
        stack_name: a stack with a file.
        overrides: configuration for this run only.
        root: the project.
    """
    engine = find_engine(root)
    with (
        tempfile.TemporaryDirectory(prefix="orchestrator-offline-") as folder,
        own_stack(engine, stack_name, overrides or {}, root=root, state=Path(folder)) as session,
    ):
        yield session


@contextlib.contextmanager
def own_stack(
    engine: Engine, stack_name: str, overrides: Mapping[str, str], *, root: Path, state: Path
) -> Iterator[Session]:
    """A stack of the stand-in whose backend, home and project files are in ``state``.

    Args:
        engine: to run.
        stack_name: a stack with a file.
        overrides: configuration for this run only.
        root: the project.
        state: a folder that exists.
    """
    require_stack(root, stack_name)
    region = effective_config(root, stack_name, overrides).get("aws:region") or DEFAULT_REGION
    for name in ("backend", "home", "work"):
        (state / name).mkdir(exist_ok=True)
    prepared = prepare(root, stack_name, state / "work", overrides, own_backend=True)
    with Standin(stack=stack_name, region=region) as standin:
        environment = {
            **_QUIET,
            **standin.environment,
            "PULUMI_BACKEND_URL": (state / "backend").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": OWN_PASSPHRASE,
            "PULUMI_CONFIG_PASSPHRASE_FILE": "",
            "PULUMI_ACCESS_TOKEN": "",
            "PULUMI_HOME": str(state / "home"),
        }
        # The engine's own layout (pulumi/pulumi pkg/backend/diy); a call to ask costs a third of a second.
        there = any((state / "backend" / ".pulumi" / "stacks").rglob(f"{stack_name}.json"))
        mode = StackInitMode.SELECT if there else StackInitMode.CREATE
        session = _session(engine, root, stack_name, prepared.folder, environment, mode, _OwnWorkspace)
        session.standin = standin
        session.hidden = prepared.hidden
        yield session


@contextlib.contextmanager
def online(
    stack_name: str, overrides: Mapping[str, str] | None = None, *, root: Path = ROOT
) -> Iterator[Session]:
    """The stack in AWS, with the backend, the login and the passphrase of the user.

    Args:
        stack_name: a stack with a file, that exists in the backend: nothing is made there.
        overrides: configuration for this run only: the files stay as they are.
        root: the project.

    Raises:
        MissingStackError: the backend has no such stack.
        UsageError: there is no such file, no login, no passphrase.
    """
    require_stack(root, stack_name)
    engine = find_engine(root)
    if not overrides:
        yield _session(engine, root, stack_name, root, _QUIET)
        return
    with tempfile.TemporaryDirectory(prefix="orchestrator-run-") as folder:
        prepared = prepare(root, stack_name, Path(folder), overrides, own_backend=False)
        yield _session(engine, root, stack_name, prepared.folder, _QUIET)


def make(stack_name: str, *, root: Path = ROOT) -> None:
    """Makes an empty stack in the user's backend; its salt or key goes into ``Pulumi.<stack>.yaml``.

    Raises:
        UsageError: there is no such file, no login, no passphrase.
        OpsError: the backend refuses.
    """
    require_stack(root, stack_name)
    _session(find_engine(root), root, stack_name, root, _QUIET, StackInitMode.CREATE)


def _session(
    engine: Engine,
    root: Path,
    stack_name: str,
    work: Path,
    environment: Mapping[str, str],
    mode: StackInitMode = StackInitMode.SELECT,
    kind: type[auto.LocalWorkspace] = _UsersWorkspace,
) -> Session:
    program = InlineProgram(root)
    workspace = kind(
        work_dir=str(work),
        program=program,
        env_vars=dict(environment),
        pulumi_command=_Command(engine),
        secrets_provider=read_mapping(work / f"Pulumi.{stack_name}.yaml").get("secretsprovider"),
    )
    try:
        stack = _Stack(stack_name, workspace, mode)
    except StackNotFoundError:
        raise MissingStackError(stack_name, pulumi_backend(root), _stacks(workspace)) from None
    except CommandError as problem:
        known = engine_failure(str(problem), stack_name)
        done = "made" if mode is StackInitMode.CREATE else "opened"
        raise known or OpsError(f"the stack cannot be {done}:\n{last_lines(str(problem), '')}") from None
    return Session(root, stack_name, stack, program)


def _stacks(workspace: auto.LocalWorkspace) -> list[str]:
    """The stacks of this project in the backend; none when it does not say."""
    try:
        return sorted(stack.name for stack in workspace.list_stacks())
    except (CommandError, ValueError, KeyError):
        return []
