import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from controlplane.audit.leaf import leaf
from controlplane.audit.merkle import Edge, check_consistency, check_inclusion, grown, tree_root
from controlplane.audit.note import NoteInvalid
from controlplane.audit.proofs import Proofs
from controlplane.audit.sequencer import BATCH, Sequencer
from controlplane.store.protocols import StoreUnavailable
from tests.support.audit import MemoryLog, Watched, entry, log_key
from tests.support.virtual_time import VirtualClock, pause, run
from turnout_wire.tree import leaf_hash


def sequencer(log: MemoryLog, watched: Watched | None = None, key: int = 7) -> Sequencer:
    return Sequencer(log, log_key(key), watched or Watched(), VirtualClock().now)


async def sequenced(log: MemoryLog, seconds: float = 1.5, watched: Watched | None = None) -> Sequencer:
    """A sequencer after it ran so long."""
    made = sequencer(log, watched)
    await stopped(asyncio.create_task(made.run()), seconds)
    return made


async def stopped(task: "asyncio.Task[None]", seconds: float) -> None:
    await pause(seconds)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def log_of(count: int) -> MemoryLog:
    log = MemoryLog()
    log.add(*map(entry, range(count)))
    return log


def test_what_waits_gets_its_place_and_a_signed_checkpoint() -> None:
    log = log_of(3)
    newest = run(sequenced(log)).newest
    assert newest is not None
    said = log_key().open(newest.note)
    hashes = [leaf_hash(leaf(entry(number))) for number in range(3)]
    assert (said.size, said.root) == (3, tree_root(hashes))
    assert log.hashes == hashes


def test_nothing_new_makes_no_checkpoint() -> None:
    log = log_of(3)
    run(sequenced(log, seconds=10))
    assert sorted(log.notes) == [3]
    assert run(sequenced(MemoryLog(), seconds=10)).newest is None


def test_it_looks_every_second() -> None:
    async def main() -> tuple[int, int]:
        log = log_of(1)
        task = asyncio.create_task(sequencer(log).run())
        await pause(0.5)
        log.add(entry(10))
        await pause(0.4)
        before = max(log.notes)
        await stopped(task, 0.2)
        return before, max(log.notes)

    assert run(main()) == (1, 2)


def test_many_entries_do_not_wait_for_the_second() -> None:
    async def main() -> int:
        log = MemoryLog()
        made = sequencer(log)
        task = asyncio.create_task(made.run())
        await pause(0.1)
        log.add(*map(entry, range(BATCH)))
        made.recorded(BATCH)
        await stopped(task, 0.1)
        return max(log.notes)

    assert run(main()) == BATCH


def test_a_backlog_is_taken_in_batches_without_waiting() -> None:
    watched = Watched()
    run(sequenced(log_of(2 * BATCH + 5), 0.5, watched))
    assert watched.batches == [BATCH, BATCH, 5]


def test_a_new_process_goes_on_where_the_old_one_stopped() -> None:
    log = log_of(700)
    run(sequenced(log))
    log.add(*map(entry, range(700, 1300)))
    newest = run(sequenced(log)).newest
    assert newest is not None
    assert newest.root == tree_root([leaf_hash(leaf(entry(number))) for number in range(1300)])


class CrashError(Exception):
    pass


@pytest.mark.parametrize("moment", ["before_extend", "after_extend"])
def test_a_crash_around_a_commit_neither_loses_nor_doubles_an_entry(moment: str) -> None:
    log = log_of(300)
    run(sequenced(log))
    log.add(*map(entry, range(300, 400)))

    def crash() -> None:
        raise CrashError

    setattr(log, moment, crash)
    with pytest.raises(CrashError):
        run(sequenced(log))
    setattr(log, moment, lambda: None)
    log.held = False
    log.add(entry(400))
    assert run(sequenced(log)).forked is False
    assert log.hashes == [leaf_hash(leaf(entry(number))) for number in range(401)]


def test_a_commit_whose_answer_was_lost_is_found_and_not_repeated() -> None:
    log = log_of(5)

    def unheard() -> None:
        log.after_extend = lambda: None
        raise StoreUnavailable("the connection broke")

    log.after_extend = unheard
    made = run(sequenced(log, 3))
    assert made.newest is not None
    assert made.newest.size == 5
    assert sorted(log.notes) == [5]


def test_a_store_that_is_away_is_waited_for() -> None:
    log = log_of(5)
    log.failing = 4
    assert run(sequenced(log, 3.5)).newest is None
    assert run(sequenced(log, 2)).newest is not None


def test_one_leads_and_the_other_follows_and_takes_over() -> None:
    async def main() -> tuple[bool, int]:
        log = log_of(5)
        first, second = sequencer(log), sequencer(log)
        tasks = [asyncio.create_task(one.run()) for one in (first, second)]
        await pause(2.5)
        same = first.newest == second.newest
        await stopped(tasks[0], 0)
        log.add(entry(5))
        await stopped(tasks[1], 2.5)
        return same, second.newest.size if second.newest else 0

    assert run(main()) == (True, 6)


Tamper = Callable[[MemoryLog], object]


def other_root(log: MemoryLog) -> None:
    log.notes[300] = replace(log.notes[300], root=bytes(32))


def other_note(log: MemoryLog) -> None:
    log.notes[300] = replace(log.notes[300], note=log_key(8).note(300, log.notes[300].root))


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (lambda log: log.hashes.__setitem__(299, bytes(32)), "another root"),
        (lambda log: log.hashes.pop(), "43 hashes on level 0, not 44"),
        (lambda log: log.kept.pop((1, 0)), "0 hashes on level 1"),
        (lambda log: log.notes.pop(300), "a checkpoint was removed"),
        (other_root, "another root"),
        (other_note, "no known key"),
    ],
)
def test_a_stored_log_that_is_not_what_was_signed_is_refused(
    tamper: Tamper, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    log, watched = log_of(300), Watched()
    run(sequenced(log))
    tamper(log)
    log.add(entry(300))
    made = run(sequenced(log, 5, watched))
    assert made.forked
    assert why in made.reason
    assert watched.alarms == [made.reason]
    assert "turnout audit verify" in caplog.text
    assert len(log.hashes) <= 300  # it takes nothing more


def test_the_untouched_log_is_not_refused() -> None:
    log = log_of(300)
    run(sequenced(log))
    log.add(entry(300))
    assert not run(sequenced(log, 5)).forked
    assert len(log.hashes) == 301


def test_a_log_that_shrinks_under_a_follower_is_noticed() -> None:
    async def main() -> Sequencer:
        log = log_of(5)
        await sequenced(log)
        log.held = True
        made = sequencer(log)
        task = asyncio.create_task(made.run())
        await pause(1.5)
        log.notes.clear()
        await stopped(task, 1.5)
        return made

    assert "rolled back" in run(main()).reason


def witnessed(note: Callable[[MemoryLog], str], *, key: int = 7) -> tuple[bool, Sequencer]:
    async def main() -> tuple[bool, Sequencer]:
        log = log_of(300)
        await sequenced(log)
        log.add(*map(entry, range(300, 600)))
        made = await sequenced(log)
        return await made.witness(note(log)), made

    return run(main())


def root_of(count: int) -> bytes:
    return grown(Edge(), [leaf_hash(leaf(entry(number))) for number in range(count)])[0].root


@pytest.mark.parametrize("size", [1, 255, 256, 300, 599, 600])
def test_a_checkpoint_that_fits_is_witnessed_quietly(size: int) -> None:
    taken, made = witnessed(lambda _: log_key().note(size, root_of(size)))
    assert taken
    assert not made.forked


def test_a_witnessed_checkpoint_larger_than_the_log_is_an_alarm() -> None:
    _, made = witnessed(lambda _: log_key().note(601, bytes(32)))
    assert "601 leaves came back, and the log has 600: it was rolled back" in made.reason


@pytest.mark.parametrize("size", [300, 299])
def test_a_witnessed_checkpoint_with_another_root_is_an_alarm(size: int) -> None:
    _, made = witnessed(lambda _: log_key().note(size, bytes(32)))
    assert "with another root" in made.reason


def test_what_another_key_signed_is_no_alarm() -> None:
    taken, made = witnessed(lambda _: log_key(8).note(601, bytes(32)))
    assert not taken
    assert not made.forked
    with pytest.raises(NoteInvalid):
        log_key().open(log_key(8).note(601, bytes(32)))


def test_a_running_sequencer_stops_at_an_alarm() -> None:
    async def main() -> int:
        log = log_of(5)
        made = sequencer(log)
        task = asyncio.create_task(made.run())
        await pause(0.5)
        await made.witness(log_key().note(99, bytes(32)))
        log.add(entry(5))
        await asyncio.wait_for(task, 5)
        return len(log.hashes)

    assert run(main()) == 5


def proven(use: Callable[[Proofs, MemoryLog], Awaitable[None]]) -> None:
    async def main() -> None:
        log = log_of(900)
        await sequenced(log)
        await use(Proofs(log), log)

    run(main())


def test_proofs_of_a_stored_log_hold() -> None:
    async def use(proofs: Proofs, log: MemoryLog) -> None:
        for size in (1, 2, 256, 257, 900):
            root = await proofs.root(size)
            assert root == root_of(size)
            for index in {0, size // 2, size - 1}:
                check_inclusion(log.hashes[index], index, size, await proofs.inclusion(index, size), root)
                path = await proofs.consistency(index + 1, size)
                check_consistency(index + 1, size, await proofs.root(index + 1), root, path)

    proven(use)
