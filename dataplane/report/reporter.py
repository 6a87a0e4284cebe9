"""Reports receipts and health: at least once, in batches, bounded, with what was dropped counted."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import grpc
import grpc.aio

from dataplane.report.started import StartedRuns
from turnout.outcome.v1 import outcome_pb2, receipt_pb2

_log = logging.getLogger(__name__)

Send = Callable[[outcome_pb2.ReportReceiptsRequest], Awaitable[outcome_pb2.ReportReceiptsResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how much is sent. `gather`: how long a first receipt waits for others; `health_every`: the longest time
    without a report; `batch`: receipts in one report; all times in seconds.
    """

    gather: float = 0.05
    health_every: float = 5.0
    batch: int = 200


def _nothing() -> None:
    return None


class ReceiptQueue:
    """Receipts that the control plane has not confirmed yet; when it is full the oldest goes, and is counted.

    `on_drop` hears of each that goes.
    """

    def __init__(self, size: int, on_drop: Callable[[], None] = _nothing) -> None:
        self._size = size
        self._on_drop = on_drop
        self._waiting: deque[receipt_pb2.Receipt] = deque()
        self.dropped = 0
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, receipt: receipt_pb2.Receipt) -> None:
        """Queue one; never waits, for a run must not hang on reporting."""
        if len(self._waiting) >= self._size:
            self._drop()
        self._waiting.append(receipt)
        self.changed.set()

    def first(self, count: int) -> Sequence[receipt_pb2.Receipt]:
        """The oldest ones, which stay queued."""
        return [self._waiting[index] for index in range(min(count, len(self._waiting)))]

    def refuse(self, receipt: receipt_pb2.Receipt) -> None:
        """Drop the oldest if it is this one, which will never be taken, and count it."""
        if self._waiting and self._waiting[0].receipt_id == receipt.receipt_id:
            self._drop()

    def _drop(self) -> None:
        self._waiting.popleft()
        self.dropped += 1
        self._on_drop()

    def confirm(self, sent: Iterable[receipt_pb2.Receipt]) -> None:
        """Remove what was sent, unless it was dropped meanwhile."""
        done = {receipt.receipt_id for receipt in sent}
        while self._waiting and self._waiting[0].receipt_id in done:
            self._waiting.popleft()


class Reporter:
    """Sends the queue, and which runs began, for ever; what is not answered is sent again, with growing waits."""

    def __init__(
        self,
        worker: str,
        queue: ReceiptQueue,
        health: Callable[[], Sequence[receipt_pb2.TargetHealth]],
        send: Send,
        wait: Callable[[int], float],
        pace: Pace | None = None,
        started: StartedRuns | None = None,
    ) -> None:
        self._worker = worker
        self._queue = queue
        self._health = health
        self._send = send
        self._wait = wait
        self._pace = pace or Pace()
        self._started = StartedRuns(1) if started is None else started
        self._sending = asyncio.Lock()
        self._batch = self._pace.batch

    def nudge(self) -> None:
        """Report soon, because health changed or a run began."""
        self._queue.changed.set()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            if not failures:
                await self._something()
            try:
                failures = 0 if await self._report() else failures + 1
            except Exception:  # noqa: BLE001 - a fault of ours must not end all reporting
                failures += 1
                _log.exception("a report failed; it is made again")
            if failures:
                await asyncio.sleep(self._wait(failures))

    async def flush(self, seconds: float) -> int:
        """Send what is left within `seconds`; gives how many receipts could not be sent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                failures = 0
                while len(self._queue):
                    failures = 0 if await self._report() else failures + 1
                    await asyncio.sleep(self._wait(failures) if failures else 0)
        return len(self._queue)

    async def _something(self) -> None:
        """Wait until there is something to say, then a moment longer for more of it."""
        if not len(self._queue):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.health_every):
                    await self._queue.changed.wait()
        if len(self._queue) < self._batch:
            await asyncio.sleep(self._pace.gather)
        self._queue.changed.clear()

    async def _report(self) -> bool:
        async with self._sending:
            batch, started = self._queue.first(self._batch), self._started.first()
            request = outcome_pb2.ReportReceiptsRequest(
                worker=self._worker,
                receipts=batch,
                health=self._health(),
                dropped=self._queue.dropped,
                started=started,
            )
            try:
                response = await self._send(request)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    self._started.told(started)  # whatever is wrong with them, no receipt may wait for it
                self._not_taken(error, batch)
                return False
            self._batch = self._pace.batch
            self._queue.confirm(batch)
            self._started.told(started)
        decisions = {receipt.receipt_id: receipt.decision_id for receipt in batch}
        for rejected in response.rejected:
            told = {"receipt_id": rejected.receipt_id, "decision_id": decisions.get(rejected.receipt_id, "")}
            _log.error("receipt rejected", extra={**told, "reason": rejected.reason})
        return True

    def _not_taken(self, error: grpc.aio.AioRpcError, batch: Sequence[receipt_pb2.Receipt]) -> None:
        """Halve a batch that is refused as malformed until the one receipt is alone that would block all others for ever."""
        told = {"cause": error.code().name, "queued": len(self._queue)}
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT or not batch:
            _log.warning("receipts not taken; they are sent again", extra=told)
        elif len(batch) > 1:
            self._batch = len(batch) // 2
        else:
            self._queue.refuse(batch[0])
            told = {
                "receipt_id": batch[0].receipt_id,
                "decision_id": batch[0].decision_id,
                "cause": str(error.details()),
            }
            _log.error("receipt refused as malformed and dropped", extra=told)
