"""Generated from protos/turnout/audit/v1 by `make protos`."""
