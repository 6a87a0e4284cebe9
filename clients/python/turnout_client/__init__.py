"""The Python client: decide, generate, stream, chat."""
