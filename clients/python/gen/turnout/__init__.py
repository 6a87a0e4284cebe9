"""Generated from protos/turnout by `make protos`."""
