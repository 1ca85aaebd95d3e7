"""Request headers whose value opens something: keys, sessions, the previews of a release and of a standby."""

from __future__ import annotations

SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key", "x-release-token", "x-standby-token"})
"""In lower case."""
