"""Generated from protos/turnout/inference by `make protos`."""
