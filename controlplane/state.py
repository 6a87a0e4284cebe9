"""What a control plane keeps in its state folder, opened."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controlplane.access.callers import open_callers
from controlplane.access.directory import Directory
from controlplane.access.key_book import KeyBook
from controlplane.access.model import Caller, Role
from controlplane.catalog.overlay import OverlayFile
from controlplane.catalog.shared_overlay import SharedOverlay
from controlplane.catalog.store import CatalogStore
from controlplane.config import Config
from controlplane.signing.file_store import FileKeyStore
from controlplane.signing.folder import DiskFolder
from controlplane.store.protocols import Store
from turnout_wire.dev import NAME, TENANT

KEYS, OVERLAY, VERSION, ROUTES = "keys", "overlay.json", "snapshot.json", "routes"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the state folder holds."""

    folder: Path
    keys_folder: DiskFolder
    keys: FileKeyStore
    callers: Directory
    book: KeyBook
    catalog: CatalogStore


def open_state(config: Config, store: Store, clock: Callable[[], datetime]) -> State:
    """Open the state folder; makes keys and callers on first start.

    Control planes that share a store may share the folders too: then what changes is in the store, and keys change in turn.

    Raises OSError, CallersInvalid, CatalogInvalid or KeyFolderError, each with what to do.
    """
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = DiskFolder(config.keys or config.state / KEYS, shared=config.shared)
    overlay = SharedOverlay(store.database) if config.shared else OverlayFile(config.state / OVERLAY)
    keys = FileKeyStore(folder, issuer=config.issuer, clock=clock, seed=lambda: os.urandom(32))
    with folder.exclusive():
        first = open_callers(config.state, lambda: secrets.token_urlsafe(32))
    book = KeyBook(store.database)
    return State(
        folder=config.state,
        keys_folder=folder,
        keys=keys,
        callers=Directory(first, book, clock, _anybody() if config.dev else None),
        book=book,
        catalog=CatalogStore(config.catalog, overlay, clock),
    )


def _anybody() -> Caller:
    """Who calls without a token in development: no token of its own, so nothing can be found by that."""
    return Caller(name=NAME, tenant=TENANT, token_sha256=b"", roles=frozenset({Role.CALLER}))
