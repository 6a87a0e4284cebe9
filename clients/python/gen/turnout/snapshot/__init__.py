"""Generated from protos/turnout/snapshot by `make protos`."""
