"""Generated from protos/turnout/inference/v1 by `make protos`."""
