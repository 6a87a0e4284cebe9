"""Verifies decisions and runs them against the providers."""
