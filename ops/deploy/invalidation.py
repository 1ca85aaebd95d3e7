"""Few and exact invalidation paths out of the files that changed. Pure.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import quote

from ops.deploy.rules import is_hashed_asset, page_urls

MOST_PATHS = 15
"""CloudFront works on 15 wildcard paths at a time; each path counts against the free thousand a month."""


def paths_for(changed: Iterable[str], most: int = MOST_PATHS) -> list[str]:
    """The paths to invalidate for the files that changed or went, sorted.

    A page is named as file, as folder and in its slashless form. Hashed assets never change. More than
    ``most`` paths fold to prefixes, from the deepest folders up, and in the end to everything.
    """
    files = sorted(path for path in changed if not is_hashed_asset(path))
    exact = sorted({_encoded(url) for path in files for url in page_urls(path)})
    if len(exact) <= most:
        return exact
    folded = {_encoded(url) for path in files for url in page_urls(path)}
    depth = max(path.count("/") for path in folded)
    while len(folded) > most and depth > 1:
        groups: dict[str, set[str]] = defaultdict(set)
        for path in folded:
            if path.count("/") >= depth:
                groups[path[: path.rindex("/") + 1] + "*"].add(path)
        # The fullest folders first: those save the most paths for the least that is dropped in vain.
        for prefix, members in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
            if len(members) > 1 or len(folded) > most:
                folded = {path for path in folded if not _under(path, prefix)} | {prefix}
            if len(folded) <= most:
                break
        depth -= 1
    return sorted(folded) if len(folded) <= most else ["/*"]


def covers(paths: Iterable[str], url: str) -> bool:
    """Whether one of the paths stands for a URL path."""
    return any(path == url or (path.endswith("*") and url.startswith(path[:-1])) for path in paths)


def _under(path: str, prefix: str) -> bool:
    return path.startswith(prefix[:-1])


def _encoded(url: str) -> str:
    # A literal asterisk at the end would be a wildcard.
    return quote(url, safe="/-_.~!$&'()+,;=:@")
