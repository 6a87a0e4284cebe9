"""Generated from protos/turnout/trust/v1 by `make protos`."""
