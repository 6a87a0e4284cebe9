"""Generated from protos/turnout/routing by `make protos`."""
