"""The tools of this deployment, from its settings. A new tool is one entry here and one in ``TOOL_NAMES``."""

from __future__ import annotations

from api_handler.aws import AwsClients
from api_handler.tools.alarms import Alarms
from api_handler.tools.arithmetic import calculate
from api_handler.tools.clock import current_time
from api_handler.tools.site_search import PACKAGED, SiteSearch
from api_handler.tools.toolbox import Tool


def builtin_tools(clients: AwsClients, *, site_index: str | None, alarm_prefix: str) -> list[Tool]:
    """All tools; their names are ``TOOL_NAMES``.

    Args:
        clients: AWS clients.
        site_index: path or URL of the site's index; None: the one in the artifact, if there is one.
        alarm_prefix: beginning of the names of this deployment's alarms.
    """
    if site_index is None and PACKAGED.is_file():
        site_index = str(PACKAGED)
    return [
        Tool(current_time),
        Tool(calculate),
        Tool(SiteSearch(site_index).search_site),
        Tool(Alarms(clients, alarm_prefix).cloudwatch_alarms),
    ]
