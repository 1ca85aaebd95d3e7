"""Checks the inputs of a resource against the types of the installed Pulumi SDK.

The SDK itself lets much through: a misspelt key in a nested dict, a number where
text belongs, a deprecated argument. Its ``...Args`` classes know better, so they
are read here: the annotations of their properties say what is known, required
and of which type, and the getters carry the deprecation messages.

Values are as they travel to a provider: plain JSON with Pulumi's marks for
secrets, assets and values that are not known yet.
"""

from __future__ import annotations

import collections.abc
import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulumi
from pulumi import _types as sdk_types
from pulumi.runtime import rpc

from ops.errors import did_you_mean
from ops.plan import UNKNOWN

OPEN_ENUMS = frozenset({"ManagedPolicy"})
"""Enums that only list examples: any policy ARN may be attached, not just AWS's own."""

DOCUMENTED_DEPRECATIONS: Mapping[tuple[str, str], str] = {
    ("aws:iam/role:Role", "inlinePolicies"): "use iam.RolePolicy",
    ("aws:iam/role:Role", "managedPolicyArns"): "use iam.RolePolicyAttachment",
}
"""Arguments that only the documentation of the SDK calls deprecated (pulumi_aws.iam.Role)."""

OUTPUT_AS_TEXT = "Calling __str__ on an Output[T]"
"""What the SDK writes into an f-string of an Output (pulumi.Output.__str__)."""

_MAX_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """One wrong input.

    Attributes:
        path: where, in the names the program uses: ``default_cache_behavior.allowed_methods[0]``.
        message: the value, what is wrong with it and what is allowed.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True)
class _Property:
    python_name: str
    types: tuple[Any, ...]
    required: bool
    deprecated: str
    documented_values: frozenset[str]


def check_inputs(type_token: str, inputs: Mapping[str, Any]) -> list[Problem]:
    """All that is wrong with the inputs of one resource.

    Args:
        type_token: such as ``aws:s3/bucket:Bucket``.
        inputs: camelCase, as a provider gets them; unknown values are taken to be right.

    Returns:
        The problems in the order of the SDK's properties; empty when all is well.
    """
    cls = resource_class(type_token)
    if cls is None:
        return [Problem("", f"the installed SDK has no resource type {type_token}")]
    problems = []
    message = _class_deprecation(cls)
    if message:
        problems.append(Problem("", f"{cls.__name__} is deprecated: {message}"))
    args = args_class(cls)
    if args is None:
        return problems
    problems += _object(args, inputs, "")
    for (token, name), advice in DOCUMENTED_DEPRECATIONS.items():
        if token == type_token and inputs.get(name) is not None:
            problems.append(Problem(_properties(args)[name].python_name, f"is deprecated: {advice}"))
    return problems


@functools.cache
def resource_class(type_token: str) -> type | None:
    """The SDK's class of a resource type, or None when the installed SDK has none."""
    parts = type_token.split(":")
    if len(parts) != 3:
        return None
    package, module, _ = parts
    _import_package(package)
    found = rpc.get_resource_module(package, module, "")
    info = getattr(found, "mod_info", None)
    if info is None or type_token not in info["classes"]:
        return None
    name = info["classes"][type_token]
    return getattr(sys.modules.get(info["fqn"]) or __import__(info["fqn"], fromlist=[name]), name, None)


@functools.cache
def _import_package(package: str) -> None:
    # Importing the package registers its resource modules with the runtime.
    try:
        __import__(f"pulumi_{package}")
    except ModuleNotFoundError:
        return


@functools.cache
def args_class(cls: type) -> type | None:
    """The class of a resource's own arguments: ``BucketArgs``, or ``BucketVersioningInitArgs``
    where a nested type has taken the plain name."""
    module = sys.modules[cls.__module__]
    for suffix in ("InitArgs", "Args"):
        found = module.__dict__.get(cls.__name__ + suffix)
        # A class of the same name imported from _inputs is the nested type, not the resource's own.
        if isinstance(found, type) and found.__module__ == cls.__module__:
            return found
    return None


@functools.cache
def output_names(type_token: str) -> frozenset[str]:
    """camelCase names of all outputs of a resource type, without ``id`` and ``urn``."""
    cls = resource_class(type_token)
    return frozenset(sdk_types.resource_types(cls)) - {"id", "urn"} if cls else frozenset()


@functools.cache
def input_names(type_token: str) -> frozenset[str]:
    """camelCase names of all inputs of a resource type."""
    cls = resource_class(type_token)
    args = args_class(cls) if cls else None
    return frozenset(_properties(args)) if args else frozenset()


def python_name(type_token: str, name: str) -> str:
    """The name the program uses for a camelCase input, or the name itself when it is unknown."""
    cls = resource_class(type_token)
    args = args_class(cls) if cls else None
    known = _properties(args).get(name) if args else None
    return known.python_name if known else name


@functools.cache
def _properties(cls: type) -> dict[str, _Property]:
    """By camelCase name, what one Args class declares."""
    hints = sdk_types._raw_return_hints(cls)
    return {
        wire_name: _Property(
            python_name=py_name,
            types=tuple(_members(hints[wire_name])),
            required=not sdk_types._is_optional_type(hints[wire_name]),
            deprecated=_deprecation(prop),
            documented_values=_documented_values(prop),
        )
        for py_name, wire_name, prop in sdk_types._py_properties(cls)
        if wire_name in hints
    }


def _documented_values(prop: property) -> frozenset[str]:
    """The values a getter's text calls valid: the enums lag behind it (route53.RecordType lacks HTTPS)."""
    _, found, text = (prop.__doc__ or "").partition("Valid values")
    return frozenset(re.findall(r"`([^`]+)`", text)) if found else frozenset()


def _deprecation(prop: property) -> str:
    """The message of ``@_utilities.deprecated``, which the decorator keeps in its closure."""
    getter = prop.fget
    while getter is not None:
        if hasattr(getter, "_pulumi_deprecated_callable"):
            return str(inspect.getclosurevars(getter).nonlocals.get("message") or "the SDK says so")
        getter = getattr(getter, "__wrapped__", None)
    return ""


@functools.cache
def _class_deprecation(cls: type) -> str:
    """The message a deprecated resource class prints when it is made (a constant of its constructor)."""
    init = cls.__dict__.get("_internal_init")
    mark = f"{cls.__name__} is deprecated: "
    for constant in getattr(getattr(init, "__code__", None), "co_consts", ()):
        if isinstance(constant, str) and constant.startswith(mark):
            return constant.removeprefix(mark)
    return ""


def _members(hint: Any) -> Iterator[Any]:
    """The types a value may have, without None, Output, Awaitable and the dict forms of Args classes."""
    if isinstance(hint, typing.ForwardRef) or hint is type(None):
        return
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        for member in typing.get_args(hint):
            yield from _members(member)
    elif not sdk_types._is_plumbing_arg(hint):
        yield hint


def _object(cls: type, value: Mapping[str, Any], path: str) -> list[Problem]:
    known = _properties(cls)
    problems: list[Problem] = []
    for name, prop in known.items():
        where = f"{path}.{prop.python_name}" if path else prop.python_name
        given = value.get(name)
        if given is None:
            if prop.required:
                problems.append(Problem(where, f"is missing; it is {_describe(prop.types)}"))
            continue
        if prop.deprecated:
            problems.append(Problem(where, f"is deprecated: {prop.deprecated}"))
        problems += _value(prop.types, given, where, prop.documented_values)
    names = {prop.python_name: wire for wire, prop in known.items()}
    for name in value:
        if name in known or name.startswith("__"):
            continue
        where = f"{path}.{name}" if path else name
        hint = did_you_mean(name, names) or did_you_mean(name, known)
        problems.append(
            Problem(
                where, f"is no property of {_shown_class(cls)}{hint}; known are {', '.join(sorted(names))}"
            )
        )
    return problems


def _value(
    allowed: tuple[Any, ...], value: Any, path: str, documented: frozenset[str] = frozenset()
) -> list[Problem]:
    value = unwrap(value)
    if value is None or value == UNKNOWN or not allowed or Any in allowed:
        return []
    if isinstance(value, str) and OUTPUT_AS_TEXT in value:
        return [
            Problem(path, "holds the text of an Output: build it with Output.concat, Output.format or apply")
        ]
    enums = [t for t in allowed if isinstance(t, type) and issubclass(t, Enum)]
    closed = [e for e in enums if e.__name__ not in OPEN_ENUMS]
    if closed and isinstance(value, str | int | float | bool):
        choices = [member.value for enum in closed for member in enum]
        choices += sorted(documented - set(choices))
        if value in choices:
            return []
        return [
            Problem(
                path,
                f"{_shown(value)} is not allowed{did_you_mean(str(value), map(str, choices))}; "
                f"{_choices(choices)}",
            )
        ]
    shape = _matching(allowed, value)
    if shape is None:
        return [Problem(path, f"{_shown(value)} is {_kind(value)}, but must be {_describe(allowed)}")]
    return _inside(shape, value, path)


def _inside(shape: Any, value: Any, path: str) -> list[Problem]:
    """The problems of what a list, mapping or object of the right outer shape holds."""
    origin = typing.get_origin(shape)
    if origin in (list, collections.abc.Sequence):
        inner = tuple(_members(typing.get_args(shape)[0]))
        return [p for i, item in enumerate(value) for p in _value(inner, item, f"{path}[{i}]")]
    if origin in (dict, collections.abc.Mapping):
        inner = tuple(_members(typing.get_args(shape)[1]))
        return [p for key, item in value.items() for p in _value(inner, item, f"{path}[{key!r}]")]
    if isinstance(shape, type) and sdk_types.is_input_type(shape):
        return _object(shape, value, path)
    return []


def _matching(allowed: tuple[Any, ...], value: Any) -> Any:
    """The first of ``allowed`` whose outer shape fits the value, or None."""
    fitting = [t for t in allowed if _fits(t, value)]
    if len(fitting) > 1 and isinstance(value, Mapping):
        # A union of objects: the one with the fewest problems is meant.
        objects = [t for t in fitting if isinstance(t, type) and sdk_types.is_input_type(t)]
        if objects:
            return min(objects, key=lambda t: len(_object(t, value, "")))
    return fitting[0] if fitting else None


def _fits(shape: Any, value: Any) -> bool:
    origin = typing.get_origin(shape)
    if origin in (list, collections.abc.Sequence):
        return isinstance(value, list | tuple)
    if origin in (dict, collections.abc.Mapping):
        return isinstance(value, Mapping)
    if not isinstance(shape, type):
        return True
    if issubclass(shape, pulumi.Asset | pulumi.Archive):
        return isinstance(value, pulumi.Asset | pulumi.Archive) or _is_asset(value)
    if sdk_types.is_input_type(shape):
        return isinstance(value, Mapping) and not _is_asset(value)
    if issubclass(shape, bool):
        return isinstance(value, bool)
    if issubclass(shape, int):
        return not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
    if issubclass(shape, float):
        return not isinstance(value, bool) and isinstance(value, int | float)
    if issubclass(shape, str):
        return isinstance(value, str)
    if issubclass(shape, Mapping):
        return isinstance(value, Mapping)
    return True


def unwrap(value: Any) -> Any:
    """Takes the marks of secrets and output values off; an output without a value is unknown."""
    while isinstance(value, Mapping) and rpc._special_sig_key in value:
        mark = value[rpc._special_sig_key]
        if mark == rpc._special_secret_sig:
            value = value.get("value")
        elif mark == rpc._special_output_value_sig:
            value = value.get("value", UNKNOWN)
        elif mark == rpc._special_resource_sig:
            value = value.get("id") or value.get("urn")
        else:
            break
    return value


def _is_asset(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(rpc._special_sig_key) in (
        rpc._special_asset_sig,
        rpc._special_archive_sig,
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if _is_asset(value):
        return "an asset or archive"
    return "a list" if isinstance(value, Sequence) else "an object"


def _describe(allowed: Sequence[Any]) -> str:
    return " or ".join(dict.fromkeys(_describe_one(t) for t in allowed)) or "anything"


def _describe_one(shape: Any) -> str:
    origin = typing.get_origin(shape)
    if origin in (list, collections.abc.Sequence):
        return f"a list of ({_describe(tuple(_members(typing.get_args(shape)[0])))})"
    if origin in (dict, collections.abc.Mapping):
        return f"a mapping to ({_describe(tuple(_members(typing.get_args(shape)[1])))})"
    if not isinstance(shape, type):
        return str(shape)
    if issubclass(shape, Enum):
        return f"one of {shape.__name__}"
    if sdk_types.is_input_type(shape):
        return f"an object {_shown_class(shape)}"
    if issubclass(shape, bool):
        return "a boolean"
    if issubclass(shape, int):
        return "a whole number"
    if issubclass(shape, float):
        return "a number"
    return "text" if issubclass(shape, str) else shape.__name__


def _shown_class(cls: type) -> str:
    return f"{cls.__module__.removesuffix('._inputs').removeprefix('pulumi_')}.{cls.__name__}"


def _choices(choices: Sequence[Any]) -> str:
    listed = ", ".join(map(repr, choices[:20]))
    more = f" … and {len(choices) - 20} more" if len(choices) > 20 else ""
    return f"allowed are {listed}{more}"


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
