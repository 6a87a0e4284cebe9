"""Generated from protos/turnout/routing/v1 by `make protos`."""
