"""Days of traffic that drift is told from, and the service that tells it."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from controlplane.access.model import Role
from controlplane.insight.acknowledging import Acknowledge, Acknowledgements
from controlplane.insight.drift import Drift
from controlplane.insight.drifts import Alarms, Drifts
from controlplane.insight.facts import Fact, Place
from controlplane.insight.pins import Around, PinReference, Pins, Repinned, UnpinReference
from controlplane.insight.projector import Progress
from controlplane.insight.report import Reports
from controlplane.insight.segments import Segments
from controlplane.rpc.access import ACCESS
from controlplane.rpc.insights import InsightServicer, References
from controlplane.store.protocols import Database, Store
from tests.support.insight import NOON, Log, decision, feedback
from turnout.insight.v1 import insight_pb2
from turnout_wire.hosting import Host
from turnout_wire.layers import Access, Deadlines, Errors, RequestIds, Validation
from turnout_wire.server import Principal, Service

START = datetime.fromtimestamp(NOON / 1e6, UTC)
DAY = timedelta(days=1)
QA, CODE = ("qa", "simple"), ("code", "expert")


class Days:
    """A log that grows by a day of 60 requests, one in ten of them for code, and the clock with it."""

    def __init__(self) -> None:
        self.log = Log([])
        self.now = START
        self._numbers = iter(range(1_000_000))

    def steady(self, days: int) -> None:
        """As always."""
        for _ in range(days):
            self._day(6, 900_000)

    def strange(self) -> None:
        """Half of the requests are for code, and answers are poor."""
        self._day(30, 400_000)

    def stranger(self) -> None:
        """Nearly all requests are for code, and answers are worse still."""
        self._day(55, 100_000)

    def busy(self) -> None:
        """Half of the requests are for code, and answers are as always."""
        self._day(30, 900_000)

    def _day(self, code: int, quality_ppm: int) -> None:
        self.log.facts += self._requests(code, quality_ppm)
        self.now += DAY

    def _requests(self, code: int, quality_ppm: int) -> Iterator[Fact]:
        at_us = round(self.now.timestamp() * 1e6)
        for each in range(60):
            number, kind = next(self._numbers), CODE if each < code else QA
            place = Place(tenant="acme", workload="support", task_type=kind[0], complexity=kind[1])
            confidence = 850_000 + 2_000 * (each % 50)
            yield decision(number, at_us + each * 7 * 10**8, place=place, confidence_ppm=confidence, unit=number)
            yield feedback(number, quality_ppm=quality_ppm + 1_000 * (each % 100))

    async def folded(self, database: Database, batch: int = 1_000) -> None:
        """All of it is in the figures."""
        projector = self.log.projector(database, batch=batch)
        while await projector.step():
            pass


def drifts_of(database: Database) -> Drifts:
    """Drift as a store tells it."""
    return Drifts(Reports(database), Alarms(database), Pins(database), Acknowledgements(database))


def pinning(
    database: Database,
    clock: Callable[[], datetime],
    written: list[Repinned] | None = None,
    acknowledged: list[Drift] | None = None,
) -> References:
    """The use cases over a store, for the workloads `support` and `billing`; `written` and `acknowledged` get what the log would."""

    async def write(change: Repinned) -> None:
        if written is not None:
            written.append(change)

    around = Around(pins=Pins(database), workloads=lambda: {"support", "billing"}, written=write, clock=clock)

    async def known(drifts: Sequence[Drift]) -> None:
        if acknowledged is not None:
            acknowledged.extend(drifts)

    acknowledge = Acknowledge(drifts=drifts_of(database), kept=Acknowledgements(database), written=known, clock=clock)
    return References(
        pins=around.pins,
        pin=PinReference(around=around),
        unpin=UnpinReference(around=around),
        acknowledge=acknowledge,
    )


@asynccontextmanager
async def served(store: Store, days: Days, written: list[Repinned] | None = None) -> AsyncIterator[str]:
    """The address of a service of figures; a token is a tenant, or `operator`. `written` gets what the log would."""
    reports = Reports(store.database)

    async def progress() -> tuple[Progress, Mapping[str, int]]:
        return Progress(folded=1, behind=2), {}

    references = pinning(store.database, lambda: days.now, written)
    drifts = drifts_of(store.database)
    servicer = InsightServicer(
        reports.report, Segments(reports), drifts, references, progress=progress, clock=lambda: days.now
    )
    descriptor = insight_pb2.DESCRIPTOR.services_by_name["InsightService"]
    access = Access(ACCESS, _principal)
    layers = (RequestIds(), Errors(), Deadlines(lambda method: ACCESS[method.name].deadline), access, Validation())
    host = Host([Service(descriptor=descriptor, servicer=servicer)], layers, max_concurrent=10)
    yield f"127.0.0.1:{await host.start('127.0.0.1:0')}"
    await host.stop(0)


def _principal(token: str) -> Principal:
    roles = frozenset({Role.OPERATOR if token == "operator" else Role.CALLER})
    return Principal(name=token, tenant=token, roles=roles)
