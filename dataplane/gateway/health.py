"""Whether the worker lives, and whether it takes requests."""

from collections.abc import Callable

from dataplane.gateway.exchange import Exchange
from dataplane.provider import json_text
from dataplane.snapshot.holder import SnapshotHolder
from turnout_wire.dev import SAID
from turnout_wire.failure import Failure


class Health:
    """Answers `/health` with 200 as long as the process does anything, and `/ready` with 503 while it should get no requests."""

    def __init__(self, snapshots: SnapshotHolder, draining: Callable[[], bool], *, dev: bool = False) -> None:
        self._snapshots = snapshots
        self._draining = draining
        self._dev = dev

    async def health(self, exchange: Exchange) -> None:
        """It lives."""
        await exchange.respond(200, (), b'{"status":"ok"}')

    async def ready(self, exchange: Exchange) -> None:
        """It takes requests, or why not."""
        problem = self._problem()
        told: dict[str, object] = {"status": problem or "ready"}
        if self._snapshots.current is not None:
            told["snapshot"] = self._snapshots.current.version
        if self._dev:
            told["dev"] = SAID
        await exchange.respond(503 if problem else 200, (), json_text.write(told).encode())

    def _problem(self) -> str:
        if self._draining():
            return "draining"
        try:
            self._snapshots.fresh()
        except Failure as stale:
            return stale.message
        return ""
