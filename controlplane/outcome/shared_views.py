"""What workers report of their targets in the table `worker_view`: a worker reports to one control plane, and all decide by it."""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, cast

from controlplane.audit.leaf import from_microseconds, microseconds
from controlplane.catalog.model import DeploymentName
from controlplane.outcome.live import HealthReport
from controlplane.snapshot.model import Headroom, Health, HealthState, Room
from controlplane.store.protocols import Database, Statement, StoreUnavailable

_log = logging.getLogger(__name__)
INTERVAL = 0.5
"""Seconds between two looks at what others were told."""
KEPT = timedelta(minutes=10)
"""How long the view of a worker that is gone is kept; nobody decides by it."""

_PUT = (
    "INSERT INTO worker_view (worker, at_us, body) VALUES (?, ?, ?) "
    "ON CONFLICT (worker) DO UPDATE SET at_us = excluded.at_us, body = excluded.body WHERE worker_view.at_us <= excluded.at_us"
)
_FORGET = "DELETE FROM worker_view WHERE at_us < ?"
_NEWER = "SELECT worker, at_us, body FROM worker_view WHERE at_us > ? ORDER BY worker"

Take = Callable[[str, Sequence[HealthReport], datetime], None]


class SharedViews:
    """Tells other control planes what is reported here, and takes what is reported there. Belongs to one event loop."""

    def __init__(self, database: Database, take: Take, clock: Callable[[], datetime]) -> None:
        """`take` gets each newer view of a worker: its name, its targets, and when it said so."""
        self._database = database
        self._take = take
        self._clock = clock
        self._unsaved: dict[str, tuple[datetime, Sequence[HealthReport]]] = {}
        self._newest: dict[str, datetime] = {}
        self._due = asyncio.Event()

    def tell(self, worker: str, health: Sequence[HealthReport], at: datetime) -> None:
        """A worker reported here."""
        self._unsaved[worker] = at, health
        self._newest[worker] = at
        self._due.set()

    async def run(self) -> None:
        """Exchange views until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await self._due.wait()
            try:
                await self.exchange()
            except StoreUnavailable as error:
                _log.debug("views of workers are not exchanged: %s", error)
            await asyncio.sleep(INTERVAL / 10)

    async def exchange(self) -> None:
        """Write what was reported here, and take what was reported elsewhere. Raises StoreUnavailable; then nothing is lost."""
        self._due.clear()
        if unsaved := dict(self._unsaved):
            rows = [(worker, microseconds(at), to_json(health)) for worker, (at, health) in sorted(unsaved.items())]
            old = microseconds(self._clock() - KEPT)
            await self._database.write([Statement(sql=_PUT, rows=rows), Statement(sql=_FORGET, rows=[(old,)])])
            self._saved(unsaved)
        await self._take_others()

    def _saved(self, written: dict[str, tuple[datetime, Sequence[HealthReport]]]) -> None:
        for worker, view in written.items():
            if self._unsaved.get(worker) == view:
                del self._unsaved[worker]

    async def _take_others(self) -> None:
        old = self._clock() - KEPT
        self._newest = {worker: at for worker, at in self._newest.items() if at > old}
        for name, at_us, body in await self._database.fetch(_NEWER, microseconds(old)):
            worker, at = cast("str", name), from_microseconds(cast("int", at_us))
            known = self._newest.get(worker)
            if known is None or at > known:
                self._newest[worker] = at
                self._take(worker, from_json(cast("bytes", body)), at)


def to_json(health: Sequence[HealthReport]) -> bytes:
    """A list of deployment, state, time of the next trial in microseconds or null, cause, calls in flight, and headroom.

    Headroom is null or its time with limit, remaining and reset of requests and of tokens, each null if it is not told.
    """
    views = [
        (
            one.deployment,
            one.health.state.value,
            microseconds(one.health.until) if one.health.until else None,
            one.health.cause,
            one.in_flight,
            _headroom(one.headroom),
        )
        for one in health
    ]
    return json.dumps(views, separators=(",", ":")).encode()


def from_json(body: bytes) -> list[HealthReport]:
    """The inverse of `to_json`; older software does not tell the last two."""
    return [
        HealthReport(
            deployment=DeploymentName(deployment),
            health=Health(
                state=HealthState(state), until=from_microseconds(until) if until is not None else None, cause=cause
            ),
            in_flight=more[0] if more else 0,
            headroom=_headroom_from(more[1]) if more and more[1] else None,
        )
        for deployment, state, until, cause, *more in json.loads(body)
    ]


def _headroom(headroom: Headroom | None) -> list[object] | None:
    if headroom is None:
        return None
    rooms = (headroom.requests, headroom.tokens)
    return [microseconds(headroom.as_of), *(None if room is None else _room(room) for room in rooms)]


def _room(room: Room) -> list[int | None]:
    return [room.limit, room.remaining, microseconds(room.reset_at) if room.reset_at is not None else None]


def _headroom_from(told: list[Any]) -> Headroom:
    as_of, requests, tokens = told
    return Headroom(as_of=from_microseconds(as_of), requests=_room_from(requests), tokens=_room_from(tokens))


def _room_from(told: list[Any] | None) -> Room | None:
    if told is None:
        return None
    limit, remaining, reset_at = told
    return Room(limit=limit, remaining=remaining, reset_at=None if reset_at is None else from_microseconds(reset_at))
