"""Facts about a request that routing depends on, found in linear time."""
