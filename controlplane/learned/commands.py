"""What an operator does with quality models: one object for each use case."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.learned.book import QualityBook
from controlplane.learned.model import Change, Kept, Shelf
from controlplane.learning.artefact import ArtefactInvalid, decode, encode
from controlplane.learning.experience import workloads
from controlplane.learning.fitness import mismatch, unfit
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the use cases share. `changed` hears of every activation that is kept and returns when it is published."""

    book: QualityBook
    encoder: Callable[[], str]
    clock: Callable[[], datetime]
    changed: Callable[[Change], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A quality model, whether it was activated last, and why it cannot be used here, if so."""

    model: Kept
    active: bool
    unfit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportQualityModel:
    """Keeps an artefact."""

    around: Around

    async def __call__(self, content: bytes, *, by: str) -> Shown:
        """It as it is kept. Raises Failure INVALID_FIELD for one that cannot be used here, or STORE_UNAVAILABLE."""
        around = self.around
        try:
            learned = decode(content)
        except ArtefactInvalid as error:
            raise _refused("content", str(error)) from error
        if encode(learned) != content:
            raise _refused("content", "not as training writes it; take the file from where it was made")
        if problem := unfit(learned, around.encoder()):
            raise _refused("content", problem)
        model = Kept(
            digest=learned.digest,
            version=learned.version,
            encoder=learned.heads.encoder if learned.heads is not None else "",
            models=tuple(sorted(learned.models)),
            size_bytes=len(content),
            imported_at=around.clock(),
            imported_by=by,
            workloads=workloads(learned.experience),
            calibrations=learned.calibrations,
        )
        try:
            await around.book.keep(model, content)
        except StoreUnavailable as error:
            raise _unavailable(error) from error
        shelf = around.book.shelf
        _log.info("quality model imported", extra={"digest": model.digest.hex(), "by": by})
        return Shown(model=shelf.find(model.digest) or model, active=shelf.active == model.digest, unfit="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQualityModels:
    """Lists what is kept."""

    around: Around

    async def __call__(self) -> tuple[list[Shown], Shelf]:
        """All, the latest import first. Raises Failure STORE_UNAVAILABLE."""
        book, encoder = self.around.book, self.around.encoder()
        try:
            await book.refresh()
        except StoreUnavailable as error:
            raise _unavailable(error) from error
        shelf = book.shelf
        found = [
            Shown(model=one, active=one.digest == shelf.active, unfit=mismatch(one.version, one.encoder, encoder))
            for one in shelf.kept
        ]
        return found, shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateQualityModel:
    """Lets decisions use one, or none."""

    around: Around

    async def __call__(self, digest: bytes, *, by: str) -> Shown | None:
        """What is in use now; None if none is. Raises Failure NOT_FOUND, INVALID_FIELD or STORE_UNAVAILABLE."""
        around = self.around
        try:
            await around.book.refresh()
            if digest and around.book.shelf.find(digest) is None:
                told = f"digest: there is no quality model {digest.hex()}; import it, or see `turnout learned list`"
                raise Failure("NOT_FOUND", told, field="digest")
            if digest and (problem := await around.book.problem(digest)):
                raise _refused("digest", problem)
        except StoreUnavailable as error:
            raise _unavailable(error) from error
        now = around.clock()
        return await _changed(around, lambda shelf: shelf.activated(digest, by=by, at=now), by)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackQualityModel:
    """Goes back to what was in use before."""

    around: Around

    async def __call__(self, *, by: str) -> Shown | None:
        """What is in use now; None if none is. Raises Failure NOT_FOUND, INVALID_FIELD or STORE_UNAVAILABLE."""
        around, now = self.around, self.around.clock()
        try:
            await around.book.refresh()
            history = around.book.shelf.history
            if not history:
                raise Failure("NOT_FOUND", "no quality model was activated that could be gone back on")
            if history[-1] and (problem := await around.book.problem(history[-1])):
                raise _refused("digest", f"{history[-1].hex()} was in use before, but {problem}")
        except StoreUnavailable as error:
            raise _unavailable(error) from error

        def work(shelf: Shelf) -> Shelf:
            if shelf.history != history:
                told = "another control plane changed what is in use at the same moment; see what it is now"
                raise Failure("ETAG_MISMATCH", told)
            return shelf.rolled_back(by=by, at=now)

        return await _changed(around, work, by)


async def _changed(around: Around, work: Callable[[Shelf], Shelf], by: str) -> Shown | None:
    try:
        before = around.book.shelf.change
        shelf = await around.book.change(work)
    except StoreUnavailable as error:
        raise _unavailable(error) from error
    if shelf.change is not None and shelf.change != before:
        await around.changed(shelf.change)
        _log.warning("quality model changed", extra={"digest": shelf.active.hex(), "by": by})
    model = shelf.find(shelf.active)
    return None if model is None else Shown(model=model, active=True, unfit="")


def _refused(field: str, problem: str) -> Failure:
    return Failure("INVALID_FIELD", f"{field}: {problem}", field=field)


def _unavailable(error: StoreUnavailable) -> Failure:
    told = f"quality models cannot be read or changed now ({error}); try again"
    return Failure("STORE_UNAVAILABLE", told, retry_after=timedelta(seconds=1))
