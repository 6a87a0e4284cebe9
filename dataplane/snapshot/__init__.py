"""What a worker knows, under one version."""
