"""A worker that goes down waits until all its runs have said what they did."""

import asyncio

from dataplane.chat.model import TextDelta
from tests.support.runs import SILENCE, Rig, answer
from tests.support.virtual_time import pause, run


def test_without_runs_there_is_nothing_to_wait_for() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer()]})
        assert await rig.runner.settled(10) == 0
        await rig.runner.generate(rig.run("a"))
        before = rig.clock.monotonic()
        assert await rig.runner.settled(10) == 0
        assert rig.clock.monotonic() == before

    run(main())


def test_runs_that_finish_are_waited_for() -> None:
    async def main() -> None:
        rig = Rig({"a": [answer(after=5)], "b": [answer(after=7)]})
        tasks = [asyncio.ensure_future(rig.runner.generate(rig.run(name))) for name in "ab"]
        await pause(1)
        assert await rig.runner.settled(10) == 0
        assert (len(rig.receipts), rig.clock.monotonic()) == (2, 7)
        await asyncio.gather(*tasks)

    run(main())


def test_runs_that_are_cut_still_give_their_receipt() -> None:
    async def main() -> None:
        rig = Rig({"a": [(0.1, TextDelta(text="half"), 1e9)]})
        tasks = [asyncio.ensure_future(rig.events("a")) for _ in range(3)]
        await pause(1)
        for task in tasks:
            task.cancel()
        assert rig.receipts == [], "who reported now would miss them"
        assert await rig.runner.settled(10) == 0
        assert len(rig.receipts) == 3
        await asyncio.wait(tasks)

    run(main())


def test_the_wait_is_bounded_and_tells_what_is_left() -> None:
    async def main() -> None:
        rig = Rig({"a": [SILENCE]})
        tasks = [asyncio.ensure_future(rig.events("a")) for _ in range(2)]
        await pause(1)
        assert await rig.runner.settled(3) == 2
        assert rig.clock.monotonic() == 4
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    run(main())
