"""Runs a control plane: `python -m controlplane --help`."""

import sys

import uvloop

from controlplane.access.callers import CallersInvalid
from controlplane.catalog.document.problem import CatalogInvalid
from controlplane.config import read_config
from controlplane.signing.folder import KeyFolderError
from controlplane.store.protocols import SchemaMismatch, StoreUnavailable
from controlplane.wiring import serve
from turnout_wire.logs import start_logs

_STORE = (SchemaMismatch, StoreUnavailable)


def main() -> int:
    """Serve until a signal; 1 if the control plane cannot start, with the reason on standard error."""
    config = read_config(sys.argv[1:])
    start_logs("turnout-control-plane", config.log_level)
    try:
        uvloop.run(serve(config))
    except (OSError, ValueError, CallersInvalid, CatalogInvalid, KeyFolderError, *_STORE) as error:
        sys.stderr.write(f"turnout control plane: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
