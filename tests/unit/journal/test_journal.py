"""The queue before the store: groups, what happens while the store is away, and how much may wait."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from controlplane.audit.model import Kind
from controlplane.journal.journal import BEHIND, FEW, Journal, Pace
from controlplane.journal.model import Append, Operation, Outcome, Recorded, Result
from controlplane.store.protocols import StoreUnavailable
from tests.support.books import EPOCH, MemoryWriter, entry


def operation(name: object) -> Append:
    return Append(entry=entry(Kind.FEEDBACK, str(name), EPOCH))


class Gate(MemoryWriter):
    """A writer that waits at a gate, and fails or breaks when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.poison = ""
        self.tried = 0

    async def run(self, operations: Sequence[Operation]) -> Outcome:
        await self.open.wait()
        self.tried += 1
        if any(isinstance(one, Append) and one.entry.ref == self.poison for one in operations):
            raise ZeroDivisionError("a fault of ours")
        return await super().run(operations)


class Bench:
    """A journal over a gate; its clock and its waiting are the test's."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.writer = Gate()
        self.now = 0.0
        self.pauses: asyncio.Queue[asyncio.Event] = asyncio.Queue()
        self.heard: list[Sequence[Result]] = []
        self.journal = Journal(
            self.writer,
            heard=lambda outcome: self.heard.append(outcome.results),
            clock=lambda: self.now,
            pace=pace,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        del seconds
        over = asyncio.Event()
        await self.pauses.put(over)
        await over.wait()

    @property
    def refs(self) -> list[str]:
        return [one.ref for one in self.writer.entries]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.journal.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_waits_while_a_group_is_written_is_the_next_group() -> None:
    bench = Bench()
    bench.writer.open.clear()
    async with bench.running():
        tasks = [asyncio.create_task(bench.journal.submit(operation(0)))]
        await settle()
        tasks += [asyncio.create_task(bench.journal.submit(operation(number))) for number in range(1, 50)]
        await settle()
        bench.writer.open.set()
        results = await asyncio.gather(*tasks)
    assert bench.writer.groups == [1, 49]
    assert results == [Recorded()] * 50
    assert bench.refs == [str(number) for number in range(50)]
    assert [len(group) for group in bench.heard] == [1, 49]


async def test_groups_are_bounded() -> None:
    bench = Bench(Pace(group=10))
    async with bench.running():
        await asyncio.gather(*(bench.journal.submit(operation(number)) for number in range(25)))
    assert bench.writer.groups == [10, 10, 5]


async def test_nobody_is_answered_before_it_is_written() -> None:
    bench = Bench()
    bench.writer.open.clear()
    async with bench.running():
        task = asyncio.create_task(bench.journal.submit(operation(1)))
        await settle()
        assert not task.done()
        bench.writer.open.set()
        assert await task == Recorded()


async def test_too_many_that_wait_are_refused_and_nothing_of_them_is_kept() -> None:
    bench = Bench(Pace(waiting=2))
    waiting = [asyncio.create_task(bench.journal.submit(operation(number))) for number in range(2)]
    await settle()
    with pytest.raises(StoreUnavailable, match="too many"):
        await bench.journal.submit(operation(2))
    assert bench.journal.post(operation(3)) is False
    assert bench.journal.state.dropped == 1
    async with bench.running():
        await asyncio.gather(*waiting)
    assert bench.refs == ["0", "1"]


async def test_what_nobody_waits_for_is_written_soon() -> None:
    bench = Bench()
    async with bench.running():
        await bench.journal.keep(operation(1))
        assert await bench.journal.flush(1) == 0
    assert bench.refs == ["1"]


async def test_a_queue_that_is_late_makes_its_callers_wait() -> None:
    bench = Bench()
    await bench.journal.keep(operation(1))
    bench.now += BEHIND
    await bench.journal.keep(operation(2))
    bench.now += 0.001
    late = asyncio.create_task(bench.journal.keep(operation(3)))
    await settle()
    assert not late.done(), "the first has waited for longer than an operation may be behind"
    async with bench.running():
        await late
    assert bench.refs == ["1", "2", "3"]


async def test_a_store_that_fails_is_told_to_those_who_wait_and_tried_again_for_the_others() -> None:
    bench = Bench()
    bench.writer.failing = True
    async with bench.running():
        assert bench.journal.post(operation("posted"))
        with pytest.raises(StoreUnavailable, match="switched off"):
            await bench.journal.submit(operation("refused"))
        assert bench.journal.state.failing
        bench.writer.failing = False
        (await bench.pauses.get()).set()
        assert await bench.journal.flush(1) == 0
    assert bench.refs == ["posted"], "in its place, and the refused one not at all"
    assert not bench.journal.state.failing


async def test_while_the_store_fails_even_those_who_need_not_wait_hear_of_it() -> None:
    bench = Bench()
    bench.writer.failing = True
    async with bench.running():
        with pytest.raises(StoreUnavailable):
            await bench.journal.submit(operation(1))
        with pytest.raises(StoreUnavailable):
            await bench.journal.keep(operation(2))
        bench.writer.failing = False
        await bench.journal.keep(operation(3))
    assert bench.refs == ["3"]


async def test_one_operation_that_cannot_be_written_takes_no_other_down(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.writer.poison = "bad"
    bench.writer.open.clear()
    async with bench.running():
        tasks = [asyncio.create_task(bench.journal.submit(operation(name))) for name in ("a", "bad", "b")]
        await settle()
        bench.journal.post(operation("c"))
        bench.writer.open.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await bench.journal.flush(1)
    assert [isinstance(result, Recorded) for result in results] == [True, False, True]
    assert isinstance(results[1], StoreUnavailable)
    assert bench.refs == ["a", "b", "c"]
    assert any(record.message == "an operation cannot be written" for record in caplog.records)


async def test_a_posted_operation_that_cannot_be_written_is_given_up_and_counted() -> None:
    bench = Bench()
    bench.writer.poison = "bad"
    bench.journal.post(operation("bad"))
    async with bench.running():
        await bench.journal.flush(1)
    assert (bench.journal.state.dropped, bench.writer.tried) == (1, 1)


async def test_a_caller_that_goes_away_disturbs_nobody() -> None:
    bench = Bench()
    bench.writer.open.clear()
    async with bench.running():
        gone = asyncio.create_task(bench.journal.submit(operation("gone")))
        stays = asyncio.create_task(bench.journal.submit(operation("stays")))
        await settle()
        gone.cancel()
        bench.writer.open.set()
        assert await stays == Recorded()
    assert bench.refs == ["gone", "stays"]


async def test_flushing_gives_up_in_time_and_says_what_is_left() -> None:
    bench = Bench()
    bench.journal.post(operation(1))
    assert await bench.journal.flush(0) == 1


async def test_few_operations_wait_a_moment_for_others_when_many_come() -> None:
    """A hundred in a tenth of a second: eight will come within the eight milliseconds that the ninth waits."""
    bench = Bench()
    async with bench.running():
        for number in range(100):
            bench.now += 0.001
            task = asyncio.create_task(bench.journal.submit(operation(number)))
            await settle()
            if not bench.pauses.empty():
                break
            await task
        else:
            pytest.fail("nobody waited")
        more = [asyncio.create_task(bench.journal.submit(operation(f"more-{number}"))) for number in range(3)]
        await settle()
        assert not task.done()
        (await bench.pauses.get()).set()
        await asyncio.gather(task, *more)
    assert bench.writer.groups[-1] == 4


async def test_when_few_come_nobody_waits_for_anybody() -> None:
    bench = Bench()
    async with bench.running():
        for number in range(20):
            bench.now += 0.1
            await bench.journal.submit(operation(number))
    assert bench.pauses.empty()
    assert bench.writer.groups == [1] * 20


async def test_nobody_waits_where_only_one_other_would_come_meanwhile() -> None:
    bench = Bench()
    async with asyncio.timeout(5), bench.running():
        for number in range(100):
            bench.now += 0.005
            await bench.journal.submit(operation(number))
    assert bench.pauses.empty()


async def test_a_group_that_is_worth_its_transaction_waits_for_nobody() -> None:
    bench = Bench()
    async with bench.running():
        for _ in range(5):
            bench.now += 0.001
            await asyncio.gather(*(bench.journal.submit(operation(number)) for number in range(FEW)))
    assert bench.pauses.empty()
