"""Reporting in virtual time: at least once, in batches, bounded, with what was dropped counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from dataplane.report.reporter import Pace, ReceiptQueue, Reporter
from dataplane.report.started import MOST_AT_ONCE, StartedRuns
from tests.support.virtual_time import pause, run
from turnout.outcome.v1 import outcome_pb2, receipt_pb2

Request = outcome_pb2.ReportReceiptsRequest
Response = outcome_pb2.ReportReceiptsResponse
Answer = Callable[[Request], Response]
PACE = Pace(gather=0.05, health_every=5.0, batch=4)


def receipt(number: int) -> receipt_pb2.Receipt:
    return receipt_pb2.Receipt(receipt_id=f"r-{number}", decision_id=f"d-{number}")


def numbers(request: Request) -> list[int]:
    return [int(one.receipt_id.removeprefix("r-")) for one in request.receipts]


def taken(_: Request) -> Response:
    return Response()


def refused(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), details="no")


class Control:
    """A control plane that answers as it is told, and what came to it, and when."""

    def __init__(self, *answers: Answer | Exception, then: Answer | Exception = taken) -> None:
        self.requests: list[Request] = []
        self.at: list[float] = []
        self._answers = list(answers)
        self.then = then

    async def __call__(self, request: Request) -> Response:
        kept = Request()
        kept.CopyFrom(request)
        self.requests.append(kept)
        self.at.append(asyncio.get_running_loop().time())
        answer = self._answers.pop(0) if self._answers else self.then
        if isinstance(answer, Exception):
            raise answer
        return answer(request)

    @property
    def batches(self) -> list[list[int]]:
        """The receipts of each report."""
        return [numbers(request) for request in self.requests]


def one_health() -> list[receipt_pb2.TargetHealth]:
    return [receipt_pb2.TargetHealth(deployment="d")]


@asynccontextmanager
async def reporting(control: Control, queue: ReceiptQueue, waits: list[int] | None = None) -> AsyncIterator[Reporter]:
    """A reporter that runs; its waits are a second for each failure."""

    def wait(failures: int) -> float:
        if waits is not None:
            waits.append(failures)
        return float(failures)

    reporter = Reporter("w-1", queue, one_health, control, wait, PACE)
    task = asyncio.create_task(reporter.run())
    try:
        yield reporter
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reported(control: Control, receipts: int, seconds: float, size: int = 100) -> ReceiptQueue:
    """Put so many receipts at once and let the time pass."""

    async def main() -> ReceiptQueue:
        queue = ReceiptQueue(size)
        async with reporting(control, queue):
            await pause(0)
            for number in range(receipts):
                queue.put(receipt(number))
            await pause(seconds)
        return queue

    return run(main())


# --- the queue ---------------------------------------------------------------------------------------------


def test_the_queue_gives_the_oldest_first_and_keeps_them_until_they_are_confirmed() -> None:
    queue = ReceiptQueue(10)
    for number in range(5):
        queue.put(receipt(number))
    first = queue.first(3)
    assert [one.receipt_id for one in first] == ["r-0", "r-1", "r-2"]
    assert len(queue) == 5
    queue.confirm(first)
    assert [one.receipt_id for one in queue.first(10)] == ["r-3", "r-4"]


def test_a_full_queue_drops_the_oldest_counts_it_and_tells() -> None:
    told: list[int] = []
    queue = ReceiptQueue(2, lambda: told.append(1))
    for number in range(5):
        queue.put(receipt(number))
    assert [one.receipt_id for one in queue.first(10)] == ["r-3", "r-4"]
    assert queue.dropped == len(told) == 3


def test_what_was_dropped_while_it_was_sent_is_not_confirmed_in_place_of_another() -> None:
    queue = ReceiptQueue(2)
    queue.put(receipt(0))
    sent = queue.first(1)
    queue.put(receipt(1))
    queue.put(receipt(2))
    queue.confirm(sent)
    queue.refuse(sent[0])
    assert [one.receipt_id for one in queue.first(10)] == ["r-1", "r-2"]
    assert queue.dropped == 1


# --- the reporter ------------------------------------------------------------------------------------------


def test_receipts_that_come_together_go_together_in_batches() -> None:
    control = Control()
    queue = reported(control, receipts=10, seconds=1)
    assert control.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert control.at == [0.0, 0.0, 0.05], "whole batches go at once, the rest waits a moment for others"
    assert len(queue) == 0


def test_receipts_that_keep_coming_share_reports() -> None:
    control = Control()

    async def main() -> None:
        queue = ReceiptQueue(100)
        async with reporting(control, queue):
            for number in range(9):
                await pause(0.03)
                queue.put(receipt(number))
            await pause(1)

    run(main())
    assert control.batches == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]


def test_every_report_carries_worker_health_and_what_was_dropped() -> None:
    control = Control()
    reported(control, receipts=5, seconds=1, size=3)
    (request,) = control.requests
    assert (request.worker, request.dropped, numbers(request)) == ("w-1", 2, [2, 3, 4])
    assert [health.deployment for health in request.health] == ["d"]


def test_without_receipts_health_is_reported_every_few_seconds() -> None:
    control = Control()
    reported(control, receipts=0, seconds=16)
    assert control.batches == [[], [], []]
    assert control.at == pytest.approx([5.05, 10.1, 15.15])


def test_changed_health_is_reported_at_once() -> None:
    async def main() -> Control:
        control = Control()
        async with reporting(control, ReceiptQueue(10)) as reporter:
            await pause(1)
            reporter.nudge()
            await pause(1)
        return control

    assert run(main()).at == [1.05]


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_what_is_not_answered_is_sent_again_after_growing_waits(code: grpc.StatusCode) -> None:
    control = Control(refused(code), refused(code), refused(code))
    queue = reported(control, receipts=2, seconds=10)
    assert control.batches[:4] == [[0, 1]] * 4
    assert control.at[:4] == pytest.approx([0.05, 1.05, 3.05, 6.05])
    assert len(queue) == 0
    assert queue.dropped == 0


def test_an_outage_loses_only_what_does_not_fit() -> None:
    async def main() -> tuple[Control, ReceiptQueue]:
        control, queue = Control(then=refused(grpc.StatusCode.UNAVAILABLE)), ReceiptQueue(6)
        async with reporting(control, queue):
            for number in range(10):
                queue.put(receipt(number))
                await pause(10)
            control.requests.clear()
            control.then = taken
            await pause(100)
        return control, queue

    control, queue = run(main())
    assert [batch for batch in control.batches if batch] == [[4, 5, 6, 7], [8, 9]]
    assert queue.dropped == control.requests[-1].dropped == 4


def test_waits_begin_anew_after_a_success() -> None:
    waits: list[int] = []
    down = refused(grpc.StatusCode.UNAVAILABLE)

    async def main() -> None:
        control, queue = Control(down, down, taken, down, taken), ReceiptQueue(10)
        async with reporting(control, queue, waits):
            queue.put(receipt(0))
            await pause(10)
            queue.put(receipt(1))
            await pause(10)

    run(main())
    assert waits[:3] == [1, 2, 1]


def malformed(bad: int) -> Answer:
    """Refuses any batch with that receipt in it."""

    def answer(request: Request) -> Response:
        if bad in numbers(request):
            raise refused(grpc.StatusCode.INVALID_ARGUMENT)
        return Response()

    return answer


@pytest.mark.parametrize("bad", range(4))
def test_one_malformed_receipt_is_found_and_dropped_and_no_other(bad: int) -> None:
    control = Control(then=malformed(bad))
    queue = reported(control, receipts=8, seconds=60)
    answered = {number for batch in control.batches if bad not in batch for number in batch}
    assert answered == set(range(8)) - {bad}
    assert (len(queue), queue.dropped) == (0, 1)


def test_receipts_that_the_control_plane_rejects_are_not_sent_again() -> None:
    rejected = Response(rejected=[outcome_pb2.RejectedReceipt(receipt_id="r-0", reason="TARGET_UNKNOWN")])
    control = Control(lambda _: rejected)
    queue = reported(control, receipts=2, seconds=4)
    assert control.batches == [[0, 1]]
    assert len(queue) == 0


def test_a_fault_of_ours_does_not_end_all_reporting() -> None:
    control = Control(RuntimeError("a bug"))
    queue = reported(control, receipts=1, seconds=3)
    assert control.batches == [[0], [0]]
    assert len(queue) == 0


def test_going_down_sends_what_is_left_and_says_how_much_could_not_be_sent() -> None:
    async def main(control: Control) -> tuple[int, float]:
        queue = ReceiptQueue(100)
        reporter = Reporter("w-1", queue, one_health, control, float, PACE)
        for number in range(10):
            queue.put(receipt(number))
        return await reporter.flush(5.0), asyncio.get_running_loop().time()

    down = refused(grpc.StatusCode.UNAVAILABLE)
    assert run(main(Control())) == (0, 0.0)
    assert run(main(Control(down))) == (0, 1.0)
    assert run(main(Control(then=down))) == (10, 5.0)


def started(number: int) -> outcome_pb2.StartedRun:
    return outcome_pb2.StartedRun(receipt_id=f"r-{number}", decision_id=f"d-{number}")


def begun(request: Request) -> list[int]:
    return [int(one.receipt_id.removeprefix("r-")) for one in request.started]


def with_starts(control: Control, *numbers: int, waits: int = 60) -> list[list[int]]:
    """The runs that began in each report of `waits` seconds, where these began after the reporter was made, and before the first."""

    async def main() -> None:
        runs = StartedRuns(10)
        reporter = Reporter("w-1", ReceiptQueue(10), one_health, control, float, PACE, runs)
        for number in numbers:
            runs.put(started(number))
        reporter.nudge()
        task = asyncio.create_task(reporter.run())
        await pause(waits)
        task.cancel()

    run(main())
    return [begun(request) for request in control.requests]


def test_a_run_that_began_is_told_once_and_soon() -> None:
    control = Control()
    told = with_starts(control, 1, 2)
    assert (told[0], [number for later in told[1:] for number in later]) == ([1, 2], [])
    assert control.at[0] <= PACE.gather + 0.001


def test_a_begin_that_nobody_heard_is_told_again_with_growing_waits() -> None:
    away = refused(grpc.StatusCode.UNAVAILABLE)
    control = Control(away, away)
    assert with_starts(control, 1, waits=4) == [[1], [1], [1]]
    assert [round(at) for at in control.at] == [0, 1, 3]


def test_a_begin_that_is_malformed_is_not_told_again() -> None:
    control = Control(refused(grpc.StatusCode.INVALID_ARGUMENT))
    assert with_starts(control, 1, waits=4)[:2] == [[1], []]


def test_a_run_that_ended_is_told_by_its_receipt_alone() -> None:
    runs = StartedRuns(10)
    runs.put(started(1))
    runs.ended("r-1")
    runs.ended("r-2")
    assert (len(runs), runs.first()) == (0, [])


def test_begins_that_find_no_place_are_counted() -> None:
    drops: list[None] = []
    runs = StartedRuns(2, lambda: drops.append(None))
    for number in range(5):
        runs.put(started(number))
    assert ([one.receipt_id for one in runs.first()], runs.dropped, len(drops)) == (["r-3", "r-4"], 3, 3)


def test_a_report_carries_no_more_begins_than_it_may() -> None:
    runs = StartedRuns(2 * MOST_AT_ONCE)
    for number in range(MOST_AT_ONCE + 1):
        runs.put(started(number))
    runs.told(runs.first())
    assert [one.receipt_id for one in runs.first()] == [f"r-{MOST_AT_ONCE}"]
