"""Feedback is taken once, on known decisions of one's own, and not on old ones."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.access.model import Role
from controlplane.audit.leaf import leaf
from controlplane.audit.model import Entry, Kind
from controlplane.journal.apply import apply
from controlplane.journal.model import Append, Found, Operation, Result
from controlplane.outcome.feedback import LATEST, Feedback, Label, SubmitFeedback, Surroundings
from controlplane.rpc.feedback_codec import feedback_from, feedback_record, tenant_of
from controlplane.store.protocols import StoredEntry, StoreUnavailable
from turnout.audit.v1 import record_pb2
from turnout.outcome.v1 import outcome_pb2
from turnout.routing.v1 import decision_pb2
from turnout_wire.failure import Failure
from turnout_wire.server import Principal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECISION = "01939e6e-0000-7000-8000-000000000001"


def decision_entry(at: datetime, tenant: str = "acme") -> StoredEntry:
    """The entry of a decision for `tenant`."""
    record = record_pb2.DecisionRecord()
    record.decision.payload = decision_pb2.RouteDecision(decision_id=DECISION, tenant=tenant).SerializeToString()
    return StoredEntry(
        seq=1, index=None, kind=Kind.DECISION, ref=DECISION, decision_id=DECISION, at=at, leaf=b"", salt=b"",
        body=record.SerializeToString(),
    )  # fmt: skip


class World:
    """A log in memory."""

    def __init__(self, *entries: StoredEntry) -> None:
        self.known: Mapping[tuple[str, str], StoredEntry] = {(entry.kind, entry.ref): entry for entry in entries}
        self.written: list[Entry] = []
        self.failing = False
        self._ids = iter(range(1000))

    @property
    def command(self) -> SubmitFeedback:
        """The use case in this world."""
        return SubmitFeedback(
            Surroundings(
                submit=self.submit,
                entry=self.entry,
                tenant_of=tenant_of,
                body=feedback_record,
                clock=lambda: NOW,
                new_id=lambda: f"made-{next(self._ids)}",
                salt=lambda: bytes(16),
            )
        )

    async def entry(self, kind: str, ref: str) -> StoredEntry | None:
        """What is known."""
        return self.known.get((kind, ref))

    async def submit(self, operation: Operation) -> Result:
        """As every store does it."""
        if self.failing:
            raise StoreUnavailable("no")
        assert isinstance(operation, Append)
        refs = frozenset((entry.kind.value, entry.ref) for entry in self.written)
        changes, outcome = apply([operation], Found(refs=refs))
        self.written += changes.entries
        return outcome.results[0]


def said(**fields: object) -> Feedback:
    """Feedback of the decision's own tenant."""
    return replace(Feedback(decision_id=DECISION, giver="app", tenant="acme", quality=0.9), **fields)  # type: ignore[arg-type]


async def test_feedback_is_recorded_with_all_that_was_said() -> None:
    world = World(decision_entry(NOW))
    assert await world.command(said(success=True, label=Label.CORRECTED, comment="nearly"))
    body = record_pb2.FeedbackRecord.FromString(world.written[0].body)
    assert (body.source, body.quality_ppm, body.success, body.label) == ("app", 900_000, True, "corrected")
    assert (body.comment, world.written[0].decision_id) == ("nearly", DECISION)


async def test_what_was_not_said_is_absent_in_the_record() -> None:
    body = record_pb2.FeedbackRecord.FromString(feedback_record(said(quality=None), NOW))
    assert not body.HasField("quality_ppm")
    assert not body.HasField("success")


async def test_the_same_request_id_changes_nothing_and_another_is_kept_beside() -> None:
    world = World(decision_entry(NOW))
    fresh = [await world.command(said(request_id=name)) for name in ("a", "a", "b", "", "")]
    assert fresh == [True, False, True, True, True]
    assert len(world.written) == 4


async def test_two_givers_may_use_the_same_request_id() -> None:
    world = World(decision_entry(NOW))
    assert [await world.command(said(giver=giver, request_id="1")) for giver in ("a", "b")] == [True, True]


@pytest.mark.parametrize(
    ("world", "feedback"),
    [
        (World(), said()),
        (World(decision_entry(NOW)), said(tenant="other")),
        (World(replace(decision_entry(NOW), body=None)), said()),
        (World(replace(decision_entry(NOW), body=b"\xff")), said()),
    ],
    ids=["unknown", "of another tenant", "erased", "unreadable"],
)
async def test_decisions_that_are_none_of_ones_business_are_not_found(world: World, feedback: Feedback) -> None:
    with pytest.raises(Failure) as refused:
        await world.command(feedback)
    assert refused.value.reason == "NOT_FOUND"
    assert not world.written


async def test_an_operator_may_speak_of_every_tenants_decisions() -> None:
    assert await World(decision_entry(NOW)).command(said(tenant=None))


async def test_feedback_is_taken_for_thirty_days_and_not_longer() -> None:
    assert await World(decision_entry(NOW - LATEST)).command(said())
    with pytest.raises(Failure) as refused:
        await World(decision_entry(NOW - LATEST - timedelta(microseconds=1))).command(said())
    assert refused.value.reason == "FEEDBACK_LATE"


async def test_a_store_that_fails_is_told_with_the_way_out() -> None:
    world = World(decision_entry(NOW))
    world.failing = True
    with pytest.raises(Failure) as refused:
        await world.command(said())
    assert refused.value.reason == "STORE_UNAVAILABLE"
    assert "request_id" in refused.value.message


async def test_the_entry_can_be_a_leaf_whatever_was_said() -> None:
    world = World(decision_entry(NOW))
    await world.command(said(comment="two\nlines", request_id="!~"))
    assert leaf(world.written[0]).startswith(b"turnout.leaf.v1\nfeedback\n")


def test_a_request_is_read_as_its_caller_meant_it() -> None:
    request = outcome_pb2.SubmitFeedbackRequest(
        decision_id=DECISION, success=False, label=outcome_pb2.FEEDBACK_LABEL_REFUSED
    )
    caller = Principal(name="app", tenant="acme", roles=frozenset({Role.CALLER}))
    feedback = feedback_from(request, caller)
    assert feedback == said(quality=None, success=False, label=Label.REFUSED)
    assert feedback_from(request, replace(caller, roles=frozenset({Role.OPERATOR}))).tenant is None
