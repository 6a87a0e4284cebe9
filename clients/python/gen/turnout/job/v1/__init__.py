"""Generated from protos/turnout/job/v1 by `make protos`."""
