"""Generated from protos/turnout/access by `make protos`."""
