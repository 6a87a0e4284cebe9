"""Generated from protos/turnout/errors by `make protos`."""
