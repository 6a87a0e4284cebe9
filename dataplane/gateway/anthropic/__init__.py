"""Anthropic's API: messages, the count of their tokens, and models."""
