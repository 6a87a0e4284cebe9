"""Generated from protos/turnout/errors/v1 by `make protos`."""
