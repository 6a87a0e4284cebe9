"""Generated from protos/turnout/access/v1 by `make protos`."""
