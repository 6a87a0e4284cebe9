"""The rules of a plan, each by an example."""

from datetime import timedelta
from typing import Any

import pytest

from dataplane.execution.plan import advance, run_plan
from dataplane.execution.receipt import SkipReason
from dataplane.execution.step import (
    Attempt,
    Bounds,
    Called,
    Done,
    Ending,
    EndKind,
    PlanSettings,
    Refusal,
    Report,
    Skip,
    Step,
    Wait,
    WaitFor,
)
from dataplane.execution.verdict import CallEnd
from dataplane.permit.model import Limits, Target
from dataplane.provider.model import Verdict
from tests.support.runs import target

FAILED: dict[str, Any] = {"verdict": Verdict.FAILED, "error": "http_500"}
UNSENT: dict[str, Any] = {"verdict": Verdict.FAILED, "error": "connect", "unsent": True}
TOO_LONG: dict[str, Any] = {"verdict": Verdict.IGNORED, "error": "context_too_long"}


class Conversation:
    """A plan, told one thing after the other; each takes a second."""

    def __init__(self, *targets: str | Target, left: float = 30.0, expires: float = 60.0, **limits: int) -> None:
        fields = {"max_attempts": 3, "max_output_tokens": 1, **limits}
        self.now = 0.0
        self.plan = run_plan(
            tuple(item if isinstance(item, Target) else target(item) for item in targets),
            Limits(deadline=timedelta(seconds=left), **fields),
            Bounds(started=0.0, end_by=left, expires=expires),
            PlanSettings(),
        )
        self.step: Step | Ending = advance(self.plan, None)

    def tell(self, report: Report) -> Step | Ending:
        self.now = report.now
        self.step = advance(self.plan, report)
        return self.step

    def ends(self, *, took: float = 1.0, cost: int = 0, **end: object) -> Step | Ending:
        """The call ended."""
        return self.tell(Called(end=CallEnd(now=self.now + took, **end), cost_nanousd=cost))  # type: ignore[arg-type]

    def is_refused(
        self, reason: SkipReason = SkipReason.BREAKER_OPEN, *, until: float | None = None, held: bool = False
    ) -> Step | Ending:
        """The call was not made."""
        return self.tell(Refusal(now=self.now, reason=reason, until=until, held=held))


def calls(step: Step | Ending) -> str:
    """The deployment that is to be called."""
    assert isinstance(step, Attempt), step
    return step.target.deployment


def ended(step: Step | Ending) -> EndKind:
    assert isinstance(step, Ending), step
    return step.kind


def test_a_failure_leads_to_the_next_target_and_success_to_the_end() -> None:
    plan = Conversation("a", "b")
    assert calls(plan.step) == "a"
    assert calls(plan.ends(**FAILED)) == "b"
    assert ended(plan.ends(verdict=Verdict.SUCCEEDED)) is EndKind.SUCCEEDED


def test_the_time_is_shared_among_the_targets_that_are_left() -> None:
    plan = Conversation("a", "b", "c")
    assert isinstance(plan.step, Attempt)
    assert (plan.step.share, plan.step.left) == (10, 30)
    step = plan.ends(took=2, **FAILED)
    assert isinstance(step, Attempt)
    assert (step.share, step.left) == (14, 28)


def test_targets_that_no_attempt_is_left_for_get_no_time() -> None:
    plan = Conversation("a", "b", "c", max_attempts=1)
    assert isinstance(plan.step, Attempt)
    assert plan.step.share == 30
    assert ended(plan.ends(**FAILED)) is EndKind.EXHAUSTED


def test_a_call_that_never_left_is_made_again_if_an_attempt_is_to_spare() -> None:
    plan = Conversation("a", "b")
    wait = plan.ends(**UNSENT)
    assert isinstance(wait, Wait)
    assert wait.purpose is WaitFor.RETRY
    assert calls(plan.tell(Done(now=1.2))) == "a"
    assert calls(plan.ends(**UNSENT)) == "b"


def test_a_retry_never_takes_the_turn_of_a_target_behind() -> None:
    plan = Conversation("a", "b", "c")
    assert calls(plan.ends(**UNSENT)) == "b"


def test_a_wait_that_is_denied_leads_to_the_next_target() -> None:
    plan = Conversation("a", "b")
    plan.ends(**UNSENT)
    assert calls(plan.tell(Done(now=1.0, denied=True))) == "b"


@pytest.mark.parametrize(("hint", "stays"), [(1.5, True), (2.5, False), (None, False)])
def test_a_throttled_target_is_waited_for_only_if_its_hint_is_short(hint: float | None, stays: bool) -> None:
    plan = Conversation("a", "b")
    step = plan.ends(verdict=Verdict.THROTTLED, retry_after=hint)
    assert isinstance(step, Wait) == stays
    if isinstance(step, Wait):
        assert step.hint == hint


@pytest.mark.parametrize(("hint", "stays"), [(8.0, True), (12.0, False), (None, True)])
def test_the_last_target_is_waited_for_longer(hint: float | None, stays: bool) -> None:
    plan = Conversation("a")
    assert isinstance(plan.ends(verdict=Verdict.THROTTLED, retry_after=hint), Wait) == stays


def test_a_request_that_is_too_long_goes_to_another_model_only() -> None:
    plan = Conversation(target("a", "small"), target("b", "small"), target("c", "large"))
    step = plan.ends(**TOO_LONG)
    assert isinstance(step, Skip)
    assert (step.target.deployment, step.reason) == ("b", SkipReason.SAME_MODEL)
    assert calls(plan.tell(Done(now=1.0))) == "c"


def test_the_callers_error_ends_the_run_at_once() -> None:
    assert ended(Conversation("a", "b").ends(verdict=Verdict.IGNORED, error="bad_request")) is EndKind.REJECTED


def test_a_misconfigured_target_leads_to_the_next() -> None:
    assert calls(Conversation("a", "b").ends(verdict=Verdict.MISCONFIGURED, error="credential")) == "b"


def test_after_content_there_is_no_second_attempt() -> None:
    step = Conversation("a", "b").ends(committed=True, **FAILED)
    assert ended(step) is EndKind.BROKEN


def test_no_attempt_begins_after_the_deadline() -> None:
    assert ended(Conversation("a", "b", left=5).ends(took=5, **FAILED)) is EndKind.DEADLINE


def test_no_attempt_begins_when_there_is_no_time_at_all() -> None:
    assert ended(Conversation("a", left=0).step) is EndKind.DEADLINE


def test_an_expired_decision_allows_the_call_under_way_and_no_other() -> None:
    plan = Conversation("a", "b", expires=-1)
    assert calls(plan.step) == "a"
    assert ended(plan.ends(**FAILED)) is EndKind.EXPIRED


def test_no_attempt_begins_when_the_money_is_spent() -> None:
    plan = Conversation("a", "b", "c", max_cost_nanousd=1000)
    assert calls(plan.ends(cost=999, **FAILED)) == "b"
    assert ended(plan.ends(cost=1, **FAILED)) is EndKind.COST_LIMIT


def test_a_refused_target_is_passed_over_without_an_attempt() -> None:
    plan = Conversation("a", "b", max_attempts=1)
    assert calls(plan.is_refused(SkipReason.NO_CREDENTIAL)) == "b"
    assert isinstance(plan.step, Attempt)
    assert plan.step.number == 1


def test_when_all_breakers_are_open_the_first_to_open_is_forced_and_no_other() -> None:
    plan = Conversation("a", "b")
    plan.is_refused(until=20.0)
    step = plan.is_refused(until=10.0)
    assert isinstance(step, Attempt)
    assert (step.target.deployment, step.forced, step.share) == ("b", True, 30.0)
    assert ended(plan.ends(**FAILED)) is EndKind.EXHAUSTED


def test_a_breaker_that_opens_soon_is_waited_for() -> None:
    plan = Conversation("a", "b")
    plan.is_refused(until=20.0)
    step = plan.is_refused(until=1.5, held=True)
    assert isinstance(step, Wait)
    assert (step.target.deployment, step.purpose, step.hint) == ("b", WaitFor.OPENING, 1.5)
    step = plan.tell(Done(now=1.5))
    assert isinstance(step, Attempt)
    assert not step.forced


def test_a_target_that_a_hint_holds_is_not_forced() -> None:
    plan = Conversation("a", "b")
    plan.is_refused(until=5.0, held=True)
    step = plan.is_refused(until=20.0)
    assert isinstance(step, Attempt)
    assert (step.target.deployment, step.forced) == ("b", True)
    plan = Conversation("a")
    assert ended(plan.is_refused(until=5.0, held=True)) is EndKind.EXHAUSTED


def test_a_breaker_that_opens_soon_is_waited_for_when_all_others_failed() -> None:
    plan = Conversation("a", "b")
    plan.is_refused(until=1.5, held=True)
    step = plan.ends(**FAILED)
    assert isinstance(step, Wait)
    assert (step.target.deployment, step.purpose) == ("a", WaitFor.OPENING)
    assert calls(plan.tell(Done(now=1.5))) == "a"


def test_nothing_is_forced_when_something_was_called() -> None:
    plan = Conversation("a", "b")
    plan.ends(**FAILED)
    assert ended(plan.is_refused(until=20.0)) is EndKind.EXHAUSTED


def test_nothing_is_forced_when_no_breaker_is_why() -> None:
    plan = Conversation("a", "b")
    plan.is_refused(SkipReason.BULKHEAD_FULL)
    assert ended(plan.is_refused(SkipReason.NO_CREDENTIAL)) is EndKind.EXHAUSTED


def test_a_forced_call_is_not_repeated() -> None:
    plan = Conversation("a")
    plan.is_refused(until=20.0)
    assert ended(plan.ends(**UNSENT)) is EndKind.EXHAUSTED
