"""Taking receipts: each once, none that does not fit its decision."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.outcome.live import HealthReport, LiveView, Timing
from controlplane.outcome.lost import LostReceipts
from controlplane.outcome.model import ReceiptFacts
from controlplane.snapshot.holder import SnapshotHolder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a batch; `rejected` pairs receipt id and reason."""

    accepted: tuple[ReceiptFacts, ...]
    duplicates: int
    rejected: tuple[tuple[str, str], ...]


class SeenReceipts:
    """The last receipt ids, bounded: a worker repeats a batch within seconds, not after a hundred thousand others."""

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, receipt_id: str) -> bool:
        """Whether it is new."""
        if receipt_id in self._ids:
            return False
        self._ids[receipt_id] = None
        if len(self._ids) > self._size:
            self._ids.popitem(last=False)
        return True


class ReportReceipts:
    """Takes a worker's batch and refreshes what decisions see of its targets."""

    def __init__(
        self,
        snapshots: SnapshotHolder,
        live: LiveView,
        seen: SeenReceipts,
        lost: LostReceipts,
        clock: Callable[[], datetime],
    ) -> None:
        self._snapshots = snapshots
        self._live = live
        self._seen = seen
        self._lost = lost
        self._clock = clock

    def __call__(
        self, worker: str, receipts: Sequence[ReceiptFacts], health: Sequence[HealthReport], dropped: int = 0
    ) -> Taken:
        """Never fails on a single receipt: what does not fit is rejected by name, and the rest is taken.

        `dropped` is how many receipts the worker had to drop since it began.
        """
        if lost := self._lost.since_last(worker, dropped):
            _log.warning("a worker dropped receipts", extra={"worker": worker, "dropped": lost})
        rejected = [(receipt, reason) for receipt in receipts if (reason := rejection(receipt))]
        refused = {receipt.receipt_id for receipt, _ in rejected}
        fitting = [receipt for receipt in receipts if receipt.receipt_id not in refused]
        accepted = tuple(receipt for receipt in fitting if self._seen.add(receipt.receipt_id))
        for receipt, reason in rejected:
            _log.warning("receipt rejected", extra={**log_fields(receipt), "reason": reason})
        for receipt in accepted:
            _log.info("receipt taken", extra=log_fields(receipt))
        self._refresh(worker, accepted, health)
        return Taken(
            accepted=accepted,
            duplicates=len(fitting) - len(accepted),
            rejected=tuple((receipt.receipt_id, reason) for receipt, reason in rejected),
        )

    def _refresh(self, worker: str, accepted: Iterable[ReceiptFacts], health: Sequence[HealthReport]) -> None:
        now = self._clock()
        if health:
            self._live.report(worker, health, now)
        self._live.observe(timing for receipt in accepted for timing in timings(receipt))
        known = {deployment.name for deployment in self._snapshots.current.catalog.deployments}
        self._snapshots.refresh(self._live.merged(known.__contains__, now))


def log_fields(receipt: ReceiptFacts) -> dict[str, object]:
    """What the log says of a receipt; tokens and cost are those of all attempts."""
    return {
        "decision_id": receipt.decision_id,
        "receipt_id": receipt.receipt_id,
        "worker": receipt.worker,
        "result": receipt.result,
        "attempts": len(receipt.attempts),
        "input_tokens": sum(attempt.input_tokens for attempt in receipt.attempts),
        "output_tokens": sum(attempt.output_tokens for attempt in receipt.attempts),
        "cost_nanousd": receipt.cost_nanousd,
    }


def rejection(receipt: ReceiptFacts) -> str:
    """Why a receipt can never be taken; empty if it can."""
    if receipt.planned is None:
        return "SIGNATURE_INVALID"
    if any(attempt.deployment not in receipt.planned for attempt in receipt.attempts):
        return "TARGET_UNKNOWN"
    return ""


def timings(receipt: ReceiptFacts) -> Iterable[Timing]:
    """What its successful attempts say of their targets' speed."""
    for attempt in receipt.attempts:
        if attempt.succeeded:
            first = attempt.time_to_first_token or attempt.duration
            yield Timing(deployment=attempt.deployment, latency=attempt.duration, time_to_first_token=first)
