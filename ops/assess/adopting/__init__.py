"""``ops adopt``: from what was read to the file StaticSite takes over, and what that would change."""
