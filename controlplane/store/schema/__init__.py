"""Which schema this software needs, and the same as SQL text, so that an empty database is filled without alembic."""

from importlib.resources import files
from typing import Literal

from controlplane.store.protocols import SchemaMismatch

Dialect = Literal["sqlite", "postgresql"]

REVISIONS = ("0001", "0002", "0003")
"""All revisions of the schema, oldest first, as the steps of controlplane.store.migrations chain them."""
REVISION = REVISIONS[-1]
"""The one that this software needs."""
CURRENT = "SELECT version_num FROM alembic_version"
"""Fails where there is no schema yet."""


def creation(dialect: Dialect) -> str:
    """Statements that make the current schema in an empty database, in one transaction. Written by tools.schema."""
    return files(__package__).joinpath(f"{dialect}.sql").read_text(encoding="utf-8")


def demand(found: str) -> None:
    """Raises SchemaMismatch if a database at revision `found` is not for this software."""
    demand_known(found)
    if found != REVISION:
        raise SchemaMismatch(
            f"the database has the schema of revision {found}, and this software needs {REVISION}: "
            "stop every control plane, make a copy with `turnout backup`, and then run `turnout db migrate`"
        )


def demand_known(found: str) -> None:
    """Raises SchemaMismatch if revision `found` is newer than this software."""
    if found not in REVISIONS:
        raise SchemaMismatch(
            f"this software is older than the database: it knows the schema up to revision {REVISION}, and the database "
            f"has {found}: run the newer software that changed it, or restore a copy that was made before"
        )
