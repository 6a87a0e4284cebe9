"""Generated from protos/turnout/outcome by `make protos`."""
