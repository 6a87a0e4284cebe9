"""Runs a worker: `python -m dataplane --help`."""

import sys

import uvloop

from dataplane.config import read_config
from dataplane.wiring import serve
from turnout_wire.logs import start_logs


def main() -> int:
    """Serve until a signal; 1 if the worker cannot start, with the reason on standard error."""
    config = read_config(sys.argv[1:])
    start_logs("turnout-worker", config.log_level)
    try:
        uvloop.run(serve(config))
    except OSError as error:
        sys.stderr.write(f"turnout worker: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
