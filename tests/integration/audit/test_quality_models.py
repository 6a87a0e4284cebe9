"""Decisions that a quality model had a part in are made again with that model, whatever is in use meanwhile."""

from collections import Counter

import pytest

from controlplane.audit.source import StoreSource
from controlplane.audit.verify import Findings, Trust, verify_log
from controlplane.catalog.load import load
from controlplane.learned.restore import learned_document
from controlplane.learning.artefact import decode
from controlplane.learning.model import Learned
from controlplane.rpc.contents import RecordContents
from controlplane.rpc.replay import Replay
from controlplane.store.protocols import Statement, Store
from tests.support.artefacts import artefact
from tests.support.audit import log_key
from tests.support.recorded_log import Written
from turnout.audit.v1 import record_pb2
from turnout.routing.v1 import decision_pb2

MODELS = sorted(load(None).models)
FIRST = decode(artefact({name: 0.5 + at / (3 * len(MODELS)) for at, name in enumerate(MODELS)}))
SECOND = decode(artefact({name: 0.9 - at / (3 * len(MODELS)) for at, name in enumerate(MODELS)}))


async def written(store: Store) -> Written:
    """A log of 8 decisions without a quality model, 12 with the first, 6 with the second, and 4 without again."""
    log = Written(store)
    await log.start()
    for learned, count in ((None, 8), (FIRST, 12), (SECOND, 6), (None, 4)):
        log.use(learned)
        await log.decisions(count)
    await log.sequence()
    return log


async def verified(store: Store) -> Findings:
    trust, contents = Trust(keys=log_key().known, kept={}), RecordContents(Replay(store.entries.documents))
    return await verify_log(StoreSource(store), trust, contents, lambda _, __: None)


async def test_each_decision_is_made_again_by_the_model_that_was_in_use(store: Store) -> None:
    log = await written(store)
    found = await verified(store)
    assert found.sound, found.faults
    assert (found.replayed, found.not_replayed) == (30, 0)
    used: Counter[bytes] = Counter()
    qualities = set()
    for given in log.given:
        (entry,) = await store.entries.of_decision(given.signed.decision_id)
        digest = record_pb2.DecisionRecord.FromString(entry.body or b"").basis.learned_digest
        used[digest] += 1
        signed = decision_pb2.RouteDecision.FromString(given.signed.payload)
        qualities.add((digest, signed.targets[0].model, signed.targets[0].estimate.quality_ppm))
    assert used == {b"": 12, FIRST.digest: 12, SECOND.digest: 6}
    assert len({digest for digest, _, _ in qualities}) == 3
    assert not {one[1:] for one in qualities if one[0] == FIRST.digest} & {
        one[1:] for one in qualities if one[0] == SECOND.digest
    }


async def test_with_another_model_in_its_place_a_decision_is_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: replaying looks at the model that the record names, and at nothing else."""
    await written(store)

    async def model(_: Replay, __: bytes) -> Learned:
        return SECOND

    monkeypatch.setattr(Replay, "_model", model)
    found = await verified(store)
    assert len(found.faults) == 12
    assert "made again it is another decision" in str(found.faults[0])


async def test_what_was_decided_by_a_model_that_is_not_kept_is_counted_as_not_made_again(store: Store) -> None:
    await written(store)
    await store.database.write([Statement(sql="DELETE FROM document WHERE digest = ?", rows=[(FIRST.digest,)])])
    found = await verified(store)
    assert found.sound
    assert (found.replayed, found.not_replayed) == (18, 12)
    assert found.unmade == {f"the quality model {FIRST.digest.hex()} that it was decided with is not kept": 12}


async def test_an_altered_model_is_not_believed(store: Store) -> None:
    await written(store)
    body = learned_document(SECOND).body
    await store.database.write(
        [Statement(sql="UPDATE document SET body = ? WHERE digest = ?", rows=[(body, FIRST.digest)])]
    )
    found = await verified(store)
    assert len(found.faults) == 12
    assert "it was altered" in str(found.faults[0])


async def test_a_model_of_other_software_is_told_of_and_nothing_is_made_again_by_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(store)
    monkeypatch.setattr("controlplane.learned.restore.reading", lambda: "reading-newer")
    found = await verified(store)
    assert found.sound
    assert (found.replayed, found.not_replayed) == (12, 18)
    assert all("verify with the version that decided" in why for why in found.unmade)
