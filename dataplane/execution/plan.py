"""Which target is called when, and when to give up: control flow without I/O."""

from collections.abc import Collection, Generator

from dataplane.execution.progress import Progress
from dataplane.execution.receipt import SkipReason
from dataplane.execution.step import (
    FINAL,
    Bounds,
    Called,
    Done,
    Ending,
    PlanSettings,
    Raced,
    Report,
    Skip,
    Step,
    WaitFor,
)
from dataplane.execution.verdict import Next, next_step
from dataplane.permit.model import Limits, Target


def run_plan(
    targets: tuple[Target, ...],
    limits: Limits,
    bounds: Bounds,
    settings: PlanSettings,
    incompatible: Collection[int] = frozenset(),
    *,
    hedge_after: float | None = None,
) -> Generator[Step, Report, Ending]:
    """Yield what to do next and be sent what happened; end with the result.

    Those that are `incompatible`, by index, cannot carry the request: they are passed over and get no part of the time. The other
    targets are called in order, at most `limits.max_attempts` times together, and no call begins when the time or the
    money is gone. Where budgets hold something for the run, a target is passed over if its dearest call may go beyond that, and
    one that has cost something is not called again, so that no run takes more than is held for it in any account.
    The same target is called again only after a throttle or a call that never left the worker, and only
    while every target behind it can still have its turn; at once where only the key was refused and there is another one, as long as
    one attempt is left for the targets behind. A target that is refused is passed over. When no target is left
    but open breakers kept some away, the one that opens first is waited for if that is soon. Otherwise, and only where
    nothing could be called at all, the first of them that no provider's hint holds is asked for one forced call: one
    candidate, never all of them at once.

    With `hedge_after`, in seconds, the first call of a target may have the next target beside it, where attempts, time and money
    are enough for both whatever they cost.
    """
    progress = Progress(
        targets=targets,
        limits=limits,
        bounds=bounds,
        settings=settings,
        incompatible=frozenset(incompatible),
        hedge_after=hedge_after,
    )
    for index, target in enumerate(targets):
        if index in progress.incompatible:
            progress.hear((yield Skip(index=index, target=target, reason=SkipReason.INCOMPATIBLE)))
        elif index in progress.done:
            continue
        elif target.model in progress.unfit:
            progress.hear((yield Skip(index=index, target=target, reason=SkipReason.SAME_MODEL)))
        elif ending := (yield from _serve(progress, index)):
            return ending
    return (yield from _last_chance(progress)) or progress.exhausted()


_NONE: tuple[str, ...] = ()


def _serve(progress: Progress, index: int, *, forced: bool = False) -> Generator[Step, Report, Ending | None]:
    """Call one target until it is done with; the ending if the run is over with it."""
    tried = _NONE
    while (ending := progress.stop()) is None:
        if not progress.affords(index):
            progress.hear((yield progress.pass_over(index)))
            return None
        attempt = progress.attempt(index, forced=forced, tried=tried)
        report = yield attempt
        progress.hear(report)
        if isinstance(report, Raced):
            progress.settle(attempt, report)
            if isinstance(report.second, Called):
                return progress.outcome(attempt, report)
            report = report.first
        elif isinstance(report, Called):
            progress.called[index] = progress.called.get(index, 0) + report.cost_nanousd
        if not isinstance(report, Called):
            progress.refuse(index, report)
            return None
        tries = progress.tries[index] = attempt.tries + 1
        end = report.end
        if report.spare and not forced and progress.may_rotate(index):
            tried += (report.reference,)
            continue
        tried = _NONE
        match next_step(end):
            case Next.DONE | Next.BROKEN | Next.REJECTED as final:
                return Ending(kind=FINAL[final], last=end)
            case Next.SAME_TARGET if not forced and progress.may_stay(index, end):
                answer = yield progress.wait(index, WaitFor.RETRY, tries=tries, hint=end.retry_after or 0.0)
                progress.hear(answer)
                if isinstance(answer, Done) and answer.denied:
                    return None
            case Next.OTHER_MODEL:
                progress.unfit.add(progress.targets[index].model)
                return None
            case _:
                return None
    return ending


def _last_chance(progress: Progress) -> Generator[Step, Report, Ending | None]:
    """One more target, where breakers kept some from being called."""
    opening = progress.first_opening()
    if opening is None or progress.stop():
        return None
    progress.alone = True
    index, refusal = opening
    if refusal.until is not None and progress.soon(refusal.until):
        answer = yield progress.wait(index, WaitFor.OPENING, tries=0, hint=max(refusal.until - progress.now, 0.0))
        progress.hear(answer)
        if isinstance(answer, Done) and not answer.denied:
            return (yield from _serve(progress, index))
    opening = progress.first_opening(held=False)
    if opening is None or progress.attempts:
        return None
    return (yield from _serve(progress, opening[0], forced=True))


def advance(plan: Generator[Step, Report, Ending], report: Report | None) -> Step | Ending:
    """Tell `plan` what happened, nothing at its begin: its next step, or its result."""
    try:
        return next(plan) if report is None else plan.send(report)
    except StopIteration as stop:
        ending: Ending = stop.value
        return ending
