"""Generated from protos/turnout/snapshot/v1 by `make protos`."""
