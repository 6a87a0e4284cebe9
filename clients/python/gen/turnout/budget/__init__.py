"""Generated from protos/turnout/budget by `make protos`."""
