"""Where a store is, as an address says it."""

from dataclasses import dataclass
from pathlib import Path

EXPECTED = "sqlite:/path/to/turnout.db or postgresql://user@host/database"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteAddress:
    """A file on this machine."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """A database server, by a URL that may hold a password: never print it whole."""

    url: str


Address = SqliteAddress | PostgresAddress


def address(url: str) -> Address:
    """What `url` means. `sqlite:` takes an absolute or relative path. Raises ValueError."""
    scheme, colon, rest = url.partition(":")
    match scheme:
        case "sqlite" if colon and rest.strip("/"):
            return SqliteAddress(path=Path(rest if not rest.startswith("//") else "/" + rest.lstrip("/")))
        case "postgresql" | "postgres" if rest.startswith("//"):
            return PostgresAddress(url=url)
        case _:
            raise ValueError(f"store: {_without_secret(url)!r} is no address of a store: {EXPECTED} is")


def _without_secret(url: str) -> str:
    before, at, after = url.rpartition("@")
    return f"{before.partition(':')[0]}://…@{after}" if at else url
