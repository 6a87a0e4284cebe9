"""A server of HTTP/1.1 for the gateway."""
