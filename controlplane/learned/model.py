"""Quality models on the shelf, which of them is in use, and how that came about."""

from dataclasses import dataclass, replace
from datetime import datetime

from controlplane.learning.model import Calibration

MOST = 64
"""Models that are kept, and activations that can be gone back on."""

NONE = b""
"""The digest that stands for using no quality model: the catalog's scores hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A quality model that was imported. `version` names the way in which requests are read for it.

    `workloads` are those whose own results it has learned from.
    """

    digest: bytes
    version: str
    encoder: str
    models: tuple[str, ...]
    size_bytes: int
    imported_at: datetime
    imported_by: str
    workloads: tuple[str, ...] = ()
    calibrations: tuple[Calibration, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An activation, numbered from 1: from `before` to `digest`. `rollback`: it went back."""

    number: int
    digest: bytes
    before: bytes
    rollback: bool
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is kept, the latest import first. `history` are the digests before the one in use, the last one last."""

    kept: tuple[Kept, ...] = ()
    active: bytes = NONE
    history: tuple[bytes, ...] = ()
    change: Change | None = None
    """The last one."""

    def find(self, digest: bytes) -> Kept | None:
        """The model of that digest, if it is here."""
        return next((one for one in self.kept if one.digest == digest), None)

    def imported(self, model: Kept) -> "Shelf":
        """With `model`, unless it is here. Beyond MOST the oldest go that are neither in use nor can be gone back to."""
        if self.find(model.digest) is not None:
            return self
        needed = {self.active, *self.history}
        kept = [model, *self.kept]
        spare = [one for one in reversed(kept[1:]) if one.digest not in needed]
        dropped = {one.digest for one in spare[: max(0, len(kept) - MOST)]}
        return replace(self, kept=tuple(one for one in kept if one.digest not in dropped))

    def activated(self, digest: bytes, *, by: str, at: datetime) -> "Shelf":
        """With that in use; as it is if it was already."""
        if digest == self.active:
            return self
        history = (*self.history, self.active)[-MOST // 2 :]
        return self._changed(digest, history, rollback=False, by=by, at=at)

    def rolled_back(self, *, by: str, at: datetime) -> "Shelf":
        """With that in use which was before the last activation. Raises IndexError if there was none."""
        return self._changed(self.history[-1], self.history[:-1], rollback=True, by=by, at=at)

    def _changed(self, digest: bytes, history: tuple[bytes, ...], *, rollback: bool, by: str, at: datetime) -> "Shelf":
        number = (self.change.number if self.change is not None else 0) + 1
        change = Change(number=number, digest=digest, before=self.active, rollback=rollback, by=by, at=at)
        return replace(self, active=digest, history=history, change=change)
