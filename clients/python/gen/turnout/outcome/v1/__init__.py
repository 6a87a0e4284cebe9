"""Generated from protos/turnout/outcome/v1 by `make protos`."""
