"""Gemini's API: generated content, the count of its tokens, and models."""
