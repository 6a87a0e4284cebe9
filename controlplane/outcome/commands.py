"""Taking receipts: each once, none that does not fit its decision."""

import logging
from asyncio import gather
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from controlplane.budget.model import Hold, Used
from controlplane.journal.model import Append, Recorded, Result, Settle, Start
from controlplane.journal.submit import Submit
from controlplane.outcome.live import HealthReport, Timing
from controlplane.outcome.lost import LostReceipts
from controlplane.outcome.model import AttemptFacts, Decided, ReceiptFacts, StartedRun
from controlplane.outcome.sight import Sight
from controlplane.store.protocols import StoreUnavailable
from turnout_wire.failure import Failure

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a batch; `rejected` pairs receipt id and reason."""

    accepted: tuple[ReceiptFacts, ...]
    duplicates: int
    rejected: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one worker sends. `dropped` is how many receipts it had to drop since it began."""

    worker: str
    receipts: Sequence[ReceiptFacts] = ()
    health: Sequence[HealthReport] = ()
    started: Sequence[StartedRun] = ()
    dropped: int = 0


class ReportReceipts:
    """Takes a worker's batch: records and books receipts, and refreshes what decisions see of its targets.

    `holds_of` gives the accounts that a run is booked to for which nothing is held; `witness` hears of every checkpoint
    that comes back.
    """

    def __init__(
        self,
        sight: Sight,
        lost: LostReceipts,
        submit: Submit,
        holds_of: Callable[[Decided, Sequence[Used]], tuple[Hold, ...]],
        witness: Callable[[str], Awaitable[object]],
    ) -> None:
        self._sight = sight
        self._lost = lost
        self._submit = submit
        self._holds_of = holds_of
        self._witness = witness

    async def __call__(self, report: Report) -> Taken:
        """Never fails on a single receipt: what does not fit is rejected by name and recorded apart, and the rest is taken.

        Raises Failure STORE_UNAVAILABLE; then the worker sends everything again, and what was taken changes nothing twice.
        """
        if lost := self._lost.since_last(report.worker, report.dropped):
            _log.warning("a worker dropped receipts", extra={"worker": report.worker, "dropped": lost})
        self._sight.health(report.worker, report.health)
        rejected = {
            receipt.receipt_id: reason
            for receipt in report.receipts
            if (reason := rejection(receipt.decided, receipt.attempts))
        }
        fitting = [receipt for receipt in report.receipts if receipt.receipt_id not in rejected]
        fresh = await self._write(report, fitting, rejected)
        accepted = tuple(receipt for receipt, new in zip(fitting, fresh, strict=True) if new)
        self._sight.timings(timing for receipt in accepted for timing in timings(receipt))
        await self._hear(fitting)
        return Taken(accepted=accepted, duplicates=len(fitting) - len(accepted), rejected=tuple(rejected.items()))

    async def _write(
        self, report: Report, fitting: Sequence[ReceiptFacts], rejected: Mapping[str, str]
    ) -> Sequence[bool]:
        """Whether each fitting receipt was new."""
        strays = [receipt for receipt in report.receipts if receipt.receipt_id in rejected]
        for receipt in strays:
            reason = rejected[receipt.receipt_id]
            _log.warning("receipt rejected", extra={**log_fields(receipt), "reason": reason})
        try:
            # All at once, so that they are written in one group; begun runs first, for their receipts may be here too.
            results = await gather(
                *(self._submit(_start(started)) for started in report.started),
                *(self._submit(Append(entry=receipt.entry)) for receipt in strays),
                *(self._take(receipt) for receipt in fitting),
            )
        except StoreUnavailable as unavailable:
            raise Failure(
                "STORE_UNAVAILABLE",
                f"receipts cannot be recorded now ({unavailable}); keep them and send them again",
                retry_after=timedelta(seconds=1),
            ) from unavailable
        taken = results[len(results) - len(fitting) :]
        return [isinstance(result, Recorded) and result.fresh for result in taken]

    async def _take(self, receipt: ReceiptFacts) -> Result:
        decided, used = receipt.decided, used_by(receipt)
        loose = decided is not None and (decided.reserved or decided.unrecorded)
        holds = self._holds_of(decided, used) if decided is not None and loose else ()
        settle = Settle(entry=receipt.entry, used=used, decision=receipt.decision, holds=holds)
        result = await self._submit(settle)
        if isinstance(result, Recorded) and result.fresh:
            told = {"late": result.late, "adopted": result.adopted}
            _log.info("receipt taken", extra={**log_fields(receipt), **told})
        return result

    async def _hear(self, receipts: Iterable[ReceiptFacts]) -> None:
        """Pass on the checkpoints that come back, each once: the decisions of a moment carry the same one."""
        notes = {receipt.decided.checkpoint for receipt in receipts if receipt.decided is not None}
        for note in sorted(notes - {""}):
            with suppress(StoreUnavailable):
                await self._witness(note)


def _start(started: StartedRun) -> Start:
    return Start(decision_id=started.decision_id, run_id=started.receipt_id, until=started.until)


def used_by(receipt: ReceiptFacts) -> tuple[Used, ...]:
    """What the calls of each model used together."""
    found: dict[str, Used] = {}
    for attempt in receipt.attempts:
        before = found.get(attempt.model) or Used(model=attempt.model, cost_nanousd=0, tokens=0)
        found[attempt.model] = Used(
            model=attempt.model,
            cost_nanousd=before.cost_nanousd + attempt.cost_nanousd,
            tokens=before.tokens + attempt.input_tokens + attempt.output_tokens,
        )
    return tuple(found.values())


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


def rejection(decided: Decided | None, attempts: Sequence[AttemptFacts]) -> str:
    """Why a receipt can never be taken; empty if it can."""
    if decided is None:
        return "SIGNATURE_INVALID"
    if any(attempt.deployment not in decided.targets for attempt in attempts):
        return "TARGET_UNKNOWN"
    return ""


def timings(receipt: ReceiptFacts) -> Iterable[Timing]:
    """What its successful attempts say of their targets' speed."""
    for attempt in receipt.attempts:
        if attempt.succeeded:
            first = attempt.time_to_first_token or attempt.duration
            yield Timing(
                deployment=attempt.deployment,
                latency=attempt.duration,
                time_to_first_token=first,
                output_tokens=attempt.output_tokens,
            )
