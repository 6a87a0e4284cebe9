"""One process at a time writes to a SQLite database."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from controlplane.store.protocols import StoreUnavailable


class SqliteLock:
    """Have the database at `path` to oneself until `release`, by a file beside it; the kernel gives it back however we end.

    Raises StoreUnavailable if another process has it, or if the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        place = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreUnavailable(f"{place}: {error.strerror}: the folder must be writable") from error
        try:
            self._take(path)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let another process have it; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self, path: Path) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._descriptor, 20).decode(errors="replace").strip() or "unknown"
            raise StoreUnavailable(
                f"{path} is in use by the process {owner}, and one process at a time writes to a SQLite database: "
                "stop that one, give this one a database of its own, or let both use PostgreSQL"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
