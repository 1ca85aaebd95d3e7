"""The project file and the stack files, read as Pulumi reads them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ops.errors import UsageError


def stack_names(root: Path) -> list[str]:
    """The stacks that have a file, sorted."""
    return sorted(
        path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        for path in root.glob("Pulumi.*.yaml")
        if path.name.count(".") == 2
    )


def project_name(root: Path) -> str:
    """``name`` of Pulumi.yaml."""
    return str(_read(root / "Pulumi.yaml").get("name", ""))


def effective_config(root: Path, stack: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """``namespace:key`` to value, as the engine would hand it to the program.

    Args:
        root: folder with Pulumi.yaml.
        stack: a stack with a file.
        overrides: bare or namespaced keys to values, over everything else.

    Raises:
        UsageError: no such stack, a file that is no YAML, or a value that is encrypted.
    """
    require_stack(root, stack)
    project = _read(root / "Pulumi.yaml")
    name = str(project.get("name", ""))
    config: dict[str, str] = {}
    for key, entry in (project.get("config") or {}).items():
        value = entry
        if isinstance(entry, Mapping):
            value = entry.get("value", entry.get("default"))
        if value is not None:
            config[_qualify(key, name)] = as_text(value)
    for key, value in (_read(root / f"Pulumi.{stack}.yaml").get("config") or {}).items():
        if isinstance(value, Mapping) and set(value) == {"secure"}:
            continue  # encrypted: only the engine with the stack's key can read it
        config[_qualify(key, name)] = as_text(value)
    config.update({_qualify(key, name): value for key, value in overrides.items()})
    return config


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


def _qualify(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path.name} is missing in {path.parent}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise UsageError(f"{path.name} holds no mapping at its top")
    return data
