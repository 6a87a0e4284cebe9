"""Generated from protos/turnout/budget/v1 by `make protos`."""
