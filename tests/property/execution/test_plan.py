"""What holds for a plan whatever its targets answer."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from hypothesis import assume, find, given
from hypothesis import strategies as st

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
    Raced,
    Refusal,
    Report,
    Skip,
    Step,
    Wait,
    WaitFor,
)
from dataplane.execution.verdict import CallEnd, Next, is_of_the_key, next_step
from dataplane.permit.model import Limits, Target
from dataplane.provider.model import Verdict

ERRORS = {
    Verdict.SUCCEEDED: [""],
    Verdict.FAILED: ["connect", "http_500", "stream_cut", "timeout_first_token"],
    Verdict.THROTTLED: ["rate_limited"],
    Verdict.IGNORED: ["bad_request", "context_too_long", "content_filter", "unsupported"],
    Verdict.MISCONFIGURED: ["credential"],
}


ELSEWHERE = ("context_too_long", "unsupported")


@dataclass
class Course:
    """One course of a plan: what it asked for, when, and what it was told."""

    targets: tuple[Target, ...]
    limits: Limits
    bounds: Bounds
    incompatible: frozenset[int] = frozenset()
    steps: list[tuple[float, Step, Report]] = field(default_factory=list)
    ending: Ending | None = None

    def attempts(self) -> list[tuple[float, Attempt, Called]]:
        """The attempts that were made."""
        return [(now, s, r) for now, s, r in self.steps if isinstance(s, Attempt) and isinstance(r, Called)]


@st.composite
def calls(draw: st.DrawFn, now: float, attempt: Attempt) -> Called:
    """An end of a call within its time, and within the most that it may cost."""
    verdict = draw(st.sampled_from(list(Verdict)))
    error = draw(st.sampled_from(ERRORS[verdict]))
    cut = error.startswith("timeout") and draw(st.booleans())
    end = CallEnd(
        verdict=verdict,
        now=now + (attempt.share if cut else draw(st.floats(0, 1)) * attempt.share),
        error=error,
        retry_after=draw(st.none() | st.floats(0, 15)) if verdict is Verdict.THROTTLED else None,
        unsent=error == "connect",
        committed=error in ("", "stream_cut") and draw(st.booleans()),
        cut=cut,
    )
    return Called(
        end=end,
        cost_nanousd=draw(st.integers(0, attempt.target.max_cost_nanousd)),
        reference=f"key {len(attempt.tried)}",
        spare=is_of_the_key(end) and draw(st.booleans()),
    )


@st.composite
def refusals(draw: st.DrawFn, now: float) -> Refusal:
    """A reason not to call."""
    reason = draw(st.sampled_from([SkipReason.BREAKER_OPEN, SkipReason.BREAKER_OPEN, SkipReason.NO_CREDENTIAL]))
    until = draw(st.none() | st.floats(0, 10)) if reason is SkipReason.BREAKER_OPEN else None
    held = until is not None and draw(st.booleans())
    return Refusal(now=now, reason=reason, until=None if until is None else now + until, held=held)


@st.composite
def courses(draw: st.DrawFn, *, held: bool | None = None) -> Course:
    """A plan driven to its end by a world that answers anything. `held`: whether budgets hold something, either if None.

    What is held has room for the first target at least, as in every decision.
    """
    models = draw(st.lists(st.sampled_from("pqr"), min_size=1, max_size=6))
    targets = tuple(
        Target(deployment=f"d{index}", model=model, provider="any", max_cost_nanousd=draw(st.integers(1, 1000)))
        for index, model in enumerate(models)
    )
    reserving = draw(st.booleans()) if held is None else held
    first = targets[0].max_cost_nanousd
    limits = Limits(
        max_attempts=draw(st.integers(1, 6)),
        max_output_tokens=1,
        deadline=timedelta(seconds=30),
        max_cost_nanousd=draw(st.sampled_from([0, 500, 1500])),
        reserved_nanousd=first + draw(st.integers(0, 2000)) if reserving else None,
    )
    bounds = Bounds(started=100.0, end_by=100.0 + draw(st.floats(0, 40)), expires=100.0 + draw(st.floats(0, 60)))
    incompatible = frozenset(draw(st.sets(st.integers(0, len(targets) - 1), max_size=2)))
    course = Course(targets=targets, limits=limits, bounds=bounds, incompatible=incompatible)
    plan, now = run_plan(targets, limits, bounds, PlanSettings(), incompatible), bounds.started
    step = advance(plan, None)
    while not isinstance(step, Ending):
        assert len(course.steps) < 100, "the plan does not end"
        report: Report
        if isinstance(step, Attempt):
            report = draw(refusals(now) | calls(now, step))
        elif isinstance(step, Wait):
            report = draw(waits(now, step))
        else:
            report = Done(now=now)
        course.steps.append((now, step, report))
        now = report.now
        step = advance(plan, report)
    course.ending = step
    return course


@st.composite
def waits(draw: st.DrawFn, now: float, wait: Wait) -> Done:
    """A wait as long as asked for, or none."""
    if wait.hint >= wait.left or draw(st.integers(0, 3)) == 0:
        return Done(now=now, denied=True)
    return Done(now=now + wait.hint)


@given(courses())
def test_no_more_attempts_than_the_decision_allows(course: Course) -> None:
    assert len(course.attempts()) <= course.limits.max_attempts
    assert [attempt.number for _, attempt, _ in course.attempts()] == list(range(1, len(course.attempts()) + 1))


@given(courses())
def test_nothing_is_asked_for_beyond_the_deadline(course: Course) -> None:
    for now, step, _ in course.steps:
        if isinstance(step, Attempt):
            assert now < course.bounds.end_by
            assert 0 < step.share <= step.left <= course.bounds.end_by - now + 1e-9


@given(courses())
def test_after_the_decision_expired_no_further_attempt_begins(course: Course) -> None:
    assert all(now < course.bounds.expires for now, attempt, _ in course.attempts() if attempt.number > 1)


@given(courses())
def test_no_attempt_begins_once_the_money_is_spent(course: Course) -> None:
    limit, spent = course.limits.max_cost_nanousd, 0
    for _, _, report in course.attempts():
        assert not limit or spent < limit
        spent += report.cost_nanousd


@given(courses())
def test_content_success_and_the_callers_own_errors_end_a_run(course: Course) -> None:
    final = (Verdict.SUCCEEDED, Verdict.IGNORED)
    attempts = course.attempts()
    for _, _, report in attempts[:-1]:
        assert not report.end.committed
        assert report.end.verdict not in final or report.end.error in ELSEWHERE or report.end.cut
    if course.ending and course.ending.kind is EndKind.SUCCEEDED:
        assert attempts[-1][2].end.verdict is Verdict.SUCCEEDED


@given(courses())
def test_the_same_target_is_called_again_only_after_a_throttle_or_a_call_that_never_left(course: Course) -> None:
    attempts = course.attempts()
    for (_, before, report), (_, after, _) in pairwise(attempts):
        if before.index == after.index:
            assert report.end.verdict is Verdict.THROTTLED or report.end.unsent or report.spare
            assert after.tries == before.tries + 1


@given(courses())
def test_every_target_behind_can_still_have_its_turn(course: Course) -> None:
    for _, attempt, _ in course.attempts():
        untried = len(set(range(attempt.index + 1, len(course.targets))) - course.incompatible)
        if attempt.tries and not attempt.forced:
            waited_for_opening = any(isinstance(s, Wait) and s.purpose is WaitFor.OPENING for _, s, _ in course.steps)
            kept = min(untried, 1) if attempt.tried else untried
            assert waited_for_opening or course.limits.max_attempts - attempt.number >= kept


@given(courses())
def test_no_key_that_was_refused_is_used_again_before_the_others(course: Course) -> None:
    for (_, before, report), (_, after, _) in pairwise(course.attempts()):
        if after.tried:
            assert report.spare
            assert (before.index, (*before.tried, report.reference)) == (after.index, after.tried)


@given(courses())
def test_a_model_that_the_request_does_not_fit_is_not_asked_again(course: Course) -> None:
    unfit: set[str] = set()
    for _, attempt, report in course.attempts():
        assert attempt.target.model not in unfit
        if report.end.error == "context_too_long" and not report.end.committed:
            unfit.add(attempt.target.model)


@given(courses())
def test_at_most_one_target_is_forced_and_only_when_none_could_be_called(course: Course) -> None:
    forced = [
        (place, step) for place, (_, step, _) in enumerate(course.steps) if isinstance(step, Attempt) and step.forced
    ]
    if not forced:
        return
    place, step = forced[0]
    assert len(forced) == 1
    before = [report for _, earlier, report in course.steps[:place] if isinstance(earlier, Attempt)]
    assert all(isinstance(report, Refusal) for report in before)
    mine = [report for _, earlier, report in course.steps[:place] if getattr(earlier, "index", -1) == step.index]
    assert any(isinstance(report, Refusal) and report.reason is SkipReason.BREAKER_OPEN for report in mine)


@given(courses())
def test_a_target_that_a_providers_hint_holds_is_never_forced(course: Course) -> None:
    last_refusal: dict[int, Refusal] = {}
    for _, step, report in course.steps:
        if isinstance(step, Attempt) and step.forced:
            assert not last_refusal[step.index].held
        if isinstance(step, Attempt) and isinstance(report, Refusal):
            last_refusal[step.index] = report


@given(courses())
def test_targets_are_tried_in_the_order_of_the_decision(course: Course) -> None:
    assume(not any(isinstance(step, Wait) and step.purpose is WaitFor.OPENING for _, step, _ in course.steps))
    indexes = [
        step.index
        for _, step, _ in course.steps
        if isinstance(step, Attempt | Skip) and not getattr(step, "forced", False)
    ]
    assert indexes == sorted(indexes)


def spent(course: Course) -> int:
    """What all calls of a course cost together."""
    return sum(report.cost_nanousd for _, _, report in course.attempts())


@given(courses(held=True))
def test_no_run_costs_more_than_is_held_for_it(course: Course) -> None:
    assert course.limits.reserved_nanousd is not None
    assert spent(course) <= course.limits.reserved_nanousd


@given(courses(held=True))
def test_no_target_costs_more_than_its_dearest_call_however_often_it_is_called(course: Course) -> None:
    """What is held for one model is the dearest call of each of its targets, so this keeps every account."""
    costs: Counter[int] = Counter()
    for _, attempt, report in course.attempts():
        costs[attempt.index] += report.cost_nanousd
    assert all(cost <= course.targets[index].max_cost_nanousd for index, cost in costs.items())


def test_a_plan_that_ignored_what_is_held_would_overspend() -> None:
    """The control: the same world without a reservation costs more than the first target's dearest call."""
    found = find(courses(held=False), lambda course: spent(course) > course.targets[0].max_cost_nanousd)
    assert spent(found) > found.targets[0].max_cost_nanousd


@given(courses(held=True))
def test_a_target_is_passed_over_for_money_only_if_its_dearest_call_would_go_beyond(course: Course) -> None:
    cost, own = 0, Counter[int]()
    for _, step, report in course.steps:
        if isinstance(step, Skip) and step.reason is SkipReason.RESERVATION:
            assert own[step.index] or cost + step.target.max_cost_nanousd > (course.limits.reserved_nanousd or 0)
        if isinstance(step, Attempt) and isinstance(report, Called):
            cost += report.cost_nanousd
            own[step.index] += report.cost_nanousd


@given(courses(held=True))
def test_a_run_that_money_alone_ended_says_so(course: Course) -> None:
    called = {attempt.index for _, attempt, _ in course.attempts()}
    poor = {s.index for _, s, _ in course.steps if isinstance(s, Skip) and s.reason is SkipReason.RESERVATION} - called
    if course.ending and course.ending.kind is EndKind.EXHAUSTED:
        assert (
            not poor
            or len(course.attempts()) == course.limits.max_attempts
            or len(poor | called) < len(course.targets) - len(course.incompatible)
        )


@given(courses())
def test_a_target_that_cannot_carry_the_request_is_never_called(course: Course) -> None:
    assert not course.incompatible & {step.index for _, step, _ in course.steps if isinstance(step, Attempt | Wait)}


def test_without_knowing_what_cannot_be_carried_it_would_be_called() -> None:
    """The control: the same targets are called where nothing is known of them."""
    course = find(courses(), lambda course: not course.incompatible and bool(course.attempts()))
    assert course.attempts()


@st.composite
def hedged_courses(draw: st.DrawFn) -> tuple[Course, list[tuple[Attempt, Called]]]:
    """A plan that may hedge, driven to its end, and all calls that were made; what is held has room for the first target."""
    targets = tuple(
        Target(
            deployment=f"d{index}", model=f"m{index % 2}", provider="any", max_cost_nanousd=draw(st.integers(1, 1000))
        )
        for index in range(draw(st.integers(1, 5)))
    )
    reserved = draw(st.none() | st.integers(0, 2000).map(lambda more: targets[0].max_cost_nanousd + more))
    limits = Limits(
        max_attempts=draw(st.integers(1, 5)),
        max_output_tokens=1,
        deadline=timedelta(seconds=30),
        reserved_nanousd=reserved,
    )
    bounds = Bounds(started=0.0, end_by=draw(st.floats(0, 40)), expires=draw(st.floats(0, 60)))
    course, made, now = Course(targets=targets, limits=limits, bounds=bounds), [], 0.0
    plan = run_plan(targets, limits, bounds, PlanSettings(), hedge_after=draw(st.floats(0.1, 5)))
    step = advance(plan, None)
    while not isinstance(step, Ending):
        report: Report
        if isinstance(step, Attempt) and step.beside and draw(st.booleans()):
            late = now + step.after
            report = Raced(first=draw(calls(late, step)), second=draw(refusals(late) | calls(late, step.beside)))
            asked = (step, report.first), (step.beside, report.second)
            made += [(attempt, called) for attempt, called in asked if isinstance(called, Called)]
        elif isinstance(step, Attempt):
            report = draw(refusals(now) | calls(now, step))
            made += [(step, report)] if isinstance(report, Called) else []
        else:
            report = draw(waits(now, step)) if isinstance(step, Wait) else Done(now=now)
        course.steps.append((now, step, report))
        now = report.now
        step = advance(plan, report)
    course.ending = step
    return course, made


@given(hedged_courses())
def test_hedges_are_attempts_among_those_that_are_allowed(hedged: tuple[Course, list[tuple[Attempt, Called]]]) -> None:
    course, made = hedged
    assert len(made) <= course.limits.max_attempts
    assert [attempt.number for attempt, _ in made] == list(range(1, len(made) + 1))


@given(hedged_courses())
def test_hedges_stay_within_what_is_held(hedged: tuple[Course, list[tuple[Attempt, Called]]]) -> None:
    course, made = hedged
    if course.limits.reserved_nanousd is not None:
        assert sum(called.cost_nanousd for _, called in made) <= course.limits.reserved_nanousd


@given(hedged_courses())
def test_a_hedge_is_a_later_target_that_has_its_turn_in_time_and_once(
    hedged: tuple[Course, list[tuple[Attempt, Called]]],
) -> None:
    course, made = hedged
    for now, step, _ in course.steps:
        if isinstance(step, Attempt) and step.beside:
            assert step.beside.index > step.index
            assert now + step.after < min(course.bounds.end_by, course.bounds.expires)
            assert (step.tries, step.forced, step.hedged) == (0, False, False)
    again = Counter(attempt.index for attempt, _ in made)
    assert all(again[attempt.index] == 1 for attempt, _ in made if attempt.hedged)


@given(hedged_courses())
def test_a_race_ends_the_run_exactly_if_one_of_both_says_the_last_word(
    hedged: tuple[Course, list[tuple[Attempt, Called]]],
) -> None:
    course, _ = hedged
    reports: list[Report] = [report for _, _, report in course.steps]
    last = reports.pop() if reports else None
    for report in reports:
        if isinstance(report, Raced) and isinstance(report.second, Called):
            assert not {next_step(called.end) for called in report.called} & {Next.DONE, Next.BROKEN, Next.REJECTED}
    if isinstance(last, Raced) and course.ending and course.ending.kind is EndKind.SUCCEEDED:
        assert Next.DONE in {next_step(called.end) for called in last.called}


def test_a_plan_that_took_no_heed_of_what_is_held_would_hedge_beyond_it() -> None:
    """The control: some first two targets cost more together than is held, and are not raced for that reason alone."""

    def dear(hedged: tuple[Course, list[tuple[Attempt, Called]]]) -> bool:
        course, _ = hedged
        first = next((step for _, step, _ in course.steps if isinstance(step, Attempt)), None)
        room = course.bounds.end_by > 5 < course.bounds.expires and course.limits.max_attempts > 1
        return bool(first and not first.beside and room and len(course.targets) > 1)

    course, _ = find(hedged_courses(), dear)
    assert course.limits.reserved_nanousd is not None
    assert all(course.targets[0].max_cost_nanousd + other.max_cost_nanousd > course.limits.reserved_nanousd
               for other in course.targets[1:])  # fmt: skip
