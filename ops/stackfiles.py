"""The project file and the stack files, read as Pulumi reads them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ops.encrypted import readable
from ops.errors import UsageError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def stack_names(root: Path) -> list[str]:
    """The stacks that have a file, sorted."""
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml")
    )


def project_name(root: Path) -> str:
    """``name`` of Pulumi.yaml."""
    return str(read_mapping(root / "Pulumi.yaml").get("name", ""))


def effective_config(root: Path, stack: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """``namespace:key`` to value, as the engine would hand it to the program.

    Only the engine with the stack's key can read what is encrypted; ``ops.encrypted`` says what stands
    in its place, ``encrypted_keys`` where.

    Args:
        root: folder with Pulumi.yaml.
        stack: a stack with a file.
        overrides: bare or namespaced keys to values, over everything else.

    Raises:
        UsageError: no such stack, or a file that is no YAML.
    """
    require_stack(root, stack)
    name = project_name(root)
    config: dict[str, str] = {}
    declared = declarations(root)
    for key, entry in declared.items():
        value = entry
        if isinstance(entry, Mapping):
            value = entry.get("value", entry.get("default"))
        if value is not None:
            config[key] = as_text(value)
    own, _ = readable(own_config(root, stack), declared, root, stack)
    config.update({key: as_text(value) for key, value in own.items()})
    config.update({qualify(key, name): value for key, value in overrides.items()})
    return config


def encrypted_keys(root: Path, stack: str, overrides: Mapping[str, str]) -> tuple[str, ...]:
    """What ``effective_config`` holds a placeholder for, as ``ops.encrypted.readable`` names it.

    Args:
        root, stack, overrides: as for ``effective_config``; an override needs no placeholder.
    """
    require_stack(root, stack)
    name = project_name(root)
    over = {qualify(key, name) for key in overrides}
    own = {key: value for key, value in own_config(root, stack).items() if key not in over}
    return readable(own, declarations(root), root, stack)[1]


def declarations(root: Path) -> dict[str, Any]:
    """``namespace:key`` to its declaration in Pulumi.yaml, or to its value where that is all there is."""
    project = read_mapping(root / "Pulumi.yaml")
    name = str(project.get("name", ""))
    return {qualify(key, name): entry for key, entry in (project.get("config") or {}).items()}


def own_config(root: Path, stack: str) -> dict[str, Any]:
    """``namespace:key`` to value of the stack file itself.

    Raises:
        UsageError: the file is no YAML, or its ``config`` no mapping.
    """
    config = read_mapping(root / f"Pulumi.{stack}.yaml").get("config") or {}
    if not isinstance(config, Mapping):
        raise UsageError(f"Pulumi.{stack}.yaml: `config` must be a mapping of keys to values")
    name = project_name(root)
    return {qualify(str(key), name): value for key, value in config.items()}


def secret_prefix(config: Mapping[str, str], stack: str) -> str:
    """What the names of the stack's secrets begin with.

    Args:
        config: as ``effective_config`` gives it.
        stack: its stack.
    """
    return config.get("orchestrator:secretPrefix", "") or f"orchestrator/{stack}"


def require_stack(root: Path, stack: str) -> None:
    """Raises UsageError, naming the stacks there are, unless ``stack`` has a file."""
    names = stack_names(root)
    if stack in names:
        return
    close = difflib.get_close_matches(stack, names, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise UsageError(
        f"there is no stack '{stack}': {hint}The stacks are: {', '.join(names) or 'none'}. "
        f"A new one begins with a file Pulumi.{stack}.yaml beside Pulumi.yaml."
    )


def as_text(value: Any) -> str:
    """A YAML value as Pulumi hands it to the program: text, JSON for what is structured."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def qualify(key: str, project: str) -> str:
    """``namespace:key`` of a bare key of the project."""
    return key if ":" in key else f"{project}:{key}"


def read_mapping(path: Path) -> dict[str, Any]:
    """A YAML file of the project that holds a mapping, or nothing.

    Raises:
        UsageError: it is missing, no YAML, or holds something else.
    """
    try:
        # libyaml where PyYAML was built with it: nine times as fast, and the files are read many times a run.
        data = yaml.load(path.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - both are safe loaders
    except FileNotFoundError:
        raise UsageError(f"{path.name} is missing in {path.parent}") from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"{path.name} holds no mapping at its top")
    return data
