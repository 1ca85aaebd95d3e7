"""Copies of the project's files for runs that leave the originals, their backend and their secrets alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.encrypted import readable
from ops.errors import UsageError
from ops.stackfiles import declarations, own_config, qualify, read_mapping, require_stack

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_KEYS_OF_THE_BACKEND = ("encryptionsalt", "secretsprovider", "encryptedkey", "environment")


@dataclass(frozen=True)
class Prepared:
    """What was written.

    Attributes:
        folder: with ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml``.
        hidden: keys whose encrypted values the run cannot read.
    """

    folder: Path
    hidden: tuple[str, ...]


def prepare(
    root: Path, stack: str, folder: Path, overrides: Mapping[str, str], *, own_backend: bool
) -> Prepared:
    """Writes the project and stack file for one run.

    Args:
        root: the project.
        stack: a stack with a file.
        folder: where to; an existing folder.
        overrides: key (bare: of the project) to value, over the stack file; typed as ``Pulumi.yaml``
            declares.
        own_backend: the run has a backend of its own, so what belongs to the real one is left out
            and something stands in place of encrypted values (``ops.encrypted``).

    Raises:
        UsageError: no such stack, or an override that is no value of the declared type.
    """
    require_stack(root, stack)
    project = read_mapping(root / "Pulumi.yaml")
    settings = read_mapping(root / f"Pulumi.{stack}.yaml")
    config = dict(settings.get("config") or {})
    hidden: tuple[str, ...] = ()
    over = typed_overrides(project, str(project.get("name", "")), overrides)
    if own_backend:
        project.pop("backend", None)
        settings = {key: value for key, value in settings.items() if key not in _KEYS_OF_THE_BACKEND}
        config = {key: value for key, value in own_config(root, stack).items() if key not in over}
        config, hidden = readable(config, declarations(root), root, stack)
    config.update(over)
    # Relative paths of the program keep meaning the project's folder.
    project["main"] = str(root.resolve())
    _write(folder / "Pulumi.yaml", project)
    _write(folder / f"Pulumi.{stack}.yaml", {**settings, "config": config})
    return Prepared(folder, hidden)


def parse_overrides(given: list[str]) -> dict[str, str]:
    """``KEY=VALUE`` options as a mapping.

    Raises:
        UsageError: an option without ``=`` or without a key.
    """
    wrong = [item for item in given if not item.partition("=")[0].strip() or "=" not in item]
    if wrong:
        raise UsageError(
            f"--set takes KEY=VALUE, such as --set apiBackend=fargate; got {', '.join(map(repr, wrong))}"
        )
    pairs = (item.partition("=") for item in given)
    return {key.strip(): value for key, _, value in pairs}


def typed_overrides(project: Mapping[str, Any], name: str, overrides: Mapping[str, str]) -> dict[str, Any]:
    """Overrides as the stack file would hold them: typed by the project's declaration.

    Args:
        project: the parsed ``Pulumi.yaml``.
        name: of the project: the namespace of bare keys.
        overrides: key to text.

    Returns:
        Namespaced key to value. What does not fit its type stays text: the program's own check of its
        settings names key, value and what is allowed.
    """
    declared = project.get("config") or {}
    result: dict[str, Any] = {}
    for key, text in overrides.items():
        bare = key.removeprefix(f"{name}:")
        entry = declared.get(bare)
        kind = entry.get("type", "string") if isinstance(entry, Mapping) else "string"
        result[qualify(key, name)] = _typed(kind, text)
    return result


def _typed(kind: str, text: str) -> Any:
    if kind == "string":
        return text
    if kind == "array" and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        value = json.loads(text)
    except ValueError:
        return text
    expected = {"integer": int, "boolean": bool, "array": list, "object": dict}.get(kind)
    fits = expected is None or (
        isinstance(value, expected) and not (kind == "integer" and isinstance(value, bool))
    )
    return value if fits else text


def _write(path: Path, data: Mapping[str, Any]) -> None:
    text = yaml.dump(dict(data), Dumper=_DUMPER, sort_keys=False)
    path.write_text(text, encoding="utf-8")
