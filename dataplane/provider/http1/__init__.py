"""A client of HTTP/1.1 for calls of providers."""
