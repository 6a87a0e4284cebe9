"""Folders that stop or fail when a test wants it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field


class StoppedError(Exception):
    """The process ended here."""


@dataclass(slots=True, kw_only=True)
class MemoryFolder:
    """A Folder in memory that can stop before any step and then lose what was not synced.

    What is on the disk for certain is `disk`; `seen` is what the running process reads. A written content is durable
    at once (the folder syncs it), a name only after `sync`.
    """

    disk: dict[str, bytes] = field(default_factory=dict)
    seen: dict[str, bytes] = field(default_factory=dict)
    steps: int = 0
    stop_before: int | None = None

    def names(self) -> frozenset[str]:
        return frozenset(self.seen)

    def read(self, name: str) -> bytes:
        if name not in self.seen:
            raise FileNotFoundError(name)
        return self.seen[name]

    def write(self, name: str, data: bytes) -> None:
        def half() -> None:
            self.seen[name] = data[: len(data) // 2]

        self._step(half)
        self._step(lambda: self.seen.update({name: data}))

    def rename(self, old: str, new: str) -> None:
        self._step(lambda: self.seen.update({new: self.seen.pop(old)}))

    def remove(self, name: str) -> None:
        self._step(lambda: self.seen.pop(name))

    def sync(self) -> None:
        self._step(lambda: setattr(self, "disk", dict(self.seen)))

    def where(self, name: str) -> str:
        return f"memory/{name}"

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()

    def killed(self) -> "MemoryFolder":
        """The folder after the process was killed: everything that it did is there."""
        return MemoryFolder(disk=dict(self.seen), seen=dict(self.seen))

    def without_power(self) -> "MemoryFolder":
        """The folder after the power failed: only what was synced is there."""
        return MemoryFolder(disk=dict(self.disk), seen=dict(self.disk))

    def _step(self, effect: Callable[[], object]) -> None:
        if self.steps == self.stop_before:
            raise StoppedError
        self.steps += 1
        effect()
