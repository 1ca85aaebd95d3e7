"""The time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from api_handler.tools.toolbox import ToolError


def current_time(
    timezone: Annotated[str, "IANA name such as Europe/Berlin; UTC when left out"] = "UTC",
) -> dict[str, Any]:
    """Tell the current date, time and weekday in a time zone."""
    try:
        # The key check of zoneinfo itself refuses paths that leave its database.
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise ToolError(
            f"{timezone[:60]!r} is not a time zone this system knows; use an IANA name or UTC"
        ) from None
    now = datetime.now(zone)
    return {"time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A"), "timezone": timezone}
