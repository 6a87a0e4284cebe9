"""Generated from protos/turnout/audit by `make protos`."""
