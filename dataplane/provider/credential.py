"""Secrets by reference: looked up when they are needed, never shown."""

from collections.abc import Callable
from pathlib import Path

MAX_FILE_BYTES = 64 * 1024


class CredentialMissing(Exception):
    """A reference leads to no secret; the message says which and what to do, and holds no secret."""


class Credentials:
    """Resolves `env:NAME` and `file:/path`.

    `environment` looks up one variable; the process' own is read in config alone. A file is read anew when it changes,
    so that a secret can be renewed under a running worker.
    """

    __slots__ = ("_environment", "_files")

    def __init__(self, environment: Callable[[str], str | None]) -> None:
        self._environment = environment
        self._files: dict[str, tuple[tuple[int, int, int], str]] = {}

    def __repr__(self) -> str:
        return "Credentials(hidden)"

    def resolve(self, reference: str) -> str:
        """The secret, without surrounding white space; empty for an empty reference. Raises CredentialMissing."""
        kind, _, place = reference.partition(":")
        match kind:
            case "":
                return ""
            case "env":
                return self._present(self._environment(place), reference, "set the variable for the worker")
            case "file":
                return self._present(
                    self._file(place), reference, "put the secret into that file, readable for the worker"
                )
            case _:
                raise CredentialMissing(f"{kind}: is no kind of reference; use env:NAME or file:/path")

    @staticmethod
    def _present(secret: str | None, reference: str, way_out: str) -> str:
        secret = (secret or "").strip()
        if not secret:
            raise CredentialMissing(f"{reference} leads to no secret: {way_out}")
        return secret

    def _file(self, place: str) -> str | None:
        path = Path(place)
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size, status.st_ino)
            known = self._files.get(place)
            if known is not None and known[0] == version:
                return known[1]
            if status.st_size > MAX_FILE_BYTES:
                return None
            secret = path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            return None
        self._files[place] = (version, secret)
        return secret
