"""What botocore works out anew in every session, worked out once for all tests of a process.

A test that makes its own client parses the service's model, lists 400 folders and looks at the signatures
of 150 handlers: 20 to 100 ms, in some folders most of the time. None of it depends on the session; answers
are those of botocore's own functions.
"""

from __future__ import annotations

import os
from typing import Any

import botocore
from botocore import hooks, loaders

_SHIPPED = os.path.join(os.path.dirname(botocore.__file__), "data") + os.sep
_VARIABLE_KEYWORDS = 0x08  # inspect.CO_VARKEYWORDS

_files: dict[str, Any] = {}
_services: dict[tuple[Any, ...], list[str]] = {}
_aliases: dict[str, str] = {}

_real_load_file = loaders.JSONFileLoader.load_file
_real_list = loaders.Loader.list_available_services
_real_alias = hooks.EventAliaser._alias_event_name
_real_accepts = hooks.accepts_kwargs


def share() -> None:
    """Has every session of this process share them; a second call changes nothing."""
    loaders.JSONFileLoader.load_file = _load_file
    loaders.Loader.list_available_services = _list_available_services
    hooks.EventAliaser._alias_event_name = _alias_event_name
    hooks.accepts_kwargs = _accepts_kwargs


def _load_file(self: Any, file_path: str) -> Any:
    """Files botocore comes with; who merges into one (a model's extras) merges the same each time."""
    if not file_path.startswith(_SHIPPED):
        return _real_load_file(self, file_path)
    if file_path not in _files:
        _files[file_path] = _real_load_file(self, file_path)
    return _files[file_path]


def _list_available_services(self: Any, type_name: str) -> list[str]:
    key = (type_name, *self.search_paths)
    if key not in _services:
        _services[key] = _real_list(self, type_name)
    return list(_services[key])


def _alias_event_name(self: Any, event_name: str) -> str:
    known = self._alias_name_cache
    if event_name not in known:
        if self._event_aliases != hooks.EVENT_ALIASES:
            return _real_alias(self, event_name)
        if event_name not in _aliases:
            _aliases[event_name] = _real_alias(self, event_name)
        known[event_name] = _aliases[event_name]
    return known[event_name]


def _accepts_kwargs(func: Any) -> Any:
    """Truth alone is asked for; what is no plain function or method is left to botocore."""
    code = getattr(getattr(func, "__func__", func), "__code__", None)
    return _real_accepts(func) if code is None else bool(code.co_flags & _VARIABLE_KEYWORDS)
