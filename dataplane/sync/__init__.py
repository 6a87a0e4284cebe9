"""Keeps the worker's snapshot current."""
