"""Taking feedback: on decisions that are known, of the giver's tenant, and not too old to learn from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controlplane.audit.model import Entry, Kind
from controlplane.journal.model import Append, Recorded
from controlplane.journal.submit import Submit
from controlplane.store.protocols import StoredEntry, StoreUnavailable
from turnout_wire.failure import Failure

LATEST = timedelta(days=30)
"""Feedback on an older decision is refused: models, prices and prompts have changed since, and statistics halve every week."""


class Label(StrEnum):
    """What was done with an answer."""

    ACCEPTED = "accepted"
    CORRECTED = "corrected"
    RETRIED = "retried"
    ESCALATED = "escalated"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody says of the answer to a decision.

    `tenant` is the giver's, None for an operator, who may speak of all. `quality` is 0 to 1. `request_id` is the giver's
    own id of it, made by `SubmitFeedback` if empty.
    """

    decision_id: str
    giver: str
    tenant: str | None
    quality: float | None = None
    success: bool | None = None
    label: Label | None = None
    comment: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is around: `tenant_of` reads the tenant of a decision's entry, None if it cannot be read any more; `body` writes an entry's."""

    submit: Submit
    entry: Callable[[str, str], Awaitable[StoredEntry | None]]
    tenant_of: Callable[[StoredEntry], str | None]
    body: Callable[[Feedback, datetime], bytes]
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    salt: Callable[[], bytes]


class SubmitFeedback:
    """Records what somebody says; whatever learns from it reads the log."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def __call__(self, feedback: Feedback) -> bool:
        """Whether it is new; durable when this returns.

        Raises Failure: NOT_FOUND for a decision that is unknown, erased or of another tenant (which of them, nobody is told);
        FEEDBACK_LATE; STORE_UNAVAILABLE.
        """
        try:
            await self._check(feedback)
            result = await self._around.submit(Append(entry=self._entry(feedback)))
        except StoreUnavailable as unavailable:
            told = "the store does not answer, so the feedback is not taken; send it again with the same request_id"
            raise Failure("STORE_UNAVAILABLE", told) from unavailable
        return isinstance(result, Recorded) and result.fresh

    async def _check(self, feedback: Feedback) -> None:
        found = await self._around.entry(Kind.DECISION, feedback.decision_id)
        tenant = self._around.tenant_of(found) if found is not None else None
        if found is None or tenant is None or feedback.tenant not in (None, tenant):
            told = "no decision with this id is recorded for your tenant; take the id from the decision or its answer"
            raise Failure("NOT_FOUND", f"decision_id: {told}", field="decision_id")
        if self._around.clock() - found.at > LATEST:
            told = f"it is older than {LATEST.days} days, and nothing is learned from it any more; speak of newer decisions"
            raise Failure("FEEDBACK_LATE", f"decision_id: {told}", field="decision_id")

    def _entry(self, feedback: Feedback) -> Entry:
        """Its ref ends in the request id, which has no blanks, so that no two givers can mean the same."""
        now, request_id = self._around.clock(), feedback.request_id or self._around.new_id()
        return Entry(
            kind=Kind.FEEDBACK,
            ref=f"{feedback.decision_id} {feedback.giver} {request_id}",
            decision_id=feedback.decision_id,
            at=now,
            salt=self._around.salt(),
            body=self._around.body(feedback, now),
        )
