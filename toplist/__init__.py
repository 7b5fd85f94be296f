"""toplist: the 1688 ranking lists (榜单), complete, every day, with what changed."""
