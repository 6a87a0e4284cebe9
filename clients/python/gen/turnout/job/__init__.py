"""Generated from protos/turnout/job by `make protos`."""
