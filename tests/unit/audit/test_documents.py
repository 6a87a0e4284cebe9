"""Which documents are written with which decision."""

from dataclasses import replace

from controlplane.audit.documents import ReferredDocuments
from controlplane.audit.model import Document
from controlplane.learning.model import Learned
from controlplane.snapshot.model import Catalog, Live
from tests.support.catalogs import snapshot


class Bench:
    """Documents of a snapshot, counted as they are made."""

    def __init__(self, known: int = 100) -> None:
        self.made: list[str] = []
        self.documents = ReferredDocuments(self._catalog, self._live, self._learned, known)

    def _catalog(self, catalog: Catalog) -> Document:
        self.made.append("catalog")
        return Document(digest=catalog.digest, kind="catalog", body=b"catalog")

    def _live(self, live: Live) -> Document:
        self.made.append("live")
        return Document(digest=live.revision.to_bytes(32, "big"), kind="live", body=b"live")

    def _learned(self, learned: Learned) -> Document:
        self.made.append("quality model")
        return Document(digest=learned.digest, kind="quality_model", body=b"learned")

    def missing(self, revision: int) -> list[str]:
        shown = replace(SNAPSHOT, live=LIVES[revision])
        return [document.kind for document in self.documents.missing(self.documents.of(shown))]

    def written(self, revision: int) -> None:
        referred = self.documents.of(replace(SNAPSHOT, live=LIVES[revision]))
        self.documents.written([referred.catalog_digest, referred.live_digest])


SNAPSHOT = snapshot()
LIVES = [Live(revision=number) for number in range(5)]


def test_each_is_made_once_while_it_is_the_newest_and_missing_until_it_is_written() -> None:
    bench = Bench()
    assert [bench.missing(1), bench.missing(1)] == [["catalog", "live"]] * 2
    bench.written(1)
    assert (bench.missing(1), bench.missing(2)) == ([], ["live"])
    assert bench.made == ["catalog", "live", "live"]


def test_what_was_written_is_written_again_after_it_was_forgotten_and_what_was_not_stays_missing() -> None:
    bench = Bench()
    bench.written(1)
    referred = bench.documents.of(replace(SNAPSHOT, live=LIVES[2]))
    bench.documents.forget()
    assert [document.kind for document in bench.documents.missing(referred)] == ["live"]
    assert bench.missing(2) == ["catalog", "live"]


def test_few_are_remembered() -> None:
    bench = Bench(known=2)
    for revision in range(4):
        bench.written(revision)
    assert bench.missing(0) == ["catalog", "live"], "written once more, which does no harm"
