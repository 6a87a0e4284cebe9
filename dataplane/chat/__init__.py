"""The chat request and its answer as plain values."""
