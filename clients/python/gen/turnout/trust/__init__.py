"""Generated from protos/turnout/trust by `make protos`."""
