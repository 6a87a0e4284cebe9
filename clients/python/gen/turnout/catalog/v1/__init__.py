"""Generated from protos/turnout/catalog/v1 by `make protos`."""
