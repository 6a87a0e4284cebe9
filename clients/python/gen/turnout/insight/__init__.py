"""Generated from protos/turnout/insight by `make protos`."""
