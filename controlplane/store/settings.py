"""Small things that are kept by name in the table of settings: all of one kind have the start of their names in common."""

from collections.abc import Iterable, Mapping
from typing import cast

from controlplane.store.protocols import Database, Statement

_ALL = "SELECT name, body FROM setting WHERE name >= ? AND name < ?"
_KEEP = "INSERT INTO setting (name, version, body) VALUES (?, 1, ?)"
_DROP = "DELETE FROM setting WHERE name = ?"


class Settings:
    """Those of one `kind`, by what follows it in their names. Every method raises StoreUnavailable."""

    def __init__(self, database: Database, kind: str) -> None:
        self._database = database
        self._start, self._end = f"{kind}/", f"{kind}0"  # "0" comes after "/"

    async def all(self) -> Mapping[str, bytes]:
        """Every body, by name."""
        rows = await self._database.fetch(_ALL, self._start, self._end)
        return {str(name).removeprefix(self._start): cast("bytes", body) for name, body in rows}

    async def change(self, kept: Mapping[str, bytes], dropped: Iterable[str] = ()) -> None:
        """Keep `kept` in place of what these names had, and forget `dropped`, all or nothing."""
        names = [(self._start + name,) for name in {*kept, *dropped}]
        rows = [(self._start + name, body) for name, body in kept.items()]
        await self._database.write([Statement(sql=_DROP, rows=names), Statement(sql=_KEEP, rows=rows)])
