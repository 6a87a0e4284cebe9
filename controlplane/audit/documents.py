"""Which catalogs, live views and quality models the store has, so that each is written once and not with every decision."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from controlplane.audit.model import Document
from controlplane.learning.model import Learned
from controlplane.snapshot.model import Catalog, Live, Snapshot

V = TypeVar("V", Catalog, Live, Learned)
KNOWN = 4_096
"""Digests that are remembered as written; a document that is written again does no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """The documents that a decision was made on, by digest; that of the quality model is empty where none was in use."""

    catalog_digest: bytes
    live_digest: bytes
    learned_digest: bytes = b""


class _Newest(Generic[V]):
    """The document of the value that was asked for last: in a busy time thousands of decisions share it."""

    def __init__(self, write: Callable[[V], Document]) -> None:
        self._write: Callable[[V], Document] = write
        self._value: V | None = None
        self._document: Document | None = None

    def of(self, value: V) -> Document:
        if self._document is None or self._value is not value:
            self._value, self._document = value, self._write(value)
        return self._document


class ReferredDocuments:
    """Makes documents of snapshots, and remembers which are written. Belongs to one event loop."""

    def __init__(
        self,
        catalog: Callable[[Catalog], Document],
        live: Callable[[Live], Document],
        learned: Callable[[Learned], Document],
        known: int = KNOWN,
    ) -> None:
        self._catalog = _Newest(catalog)
        self._live = _Newest(live)
        self._learned = _Newest(learned)
        self._made: OrderedDict[bytes, Document] = OrderedDict()
        self._size = known

    def of(self, snapshot: Snapshot) -> Referred:
        """What decisions on `snapshot` refer to."""
        catalog, live, learned = (
            self._catalog.of(snapshot.catalog),
            self._live.of(snapshot.live),
            snapshot.catalog.learned,
        )
        return Referred(
            catalog_digest=self._note(catalog),
            live_digest=self._note(live),
            learned_digest=self._note(self._learned.of(learned)) if learned is not None else b"",
        )

    def missing(self, referred: Referred) -> tuple[Document, ...]:
        """Those that are not known to be written."""
        digests = (referred.catalog_digest, referred.live_digest, referred.learned_digest)
        found = map(self._made.get, digests)
        return tuple(document for document in found if document is not None and document.body)

    def written(self, digests: Collection[bytes]) -> None:
        """They are in the store: their bodies are not needed any more."""
        for digest in digests:
            if (document := self._made.get(digest)) is not None:
                self._made[digest] = Document(digest=digest, kind=document.kind, body=b"")

    def forget(self) -> None:
        """Write those again that are referred to from now on: what nothing referred to for long may have been dropped."""
        for digest in [digest for digest, document in self._made.items() if not document.body]:
            del self._made[digest]

    def _note(self, document: Document) -> bytes:
        if document.digest not in self._made:
            self._made[document.digest] = document
            if len(self._made) > self._size:
                self._made.popitem(last=False)
        return document.digest
