"""Runs the program inside this process, without an engine, and records every registration.

The tests, the guardrails, the cost estimate and the diagram read the result.
It differs from Pulumi's stock mocks where those hide mistakes: URNs are made as
the engine makes them, a name used twice is an error, options (protect, parent,
import, ...) and secrets are visible, an unexpected lookup fails, and nothing
returns before everything is registered.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import runpy
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import mocks, resource, rpc, settings, stack
from pulumi.runtime.proto import resource_pb2, source_pb2

from ops.collector import collector_at_rest
from ops.engine.standin.lookups import answer_lookup
from ops.engine.standin.outputs import computed_outputs
from ops.plan import UNKNOWN, Plan, PlannedResource

ACCOUNT_ID = "123456789012"
"""The account that offline runs stand in: AWS's own placeholder."""


class DuplicateUrnError(Exception):
    """Two resources of one type, parent and name: the engine would refuse the program."""


@dataclass
class Recording:
    """Everything one run registered.

    Attributes:
        resources: by URN.
        component_outputs: what each component (and the stack) gave to ``register_outputs``.
        lookups: tokens of the data lookups answered, in order.
        result: what the builder returned.
    """

    resources: dict[str, PlannedResource] = field(default_factory=dict)
    component_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    lookups: list[str] = field(default_factory=list)
    result: Any = None

    @property
    def exports(self) -> dict[str, Any]:
        """The stack's outputs."""
        return next((v for urn, v in self.component_outputs.items() if "::pulumi:pulumi:Stack::" in urn), {})


class _Monitor(mocks.MockMonitor):
    """Records requests; the engine's URN rule instead of the stock one."""

    def __init__(
        self, recording: Recording, project: str, stack_name: str, region: str, preview: bool
    ) -> None:
        super().__init__(_Unused())
        self._recording = recording
        self._project = project
        self._stack = stack_name
        self._region = region
        self._preview = preview
        self._lock = threading.Lock()  # the SDK registers from executor threads

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        # pulumi/pulumi pkg/resource/deploy, generateURN: the whole chain of types, the root stack left out.
        if parent and "::pulumi:pulumi:Stack::" not in parent:
            type_ = parent.split("::")[2] + "$" + type_
        return f"urn:pulumi:{self._stack}::{self._project}::{type_}::{name}"

    def Invoke(self, request: Any) -> Any:
        args = _plain(json_format.MessageToDict(request.args), "", set())
        answer = answer_lookup(request.tok, args, account=ACCOUNT_ID, region=self._region)
        with self._lock:
            self._recording.lookups.append(request.tok)
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(_to_value(answer).struct_value)  # "return" is a keyword
        return response

    def RegisterResource(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        secret_paths: set[str] = set()
        inputs = _plain(json_format.MessageToDict(request.object), "", secret_paths)
        outputs: dict[str, Any] = {}
        if request.custom:
            outputs = computed_outputs(
                request.type, request.name, inputs, account=ACCOUNT_ID, region=self._region, stack=self._stack
            )
        record = _record(request, urn, inputs, outputs, secret_paths)
        with self._lock:
            if urn in self._recording.resources:
                raise DuplicateUrnError(f"{urn} is registered twice")
            self._recording.resources[urn] = record
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if self._preview:
            # As the engine in a preview: the provider does not answer, inputs come back, the rest is unknown.
            known = struct_pb2.Struct()
            known.CopyFrom(request.object)
            for key in outputs:
                if key not in known.fields:
                    known.fields[key].string_value = UNKNOWN
            return resource_pb2.RegisterResourceResponse(urn=urn, id="", object=known)
        answer = struct_pb2.Struct()
        answer.CopyFrom(request.object)
        for key, value in outputs.items():
            if key != "id":
                answer.fields[key].CopyFrom(_to_value(value))
        for key in request.additionalSecretOutputs:
            if key in answer.fields:
                inner = struct_pb2.Value()
                inner.CopyFrom(answer.fields[key])
                answer.fields[key].struct_value.fields[
                    rpc._special_sig_key
                ].string_value = rpc._special_secret_sig
                answer.fields[key].struct_value.fields["value"].CopyFrom(inner)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=str(outputs.get("id", "")), object=answer)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        secret: set[str] = set()
        outputs = _plain(json_format.MessageToDict(request.outputs), "", secret)
        with self._lock:
            self._recording.component_outputs[request.urn] = outputs
            self._recording.component_outputs[request.urn + "#secrets"] = {"paths": frozenset(secret)}
        return super().RegisterResourceOutputs(request)


class _Unused(mocks.Mocks):
    """The stock hooks; the monitor above answers everything itself, so reaching one is a fault."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(f"unexpected lookup {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError(f"unexpected read of {args.typ}")


def record(
    builder: Callable[[], Any],
    *,
    project: str = "orchestrator",
    stack_name: str = "dev",
    region: str = "us-east-1",
    preview: bool = False,
    config: Mapping[str, str] | None = None,
) -> Recording:
    """Runs ``builder`` as the body of a Pulumi program and returns all it registered.

    Args:
        builder: makes resources; what it returns is ``Recording.result``.
        project, stack_name: of the run.
        region: home Region of the made-up account.
        preview: outputs that only a provider knows stay unknown, as in ``pulumi preview``.
        config: ``namespace:key`` to value, as strings (JSON for structured values).

    Raises:
        DuplicateUrnError: a name is used twice.
        Exception: whatever the builder, or a callback of its outputs, raised.
    """
    recording = Recording()
    monitor = _Monitor(recording, project, stack_name, region, preview)

    async def body() -> None:
        recording.result = builder()
        await _settle()

    def run() -> None:
        settings.reset_options(project=project, stack=stack_name, preview=preview)
        pulumi_config.set_all_config(dict(config or {}))
        features = set(monitor.GetDeploymentInfo(None).supportedFeatures)
        settings.configure(
            mocks.MockSettings(
                monitor=monitor,
                monitor_features=features,
                engine=mocks.MockEngine(_quiet_logger()),
                project=project,
                stack=stack_name,
                dry_run=preview,
                organization="organization",
                callbacks=None,
            )
        )
        loop = asyncio.new_event_loop()
        # asyncio.all_tasks looks through every task of the process, those of the runs before among them.
        tasks: list[asyncio.Task[Any]] = []

        def task(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
            made = asyncio.Task(coro, loop=loop, **more)
            tasks.append(made)
            return made

        loop.set_task_factory(task)
        asyncio.set_event_loop(loop)
        # One failure leaves many outputs failed; run_in_stack raises the first, the rest are its echo.
        loop.set_exception_handler(lambda loop, context: None)
        try:
            with _without_source_positions(), collector_at_rest():
                loop.run_until_complete(stack.run_in_stack(body))
        finally:
            pending = [made for made in tasks if not made.done()]
            for made in pending:
                made.cancel()
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            loop.close()
            pulumi_config.set_all_config({})

    # A context of its own: the SDK keeps the root stack and its settings in context variables.
    contextvars.Context().run(run)
    return recording


def rehearse(
    root: Path,
    stack_name: str,
    overrides: Mapping[str, str] | None = None,
    *,
    preview: bool = False,
) -> Plan:
    """Runs the project's own program for one stack and returns its plan, every output known.

    Args:
        root: folder with ``Pulumi.yaml`` and ``__main__.py``.
        stack_name: a stack with a ``Pulumi.<stack>.yaml``.
        overrides: ``namespace:key`` (or bare key of the project) to value, over the stack file.
        preview: leave provider outputs unknown.

    Raises:
        ops.errors.UsageError: there is no such stack.
        Exception: whatever the program raised.
    """
    from ops.stackfiles import effective_config

    config = effective_config(root, stack_name, overrides or {})
    region = config.get("aws:region", "us-east-1")
    with _on_path(root):
        recording = record(
            lambda: runpy.run_path(str(root / "__main__.py"), run_name="__main__"),
            stack_name=stack_name,
            region=region,
            preview=preview,
            config=config,
        )
    recording.result = None
    resources = tuple(sorted(recording.resources.values(), key=lambda r: r.urn))
    return Plan(
        stack=stack_name, region=region, resources=resources, config=config, exports=recording.exports
    )


async def _settle() -> None:
    """Waits for every output there is, and for those that come of them; stops at the first that failed.

    The SDK waits too, but for the first of all at each turn, which is quadratic: a quarter of a run of 50
    resources. What failed is left to it, as it knows which failure to raise.
    """
    outputs: set[asyncio.Future[Any]] = cast(Any, settings.SETTINGS).outputs
    while pending := [output for output in list(outputs) if not output.done()]:
        done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_EXCEPTION)
        if any(output.cancelled() or output.exception() for output in done):
            return


def _no_stack() -> source_pb2.StackTrace:
    return source_pb2.StackTrace()


@contextlib.contextmanager
def _without_source_positions() -> Iterator[None]:
    """Keeps the SDK from sending with each resource the stack it was made on, which nobody reads here.

    It is a fifth of a run, and more the deeper the caller stands.
    """
    real = resource._get_stack_trace
    resource._get_stack_trace = _no_stack
    try:
        yield
    finally:
        resource._get_stack_trace = real


class _on_path:
    """Puts the project's folder first on the import path for the time of the run."""

    def __init__(self, root: Path) -> None:
        self._root = str(root)

    def __enter__(self) -> None:
        sys.path.insert(0, self._root)

    def __exit__(self, *_: object) -> None:
        sys.path.remove(self._root)


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("orchestrator.recorder")
    logger.setLevel(logging.WARNING)
    return logger


def _record(
    request: Any, urn: str, inputs: dict[str, Any], outputs: dict[str, Any], secret_paths: set[str]
) -> PlannedResource:
    depends = set(request.dependencies)
    for dependency in request.propertyDependencies.values():
        depends.update(dependency.urns)
    return PlannedResource(
        type=request.type,
        name=request.name,
        urn=urn,
        inputs=inputs,
        outputs=outputs,
        parent=request.parent or None,
        custom=request.custom,
        secret_paths=frozenset(secret_paths),
        protect=bool(request.protect) if request.HasField("protect") else False,
        retain_on_delete=bool(request.retainOnDelete) if request.HasField("retainOnDelete") else False,
        import_id=request.importId,
        depends_on=frozenset(depends),
        ignore_changes=tuple(request.ignoreChanges),
        delete_before_replace=request.deleteBeforeReplace,
    )


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    """Unwraps Pulumi's wire marks; notes where a secret stood."""
    if isinstance(value, dict):
        mark = value.get(rpc._special_sig_key)
        if mark == rpc._special_secret_sig:
            secrets.add(path)
            return _plain(value["value"], path, secrets)
        if mark == rpc._special_resource_sig:
            return value.get("urn")
        return {k: _plain(v, f"{path}.{k}" if path else k, secrets) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v, f"{path}[{i}]", secrets) for i, v in enumerate(value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _to_value(value: Any) -> struct_pb2.Value:
    out = struct_pb2.Value()
    json_format.ParseDict(value, out)
    return out


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf of nested inputs with its dotted path."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from walk(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]")
    else:
        yield path, value
