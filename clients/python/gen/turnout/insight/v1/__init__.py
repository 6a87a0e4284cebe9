"""Generated from protos/turnout/insight/v1 by `make protos`."""
