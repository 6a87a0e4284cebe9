"""Decides which model answers a request, and signs the decision."""
