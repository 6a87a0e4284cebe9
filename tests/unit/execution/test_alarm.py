"""A time limit on many reads, and the virtual time that the tests of executions run in."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from dataplane.execution.alarm import Alarm
from tests.support.virtual_time import EPOCH, VirtualClock, pause, run


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_read_that_takes_too_long_is_cut() -> None:
    async def main() -> None:
        alarm = Alarm(5)
        with alarm:
            await pause(3)
        with pytest.raises(TimeoutError), alarm:
            await pause(3)
        assert now() == 5
        with pytest.raises(TimeoutError), alarm:
            await pause(3)
        assert now() == 5

    run(main())


def test_what_happens_between_reads_is_left_alone() -> None:
    async def main() -> None:
        alarm = Alarm(5)
        with alarm:
            await pause(1)
        await pause(100)
        with pytest.raises(TimeoutError), alarm:
            await pause(1)
        assert now() == 101

    run(main())


def test_a_timeout_around_a_generators_loop_reaches_into_its_consumer() -> None:
    """The control: what the alarm is there for."""

    async def numbers() -> AsyncGenerator[int, None]:
        async with asyncio.timeout(5):
            yield 1
            yield 2

    async def main() -> None:
        stream = numbers()
        await anext(stream)
        with pytest.raises(asyncio.CancelledError):
            await pause(100)
        assert now() == 5
        task = asyncio.current_task()
        assert task
        task.uncancel()
        with pytest.raises(TimeoutError):
            await stream.athrow(asyncio.CancelledError())

    run(main())


def test_a_cancellation_from_outside_stays_one() -> None:
    async def main() -> None:
        async def read() -> None:
            with Alarm(5):
                await pause(100)

        task = asyncio.ensure_future(read())
        await pause(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_a_cancellation_at_the_moment_of_the_alarm_is_not_lost() -> None:
    async def main() -> None:
        task: asyncio.Task[None]

        async def read() -> None:
            alarm = Alarm(5)
            with alarm:
                await pause(100)

        task = asyncio.ensure_future(read())
        asyncio.get_running_loop().call_later(5, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())


def test_an_alarm_can_be_put_off_and_stopped() -> None:
    async def main() -> None:
        alarm = Alarm(5)
        alarm.set(20)
        with alarm:
            await pause(19)
        alarm.stop()
        with alarm:
            await pause(100)
        assert not alarm.rung

    run(main())


def test_virtual_hours_pass_at_once_and_in_order() -> None:
    async def main() -> list[tuple[float, int]]:
        seen: list[tuple[float, int]] = []

        async def wait(seconds: int) -> None:
            await pause(seconds)
            seen.append((now(), seconds))

        await asyncio.gather(*(wait(seconds) for seconds in (7200, 1, 3600, 60)))
        assert VirtualClock().now() == EPOCH.replace(hour=2)
        return seen

    assert run(main()) == [(1, 1), (60, 60), (3600, 3600), (7200, 7200)]


def test_waiting_for_what_never_comes_is_an_error_and_no_hang() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="for ever"):
        run(main())
