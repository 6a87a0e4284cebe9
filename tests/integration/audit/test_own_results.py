"""What is learned from a log: the same from a store and from an export, and nothing of what is not there any more."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controlplane.audit.export import ExportSource, export_log
from controlplane.audit.model import Entry, Kind
from controlplane.audit.source import Source, StoreSource
from controlplane.journal.model import Append, Settle
from controlplane.learning.artefact import decode
from controlplane.learning.experience import key
from controlplane.learning.fitness import reading
from controlplane.learning.training.log import LeftOut
from controlplane.learning.training.own import nothing_learned
from controlplane.outcome.feedback import Feedback
from controlplane.routing.model import Given
from controlplane.rpc.feedback_codec import feedback_record
from controlplane.store.protocols import Store
from tests.support.recorded_log import Written
from turnout.outcome.v1 import receipt_pb2
from turnout.routing.v1 import decision_pb2
from turnout_cli.evaluation.experiences import Own, TooLittle, train_log
from turnout_cli.evaluation.own_report import own_json, show_own


def signed(given: Given) -> decision_pb2.RouteDecision:
    return decision_pb2.RouteDecision.FromString(given.signed.payload)


async def say(log: Written, decision_id: str, quality: float) -> None:
    """Somebody's feedback on a decision."""
    now = log.clock()
    said = Feedback(decision_id=decision_id, giver="app", tenant=None, quality=quality)
    entry = Entry(
        kind=Kind.FEEDBACK, ref=log.entries.new_id(now), decision_id=decision_id, at=now,
        salt=log.chance.randbytes(16), body=feedback_record(said, now),
    )  # fmt: skip
    await log.submit(Append(entry=entry))


async def judged(log: Written, count: int, good: float) -> Sequence[Given]:
    """So many decisions, run and judged; this share of the answers is good."""
    chance, made = np.random.default_rng(3), await log.decisions(count)
    for given in made:
        await log.receipt(given)
        await say(log, signed(given).decision_id, float(chance.random() < good))
    return made


async def learned(source: Source, **more: object) -> Own:
    return await train_log(source, nothing_learned(reading()), lambda _, __: None, **more)  # type: ignore[arg-type]


async def started(store: Store) -> Written:
    log = Written(store)
    await log.start()
    return log


async def test_an_export_teaches_the_same_as_the_store_and_the_latest_results_are_held_out(
    store: Store, tmp_path: Path
) -> None:
    log = await started(store)
    made = await judged(log, 200, 0.3)
    await log.sequence()
    await export_log(store, tmp_path / "log.jsonl", lambda _, __: None)
    own = await learned(StoreSource(store))
    assert (await learned(ExportSource(tmp_path / "log.jsonl"))).content == own.content
    assert (own.decisions, own.judged, own.failed, own.left_out) == (200, 200, 0, {})
    every, *workloads = own.held
    assert (every.workload, every.results) == ("", 40)
    assert every.expected < every.before - 0.1
    assert sum(each.results for each in workloads) <= 40
    assert sum(one.results for one in own.places) == 200
    name = key(signed(made[0]).workload, "", signed(made[0]).targets[0].model)
    assert decode(own.content).experience[name].shift < -300_000


async def test_results_as_they_were_expected_change_little_and_the_report_says_so(store: Store) -> None:
    """The control: where nothing is to be learned, nothing is said to be."""
    log = await started(store)
    await judged(log, 150, 0.88)
    await log.sequence()
    own = await learned(StoreSource(store))
    assert abs(own.held[0].expected - own.held[0].before) < 0.05
    assert all(abs(one.kept.shift) < 120_000 for one in own.places)


async def test_what_is_not_there_is_counted_and_left_out(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    log = await started(store)
    made = await judged(log, 40, 0.5)
    (unanswered,) = await log.decisions(1)
    await say(log, signed(unanswered).decision_id, 1.0)
    decisions = await store.entries.of_decision(signed(made[0]).decision_id)
    await log.sequence()
    await store.entries.erase([one.seq for one in decisions if one.kind == Kind.DECISION])
    others = await store.entries.of_decision(signed(made[1]).decision_id)
    await store.entries.erase([one.seq for one in others if one.kind == Kind.FEEDBACK])
    own = await learned(StoreSource(store))
    assert own.left_out == {LeftOut.ERASED: 2, LeftOut.UNANSWERED: 1}
    assert (own.decisions, own.judged) == (41, 38)
    show_own(own, Path("own.turnout"))
    told = capsys.readouterr()
    assert "left out: 2 entries whose bodies were erased" in told.err
    assert "too few results to hold any out" in told.err
    assert own_json(own, None, Path("own.turnout"))["left_out"] == {"erased": 2, "unanswered": 1}


async def test_a_decision_that_is_only_known_from_its_receipt_teaches_nothing(store: Store) -> None:
    log = await started(store)
    await judged(log, 30, 0.5)
    receipt = log.receipt_of(log.given[3])
    receipt.decision_id, receipt.receipt_id = log.entries.new_id(log.clock()), log.entries.new_id(log.clock())
    await log.submit(Append(entry=log.entries.adopted(receipt)))
    await log.submit(Append(entry=log.entries.receipt(receipt, "worker-1")))
    await say(log, receipt.decision_id, 0.0)
    await log.sequence()
    own = await learned(StoreSource(store))
    assert (own.judged, own.left_out) == (30, {LeftOut.ADOPTED: 1})


async def test_answers_of_no_use_by_their_receipts_are_learned_of(store: Store) -> None:
    log = await started(store)
    for at, given in enumerate(await log.decisions(60)):
        receipt = log.receipt_of(given)
        if at % 2:
            receipt.output_check = receipt_pb2.OUTPUT_CHECK_NOT_JSON
        await log.submit(
            Settle(entry=log.entries.receipt(receipt, "worker-1"), used=(), decision=log.entries.adopted(receipt))
        )
    await log.sequence()
    own = await learned(StoreSource(store))
    assert (own.judged, own.failed) == (0, 30)
    assert all(one.kept.shift < 0 for one in own.places)


async def test_too_little_is_refused_with_what_there_is(store: Store) -> None:
    log = await started(store)
    await judged(log, 19, 0.5)
    await log.sequence()
    with pytest.raises(TooLittle, match="19 decisions were read, 19 with feedback on a recorded answer and 0 with"):
        await learned(StoreSource(store))
    await judged(log, 1, 0.5)
    await log.sequence()
    assert (await learned(StoreSource(store))).judged == 20
    with pytest.raises(TooLittle, match="0 decisions were read"):
        await learned(StoreSource(store), since=log.now + timedelta(hours=1))
