"""The whole state that a decision reads, under one version."""
