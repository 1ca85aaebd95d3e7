"""The stand-in providers: gRPC servers on 127.0.0.1 that the engine attaches to instead of the real ones.

They live in the process that runs the program, so the SDK's types are loaded once
and nothing is started: the engine finds them through ``PULUMI_DEBUG_PROVIDERS``
(pulumi/pulumi pkg/resource/plugin/provider_plugin.go, GetProviderAttachPort).
They make nothing anywhere. Every input is checked against the SDK's own types.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent import futures
from dataclasses import dataclass
from importlib import metadata
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from ops.engine.standin import schema
from ops.engine.standin.differences import changes
from ops.engine.standin.lookups import UnexpectedLookupError, answer_lookup
from ops.engine.standin.naming import with_name
from ops.engine.standin.outputs import OFFLINE_ACCOUNT_ID, computed_outputs, next_outputs
from ops.plan import UNKNOWN

PACKAGES = ("aws", "random")
"""The providers the program uses."""

ADOPTED = "__adopted"
"""Marks the state read for an import: what runs there is unknown offline, so nothing differs from it."""

EXISTING: dict[tuple[str, str], Mapping[str, Any]] = {}
"""(type token, id) to the inputs of what runs already; tests of adoption fill it."""

BUCKET = "aws:s3/bucket:Bucket"
"""Imported by its name, and that is what the outputs call it too."""

_MAX_MESSAGE = 64 * 1024 * 1024
_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.Kind.ADD,
    ("add", True): provider_pb2.PropertyDiff.Kind.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.Kind.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.Kind.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.Kind.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.Kind.UPDATE_REPLACE,
}


@dataclass(frozen=True)
class InputProblem:
    """A wrong input of one resource.

    Attributes:
        type: type token.
        name: logical name.
        problem: where and what.
    """

    type: str
    name: str
    problem: schema.Problem

    def __str__(self) -> str:
        return f"{self.type} '{self.name}': {self.problem}"


@dataclass(frozen=True)
class Lookup:
    """A data lookup that was answered with made-up values.

    Attributes:
        token: of the provider function.
        arguments: camelCase, as asked.
    """

    token: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in sorted(self.arguments.items()) if v is not None)
        return f"{self.token.split(':')[-1]}({given})"


class Standin:
    """Both stand-in providers, running for as long as the ``with`` block lasts.

    Args:
        stack: name of the stack; made-up ids depend on it.
        region: home Region.
        account: the made-up account's id.
        packages: the providers to stand in for.

    Attributes:
        problems: wrong inputs found so far, each once.
        lookups: what was answered with made-up values, each once.
    """

    def __init__(
        self,
        *,
        stack: str,
        region: str,
        account: str = OFFLINE_ACCOUNT_ID,
        packages: Iterable[str] = PACKAGES,
    ) -> None:
        self.stack = stack
        self.region = region
        self.account = account
        self.problems: list[InputProblem] = []
        self.lookups: list[Lookup] = []
        self._packages = tuple(packages)
        self._servers: list[grpc.Server] = []
        self._ports: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Standin:
        for package in self._packages:
            server = grpc.server(
                futures.ThreadPoolExecutor(max_workers=8, thread_name_prefix=f"standin-{package}"),
                options=[
                    ("grpc.max_receive_message_length", _MAX_MESSAGE),
                    ("grpc.max_send_message_length", _MAX_MESSAGE),
                ],
            )
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Provider(self, package), server)
            self._ports[package] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            self._servers.append(server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.stop(0)

    @property
    def environment(self) -> dict[str, str]:
        """What the engine needs to find the stand-ins, and to look for no others."""
        return {
            "PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{port}" for name, port in self._ports.items()),
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def note_problem(self, problem: InputProblem) -> None:
        """Keeps a problem once, however often the engine asks."""
        with self._lock:
            if problem not in self.problems:
                self.problems.append(problem)

    def note_lookup(self, lookup: Lookup) -> None:
        """Keeps a lookup once, however often the engine asks."""
        with self._lock:
            if lookup not in self.lookups:
                self.lookups.append(lookup)


class _Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One package's provider; the protocol is pulumi/pulumi proto/pulumi/provider.proto."""

    def __init__(self, owner: Standin, package: str) -> None:
        self._owner = owner
        self._package = package

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        # Secrets come unwrapped and are marked again by the engine; names may be the engine's own proposal.
        return provider_pb2.ProviderHandshakeResponse(supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        # The SDK's own version: the engine warns about any other.
        return plugin_pb2.PluginInfo(version=metadata.version(f"pulumi-{self._package}"))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ConfigureResponse(supportsPreview=True, supports_autonaming_configuration=True)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_token, name = _identity(request)
        inputs, olds = _to_dict(request.news), _to_dict(request.olds)
        failures = []
        for problem in schema.check_inputs(type_token, inputs):
            self._owner.note_problem(InputProblem(type_token, name, problem))
            failures.append(provider_pb2.CheckFailure(property="", reason=str(problem)))
        proposed, disabled = _autonaming(request)
        checked = with_name(
            type_token,
            name,
            inputs,
            olds,
            known=schema.input_names(type_token),
            seed=request.randomSeed,
            proposed=proposed,
            disabled=disabled,
        )
        return provider_pb2.CheckResponse(inputs=_to_struct(checked), failures=failures)

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_token, _ = _identity(request)
        old = _to_dict(request.old_inputs)
        if ADOPTED in old:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        found = changes(type_token, old, _to_dict(request.news))
        response = provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted({change.path for change in found}),
            replaces=sorted({change.path for change in found if change.replaces}),
            hasDetailedDiff=True,
        )
        for change in found:
            response.detailedDiff[change.path].kind = _KINDS[change.kind, change.replaces]
            response.detailedDiff[change.path].inputDiff = True
        return response

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_token, name = _identity(request)
        inputs = _to_dict(request.properties)
        if request.preview:
            unknown = {key: UNKNOWN for key in schema.output_names(type_token) if key not in inputs}
            return provider_pb2.CreateResponse(id="", properties=_to_struct({**inputs, **unknown}))
        outputs = self._outputs(type_token, name, inputs)
        identifier = str(outputs.pop("id"))
        return provider_pb2.CreateResponse(id=identifier, properties=_to_struct({**inputs, **outputs}))

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_token, name = _identity(request)
        inputs, olds = _to_dict(request.news), _to_dict(request.olds)
        outputs = next_outputs(type_token, olds, inputs, self._outputs(type_token, name, inputs))
        outputs.pop("id", None)
        if request.preview:
            # What the last run knew stays known, but for what this update moves.
            outputs = {key: value if olds.get(key) == value else UNKNOWN for key, value in outputs.items()}
        return provider_pb2.UpdateResponse(properties=_to_struct({**inputs, **outputs}))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        type_token, name = _identity(request)
        properties, inputs = _to_dict(request.properties), _to_dict(request.inputs)
        if not properties:
            live = EXISTING.get((type_token, request.id))
            # An import: unless a test says so, nobody can say offline what runs there.
            named = {"bucket": request.id.partition("@")[0]} if type_token == BUCKET else {}
            known = self._outputs(type_token, name, live or named)
            known["id"] = request.id
            if live is not None:
                return provider_pb2.ReadResponse(
                    id=request.id, properties=_to_struct({**known, **live}), inputs=_to_struct(live)
                )
            self._owner.note_lookup(Lookup(f"{type_token}.read", {"id": request.id}))
            return provider_pb2.ReadResponse(
                id=request.id, properties=_to_struct(known), inputs=_to_struct({ADOPTED: True})
            )
        return provider_pb2.ReadResponse(
            id=request.id, properties=_to_struct(properties), inputs=_to_struct(inputs)
        )

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        arguments = _to_dict(request.args)
        try:
            answer = answer_lookup(
                request.tok, arguments, account=self._owner.account, region=self._owner.region
            )
        except UnexpectedLookupError as problem:
            failure = provider_pb2.CheckFailure(reason=str(problem))
            return provider_pb2.InvokeResponse(failures=[failure])
        self._owner.note_lookup(Lookup(request.tok, arguments))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(_to_struct(answer))  # a reserved word in Python
        return response

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def _outputs(self, type_token: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        owner = self._owner
        return computed_outputs(
            type_token, name, inputs, account=owner.account, region=owner.region, stack=owner.stack
        )


def _identity(request: Any) -> tuple[str, str]:
    """Type token and logical name out of a request's URN, ``urn:pulumi:stack::project::type$type::name``."""
    _, _, qualified, name = request.urn.split("::", 3)
    return qualified.split("$")[-1], name


def _autonaming(request: Any) -> tuple[str | None, bool]:
    if not request.HasField("autonaming"):
        return None, False
    mode = provider_pb2.CheckRequest.AutonamingOptions.Mode
    options = request.autonaming
    return options.proposed_name or None, options.mode == mode.DISABLE


def _to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    return _plain(json_format.MessageToDict(struct))


def _plain(value: Any) -> Any:
    """Whole numbers as int, secrets unwrapped; marks of assets stay."""
    if isinstance(value, dict):
        if value.get(rpc._special_sig_key) == rpc._special_secret_sig:
            return _plain(value.get("value"))
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _to_struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(value), struct)
    return struct
