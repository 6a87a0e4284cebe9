"""Whatever is done to the rows of a log is found, and a log that nobody touched is sound."""

from collections.abc import Sequence

import pytest

from controlplane.audit.leaf import leaf, microseconds
from controlplane.audit.model import Entry, Kind
from controlplane.audit.source import StoreSource
from controlplane.audit.verify import Findings, Trust, verify_log
from controlplane.journal.model import Append
from controlplane.rpc.contents import RecordContents
from controlplane.rpc.replay import Replay
from controlplane.store.protocols import Statement, Store, Value
from tests.support.audit import log_key
from tests.support.recorded_log import Written
from turnout.audit.v1 import record_pb2
from turnout_wire.tree import leaf_hash


async def verified(store: Store, *, replay: bool = True, kept: dict[str, str] | None = None) -> Findings:
    contents = RecordContents(Replay(store.entries.documents) if replay else None)
    trust = Trust(keys=log_key().known, kept=kept or {})
    return await verify_log(StoreSource(store), trust, contents, lambda _, __: None)


async def write(store: Store, sql: str, *rows: Sequence[Value]) -> None:
    await store.database.write([Statement(sql=sql, rows=rows or [()])])


async def at(store: Store, index: int) -> Entry:
    (stored,) = await store.entries.in_order(index, 1)
    assert stored.salt is not None
    assert stored.body is not None
    return Entry(
        kind=Kind(stored.kind), ref=stored.ref, decision_id=stored.decision_id, at=stored.at, salt=stored.salt,
        body=stored.body,
    )  # fmt: skip


async def seq_at(store: Store, index: int) -> int:
    return (await store.entries.in_order(index, 1))[0].seq


def told(findings: Findings) -> str:
    return "\n".join(map(str, findings.faults))


async def test_a_log_that_nobody_touched_is_sound(log: Written) -> None:
    found = await verified(log.store)
    assert not told(found)
    assert (found.size, found.checkpoints, found.bodies) == (62, 2, 62)
    assert (found.signatures, found.replayed, found.not_replayed) == (40, 40, 0)


async def test_a_changed_body_is_found(log: Written) -> None:
    entry = await at(log.store, 7)
    await write(
        log.store, "UPDATE entry SET body = ? WHERE seq = ?", (entry.body[:-1] + b"x", await seq_at(log.store, 7))
    )
    found = await verified(log.store)
    assert [fault.index for fault in found.faults] == [7]
    assert "its body is not the one that its leaf commits to" in told(found)


@pytest.mark.parametrize(
    ("column", "value"), [("kind", "refusal"), ("ref", "other"), ("decision_id", "other"), ("at_us", 17)]
)
async def test_a_changed_name_or_time_is_found(log: Written, column: str, value: Value) -> None:
    sql = f"UPDATE entry SET {column} = ? WHERE seq = ?"  # noqa: S608 - one of the four above
    await write(log.store, sql, (value, await seq_at(log.store, 7)))
    found = await verified(log.store)
    assert found.faults[0].index == 7
    assert "not those of its leaf" in told(found)


async def test_a_changed_entry_with_a_leaf_to_match_is_found(log: Written) -> None:
    forged = await forge(log.store, 7)
    found = await verified(log.store)
    assert found.faults[0].index == 7
    assert "not the one whose hash is kept in the tree" in told(found)
    assert forged.ref


async def forge(store: Store, index: int) -> Entry:
    """Another time in an entry, and a leaf to match."""
    entry = await at(store, index)
    forged = Entry(
        kind=entry.kind, ref=entry.ref, decision_id=entry.decision_id, at=entry.at.replace(hour=3), salt=entry.salt,
        body=entry.body,
    )  # fmt: skip
    values = (leaf(forged), microseconds(forged.at), await seq_at(store, index))
    await write(store, "UPDATE entry SET leaf = ?, at_us = ? WHERE seq = ?", values)
    return forged


async def test_a_changed_entry_with_leaf_and_hash_to_match_is_found_by_the_next_checkpoint(log: Written) -> None:
    forged = await forge(log.store, 30)
    await write(log.store, "UPDATE leaf SET hash = ? WHERE idx = ?", (leaf_hash(leaf(forged)), 30))
    found = await verified(log.store)
    assert "checkpoint of 62 leaves: the tree has another root: leaves from 22 to 61 were altered" in told(found)


async def test_a_checkpoint_made_to_match_is_found_by_its_signature(log: Written) -> None:
    stranger = log_key(66)
    checkpoint = await log.store.tree.checkpoint(62)
    assert checkpoint is not None
    await write(log.store, "UPDATE checkpoint SET note = ? WHERE size = ?", (stranger.note(62, checkpoint.root), 62))
    assert "no known key signed it" in told(await verified(log.store))


@pytest.mark.parametrize("index", [0, 7, 61])
async def test_a_deleted_entry_is_found(log: Written, index: int) -> None:
    await write(log.store, "DELETE FROM entry WHERE seq = ?", (await seq_at(log.store, index),))
    found = await verified(log.store)
    assert f"leaf {index} has lost its entry" in told(found)


async def test_a_deleted_entry_with_its_leaf_is_found(log: Written) -> None:
    seq = await seq_at(log.store, 7)
    await write(log.store, "DELETE FROM leaf WHERE idx = ?", (7,))
    found = await verified(log.store)
    assert "leaf 7, the log: an entry is missing, for leaf 8 comes next" in told(found)
    assert f"(row {seq}) is neither in the log nor waiting" in told(found)


async def test_deleted_entries_whose_followers_moved_up_are_found(log: Written) -> None:
    await write(log.store, "DELETE FROM entry WHERE seq = ?", (await seq_at(log.store, 30),))
    await write(log.store, "DELETE FROM leaf WHERE idx = ?", (30,))
    for index in range(31, 62):
        await write(log.store, "UPDATE leaf SET idx = ? WHERE idx = ?", (index - 1, index))
    found = await verified(log.store)
    assert "checkpoint of 62 leaves: it has 62 leaves, and the log ends after 61: it was cut off" in told(found)


async def test_swapped_entries_are_found(log: Written) -> None:
    first, second = await seq_at(log.store, 30), await seq_at(log.store, 31)
    await write(log.store, "UPDATE leaf SET seq = ? WHERE idx = ?", (-1, 30))
    await write(log.store, "UPDATE leaf SET seq = ? WHERE idx = ?", (first, 31))
    await write(log.store, "UPDATE leaf SET seq = ? WHERE idx = ?", (second, 30))
    found = await verified(log.store)
    assert [fault.index for fault in found.faults][:2] == [30, 31]


async def test_swapped_entries_with_their_hashes_are_found_by_the_next_checkpoint(log: Written) -> None:
    await write(log.store, "UPDATE leaf SET idx = ? WHERE idx = ?", (-1, 30))
    await write(log.store, "UPDATE leaf SET idx = ? WHERE idx = ?", (30, 31))
    await write(log.store, "UPDATE leaf SET idx = ? WHERE idx = ?", (31, -1))
    assert "leaves from 22 to 61 were altered or moved" in told(await verified(log.store))


async def cut_off(store: Store, size: int) -> None:
    """Take the log back to what it was, leaving no trace in it."""
    await write(store, "DELETE FROM entry WHERE seq IN (SELECT seq FROM leaf WHERE idx >= ?)", (size,))
    await write(store, "DELETE FROM leaf WHERE idx >= ?", (size,))
    await write(store, "DELETE FROM checkpoint WHERE size > ?", (size,))
    await write(store, "DELETE FROM request", ())


async def test_a_log_that_was_cut_off_is_found_by_its_checkpoint(log: Written) -> None:
    await write(log.store, "DELETE FROM entry WHERE seq IN (SELECT seq FROM leaf WHERE idx >= ?)", (50,))
    await write(log.store, "DELETE FROM leaf WHERE idx >= ?", (50,))
    assert "the log ends after 50: it was cut off" in told(await verified(log.store))


async def test_a_removed_checkpoint_is_found(log: Written) -> None:
    await write(log.store, "DELETE FROM checkpoint WHERE size = ?", (62,))
    assert "40 leaves are beyond the newest checkpoint" in told(await verified(log.store))


async def test_a_log_that_was_rolled_back_without_a_trace_is_found_by_a_checkpoint_that_somebody_kept(
    log: Written,
) -> None:
    newest = await log.store.tree.newest()
    assert newest is not None
    await cut_off(log.store, 22)
    assert (await verified(log.store)).sound, "nothing in the log itself tells of it"
    found = await verified(log.store, kept={"kept.txt": newest.note})
    assert "kept.txt: it has 62 leaves, and the log ends after 22: it was cut off" in told(found)


async def test_a_log_that_was_rolled_back_is_found_by_a_checkpoint_that_comes_back(log: Written) -> None:
    newest = await log.store.tree.newest()
    assert newest is not None
    await cut_off(log.store, 22)
    later = Written(log.store, seed=2)
    await later.sequence()
    await later.sequencer.witness(newest.note)
    assert "it was rolled back" in later.sequencer.reason


async def test_a_log_that_went_on_differently_is_found_by_a_checkpoint_that_somebody_kept(log: Written) -> None:
    newest = await log.store.tree.newest()
    assert newest is not None
    await cut_off(log.store, 22)
    later = Written(log.store, seed=3)
    await later.start()
    await later.decisions(60)
    await later.sequence()
    assert (await verified(log.store)).sound
    found = await verified(log.store, kept={"kept.txt": newest.note})
    assert "kept.txt: the tree has another root" in told(found)


async def test_any_kept_checkpoint_of_a_sound_log_holds(log: Written) -> None:
    notes = await log.store.tree.checkpoints(0, 10)
    await log.decisions(3)
    await log.sequence()
    found = await verified(log.store, kept={f"kept {note.size}": note.note for note in notes})
    assert found.sound


async def test_an_inserted_row_is_found(log: Written) -> None:
    sql = "INSERT INTO entry (kind, ref, decision_id, at_us, leaf, salt, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
    await write(log.store, sql, ("decision", "forged", "forged", 17, b"leaf", b"salt", b"body"))
    assert "the decision 'forged' (row" in told(await verified(log.store))


async def test_what_waits_for_its_place_is_no_fault(log: Written) -> None:
    await log.decisions(2)
    found = await verified(log.store)
    assert found.sound
    assert found.size == 62


async def test_an_altered_tile_is_found(store: Store) -> None:
    log = Written(store)
    await log.start()
    await log.decisions(260)
    await log.sequence()
    assert (await verified(store, replay=False)).sound
    await write(store, "UPDATE tile SET hashes = ? WHERE level = 0 AND idx = 0", (bytes(256 * 32),))
    assert "tile 0 of level 0: it is not made of its leaves" in told(await verified(store, replay=False))


async def erase(log: Written, index: int) -> tuple[str, str]:
    entry = await at(log.store, index)
    record = record_pb2.ErasureRecord(entries=[f"{entry.kind} {entry.ref}"], requested_by="operator", reason="asked")
    said = Entry(
        kind=Kind.ERASURE, ref=f"erasure-{index}", decision_id="", at=log.clock(), salt=bytes(16),
        body=record.SerializeToString(),
    )  # fmt: skip
    await log.submit(Append(entry=said))
    await log.store.entries.erase([await seq_at(log.store, index)])
    await log.sequence()
    return entry.kind, entry.ref


async def test_erasing_a_body_breaks_nothing(log: Written) -> None:
    await erase(log, 7)
    found = await verified(log.store)
    assert not told(found)
    assert (found.size, found.bodies, found.erased) == (63, 62, 1)


async def test_a_body_that_vanished_without_a_word_is_found(log: Written) -> None:
    await log.store.entries.erase([await seq_at(log.store, 7)])
    found = await verified(log.store)
    assert [fault.index for fault in found.faults] == [7]
    assert "its body is gone, and no entry says that it was erased" in told(found)


async def rewrite(log: Written, index: int, record: record_pb2.DecisionRecord) -> None:
    """Forge a record as only somebody with the log's own key could: everything to match but what it says."""
    entry = await at(log.store, index)
    forged = Entry(
        kind=entry.kind, ref=entry.ref, decision_id=entry.decision_id, at=entry.at, salt=entry.salt,
        body=record.SerializeToString(),
    )  # fmt: skip
    values = (leaf(forged), forged.body, await seq_at(log.store, index))
    await write(log.store, "UPDATE entry SET leaf = ?, body = ? WHERE seq = ?", values)
    await write(log.store, "DELETE FROM leaf", ())
    await write(log.store, "DELETE FROM tile", ())
    await write(log.store, "DELETE FROM checkpoint", ())
    await write(log.store, "INSERT INTO pending SELECT seq FROM entry", ())
    await Written(log.store, seed=2).sequence()


async def first_decision(log: Written) -> tuple[int, record_pb2.DecisionRecord]:
    return 2, record_pb2.DecisionRecord.FromString((await at(log.store, 2)).body)


async def test_a_record_written_again_as_it_was_is_sound(log: Written) -> None:
    index, record = await first_decision(log)
    await rewrite(log, index, record)
    assert (await verified(log.store)).sound


async def test_replay_finds_another_time(log: Written) -> None:
    index, record = await first_decision(log)
    record.basis.decided_at.seconds += 3600
    await rewrite(log, index, record)
    found = await verified(log.store)
    assert found.faults[0].index == index
    assert "made again it is another decision: issued_at.seconds: signed" in told(found)
    assert (await verified(log.store, replay=False)).sound


async def test_replay_finds_other_facts_of_the_request(log: Written) -> None:
    index, record = await first_decision(log)
    record.asked.features.input_tokens += 100_000
    await rewrite(log, index, record)
    assert "made again it is another decision: " in told(await verified(log.store))


async def test_replay_says_which_document_is_missing(log: Written) -> None:
    await write(log.store, "DELETE FROM document WHERE kind = 'catalog'", ())
    assert "it cannot be made again: the catalog" in told(await verified(log.store))
    assert (await verified(log.store, replay=False)).sound


async def test_replay_finds_an_altered_document(log: Written) -> None:
    ((digest, body),) = await log.store.database.fetch("SELECT digest, body FROM document WHERE kind = 'live'")
    assert isinstance(body, bytes)
    await write(log.store, "UPDATE document SET body = ? WHERE digest = ?", (body[:-1], digest))
    assert "the live" in told(await verified(log.store))


async def test_a_decision_that_no_recorded_key_signed_is_found(log: Written) -> None:
    index, record = await first_decision(log)
    record.decision.signatures[0].key_id = "0" * 16
    await rewrite(log, index, record)
    assert "no key set in the log has the key '0000000000000000'" in told(await verified(log.store))


async def test_a_decision_whose_signature_does_not_hold_is_found(log: Written) -> None:
    index, record = await first_decision(log)
    record.decision.signatures[0].value = bytes(64)
    await rewrite(log, index, record)
    assert "its signature does not hold" in told(await verified(log.store))
