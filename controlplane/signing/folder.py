"""A folder for secrets: private to its owner, changed by one process at a time, in steps that survive a crash."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

_LOCK, _CHANGING = "lock", "changing"
_PATIENCE, _LOOK = 5.0, 0.01
"""Seconds that a change of another process is waited for, and between two looks."""
_PRIVATE_FOLDER, _PRIVATE_FILE, _OTHERS = 0o700, 0o600, 0o077


class KeyFolderError(Exception):
    """The folder cannot be used; the message names the path, what is wrong with it and how to mend it."""


class Folder(Protocol):
    """Files in one folder. A new, renamed or removed name is certain to outlast a crash only after `sync`."""

    def names(self) -> frozenset[str]:
        """The files that are there."""
        ...

    def read(self, name: str) -> bytes:
        """All of a file. Raises KeyFolderError if others than the owner may read or write it."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Make or overwrite a file; its content, not yet its name, outlasts a crash."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in one step, in place of what had that name."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def sync(self) -> None:
        """Make all changes of names so far outlast a crash."""
        ...

    def where(self, name: str) -> str:
        """How to call a file in a message."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Let nobody else read or change files as long as it lasts. Raises KeyFolderError if others take too long."""
        ...


class DiskFolder:
    """A folder on disk, made with mode 0700 if it is not there, and held until `close`.

    `shared`: with other processes that share it as well, which then change it in turn.

    Raises:
        KeyFolderError: others may look into it, or another process uses it.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._shared = shared
        _make(path)
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = -1
        try:
            self._check(self._folder, path, _PRIVATE_FOLDER)
            self._lock = self._locked()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let another process have the folder; a second call does nothing."""
        for descriptor in (self._lock, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._lock = self._folder = -1

    def names(self) -> frozenset[str]:
        """See Folder."""
        with os.scandir(self._folder) as entries:
            return frozenset(entry.name for entry in entries) - {_LOCK, _CHANGING}

    def read(self, name: str) -> bytes:
        """See Folder. A link is not followed."""
        with os.fdopen(self._open(name, os.O_RDONLY), "rb") as file:
            self._check(file.fileno(), self._path / name, _PRIVATE_FILE)
            return file.read()

    def write(self, name: str, data: bytes) -> None:
        """See Folder."""
        with os.fdopen(self._open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            self._check(file.fileno(), self._path / name, _PRIVATE_FILE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, old: str, new: str) -> None:
        """See Folder."""
        os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def remove(self, name: str) -> None:
        """See Folder."""
        os.unlink(name, dir_fd=self._folder)

    def sync(self) -> None:
        """See Folder."""
        os.fsync(self._folder)

    def where(self, name: str) -> str:
        """See Folder."""
        return str(self._path / name)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See Folder. A folder that is not shared is held by this process anyway."""
        if not self._shared:
            yield
            return
        descriptor = self._open(_CHANGING, os.O_RDWR | os.O_CREAT)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        for _ in range(round(_PATIENCE / _LOOK)):
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(_LOOK)
        raise KeyFolderError(
            f"{self._path / _CHANGING} has been locked by another control plane for {_PATIENCE:g} s: "
            "see whether that one hangs, end it, and try again"
        )

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, _PRIVATE_FILE, dir_fd=self._folder)

    def _check(self, descriptor: int, path: Path, wanted: int) -> None:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & _OTHERS:
            raise KeyFolderError(
                f"{path} has mode {mode:04o}, so others than its owner may use it, and signing keys are kept there: "
                f"run `chmod {wanted:o} {path}`, and rotate the keys if somebody may have read them"
            )

    def _locked(self) -> int:
        descriptor = self._open(_LOCK, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise KeyFolderError(
                f"{self._path} is in use by the process {owner}: one control plane has a key folder to itself; "
                "stop that one, give this one a folder of its own, or let both use one PostgreSQL store"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor


def _make(path: Path) -> None:
    """Make the folder and those that it is in, where they are missing, so that they outlast a crash."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    for folder in missing:
        descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(descriptor)
        os.close(descriptor)
