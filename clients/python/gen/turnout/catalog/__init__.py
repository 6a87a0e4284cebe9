"""Generated from protos/turnout/catalog by `make protos`."""
