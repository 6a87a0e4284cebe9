"""Which target is called when, and when to give up: control flow without I/O."""

from collections.abc import Collection, Generator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from dataplane.execution.receipt import SkipReason
from dataplane.execution.verdict import CallEnd, Next, next_step
from dataplane.permit.model import Limits, Target
from dataplane.provider.model import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSettings:
    """How long a throttled target is waited for: `longest_wait` while others are left, `last_wait` when none is.

    An open breaker is waited for `longest_wait` where it keeps the last target away.
    """

    longest_wait: timedelta = timedelta(seconds=2)
    last_wait: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """When a run began, by when it must be over, and when its decision expires, in monotonic seconds.

    The expiry voids the leave to call, so it bars every attempt but the first, which the permit allowed just now; a
    call that is under way runs on to `end_by`.
    """

    started: float
    end_by: float
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Call targets[`index`].

    `share` is its part of the time, in seconds: for the whole call, or for the first content when the answer is
    streamed; `left` is all the time there is. `tries` counts the calls of this target so far. `forced` asks for the one
    call that an open breaker may let through. `tried` are references of keys that were refused just now, so that another one
    of the target's is to be taken. `beside` is what may be called too when nothing came of this one for `after` seconds; it is
    `hedged`, and its times count from there.
    """

    number: int
    index: int
    target: Target
    share: float
    left: float
    tries: int = 0
    forced: bool = False
    tried: tuple[str, ...] = ()
    beside: "Attempt | None" = None
    after: float = 0.0
    hedged: bool = False


class WaitFor(StrEnum):
    """What a wait is for: the same target again, or a breaker to open the way."""

    RETRY = "retry"
    OPENING = "opening"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Wait, at least for `hint` seconds and for less than `left`, before targets[`index`] is called again."""

    purpose: WaitFor
    index: int
    target: Target
    tries: int
    hint: float
    left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Take note that targets[`index`] is passed over by the plan itself."""

    index: int
    target: Target
    reason: SkipReason


Step = Attempt | Wait | Skip
"""What a plan asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """The attempt was made, ended so and cost so much. `reference` names its key; `spare`: the target has another one that may do."""

    end: CallEnd
    cost_nanousd: int = 0
    reference: str = ""
    spare: bool = False

    @property
    def now(self) -> float:
        """When it ended."""
        return self.end.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """Both attempts were made, or the one beside was refused."""

    first: Called
    second: "Called | Refusal"

    @property
    def now(self) -> float:
        """When both had ended."""
        return max(self.first.now, self.second.now)

    @property
    def called(self) -> tuple[Called, ...]:
        """The calls that were made, the one that says how it ended for the caller last."""
        made = [each for each in (self.first, self.second) if isinstance(each, Called)]
        return tuple(sorted(made, key=lambda each: (next_step(each.end) in _FINAL, each.now)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The attempt was not made. `until`: when its breaker lets calls through, if known; `held`: a provider's hint.

    `detail` is more of why, `field` what of the request is meant, where there is more to say.
    """

    now: float
    reason: SkipReason
    until: float | None = None
    held: bool = False
    detail: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The wait is over; or, with `denied`, it was not allowed. Also the answer to Skip."""

    now: float
    denied: bool = False


Report = Called | Raced | Refusal | Done
"""What a plan is told: Called or Refusal after Attempt, Raced if the one beside it was begun, Done after Wait and Skip."""


class EndKind(StrEnum):
    """How a plan ends."""

    SUCCEEDED = "succeeded"
    BROKEN = "broken"
    REJECTED = "rejected"
    EXHAUSTED = "exhausted"
    DEADLINE = "deadline"
    EXPIRED = "expired"
    COST_LIMIT = "cost_limit"


_FINAL = {Next.DONE: EndKind.SUCCEEDED, Next.BROKEN: EndKind.BROKEN, Next.REJECTED: EndKind.REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The result of a plan; `last` is how its last call ended, None if there was none."""

    kind: EndKind
    last: CallEnd | None = None


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
    progress = _Progress(
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


def _serve(progress: "_Progress", index: int, *, forced: bool = False) -> Generator[Step, Report, Ending | None]:
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
                return Ending(kind=_FINAL[final], last=end)
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


def _last_chance(progress: "_Progress") -> Generator[Step, Report, Ending | None]:
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


class _Progress:
    """What a plan knows so far."""

    __slots__ = (
        "alone", "attempts", "beyond", "bounds", "called", "done", "hedge_after", "incompatible", "last", "limits", "now",
        "refusals", "settings", "spent", "targets", "tries", "unfit",
    )  # fmt: skip

    def __init__(
        self,
        *,
        targets: tuple[Target, ...],
        limits: Limits,
        bounds: Bounds,
        settings: PlanSettings,
        incompatible: frozenset[int],
        hedge_after: float | None,
    ) -> None:
        self.targets = targets
        self.hedge_after = hedge_after
        self.done: set[int] = set()
        self.incompatible = incompatible
        self.limits = limits
        self.bounds = bounds
        self.settings = settings
        self.now = bounds.started
        self.attempts = 0
        self.spent = 0
        self.last: CallEnd | None = None
        self.refusals: dict[int, Refusal] = {}
        self.unfit: set[str] = set()
        self.called: dict[int, int] = {}
        self.tries: dict[int, int] = {}
        self.beyond: set[int] = set()
        self.alone = False

    def hear(self, report: Report) -> None:
        """Take in what happened."""
        self.now = max(self.now, report.now)
        for called in report.called if isinstance(report, Raced) else (report,) if isinstance(report, Called) else ():
            self.attempts += 1
            self.spent += called.cost_nanousd
            self.last = called.end

    def settle(self, attempt: Attempt, report: Raced) -> None:
        """Book both calls of a race, or the one and why the other was refused."""
        self.called[attempt.index] = self.called.get(attempt.index, 0) + report.first.cost_nanousd
        if attempt.beside is None:
            return
        if isinstance(report.second, Called):
            self.done.add(attempt.beside.index)
            self.called[attempt.beside.index] = report.second.cost_nanousd
        else:
            self.refuse(attempt.beside.index, report.second)

    def outcome(self, attempt: Attempt, report: Raced) -> Ending | None:
        """The ending if one of two calls says it; neither of them is made again."""
        last = report.called[-1].end
        final = next_step(last)
        if final in _FINAL:
            return Ending(kind=_FINAL[final], last=last)
        for index, each in (
            (attempt.index, report.first),
            (attempt.beside.index if attempt.beside else None, report.second),
        ):
            if index is not None and isinstance(each, Called) and next_step(each.end) is Next.OTHER_MODEL:
                self.unfit.add(self.targets[index].model)
        return None

    def refuse(self, index: int, report: Report) -> None:
        """Keep why a target could not be called."""
        if isinstance(report, Refusal):
            self.refusals[index] = report

    def stop(self) -> Ending | None:
        """Why no call may begin now, if that is so."""
        if self.attempts >= self.limits.max_attempts:
            return Ending(kind=EndKind.EXHAUSTED, last=self.last)
        if self.now >= self.bounds.end_by:
            return Ending(kind=EndKind.DEADLINE, last=self.last)
        if self.attempts and self.now >= self.bounds.expires:
            return Ending(kind=EndKind.EXPIRED, last=self.last)
        if self.attempts and 0 < self.limits.max_cost_nanousd <= self.spent:
            return Ending(kind=EndKind.COST_LIMIT, last=self.last)
        return None

    def exhausted(self) -> Ending:
        """The end when no target is left; COST_LIMIT if money alone kept away all that were not called."""
        if self.now >= self.bounds.end_by:
            return Ending(kind=EndKind.DEADLINE, last=self.last)
        everyone = set(range(len(self.targets))) - self.incompatible
        poor = self.beyond and self.beyond | self.called.keys() == everyone
        return Ending(kind=EndKind.COST_LIMIT if poor else EndKind.EXHAUSTED, last=self.last)

    def pass_over(self, index: int) -> Skip:
        """targets[`index`] is dearer than what is left of what is held."""
        if index not in self.called:
            self.beyond.add(index)
        return Skip(index=index, target=self.targets[index], reason=SkipReason.RESERVATION)

    def affords(self, index: int) -> bool:
        """Whether what is held for the run has room for one more call of targets[`index`]."""
        reserved = self.limits.reserved_nanousd
        if reserved is None:
            return True
        return not self.called.get(index) and self.spent + self.targets[index].max_cost_nanousd <= reserved

    def attempt(self, index: int, *, forced: bool, tried: tuple[str, ...]) -> Attempt:
        """The next call, with its even share of what is left of the time."""
        left, tries = self.bounds.end_by - self.now, self.tries.get(index, 0)
        sharers = min(self.others(index) + 1, self.limits.max_attempts - self.attempts)
        return Attempt(
            number=self.attempts + 1,
            index=index,
            target=self.targets[index],
            share=left / sharers,
            left=left,
            tries=tries,
            forced=forced,
            tried=tried,
            beside=None if tries or forced else self.beside(index),
            after=self.hedge_after or 0.0,
        )

    def beside(self, index: int) -> Attempt | None:
        """What may be called beside targets[`index`], where there is one and attempts, time and money are enough for both."""
        after = self.hedge_after
        if after is None or self.alone or self.limits.max_attempts - self.attempts < 2:
            return None
        left = self.bounds.end_by - self.now - after
        if left <= 0 or self.now + after >= self.bounds.expires:
            return None
        behind = (other for other in range(index + 1, len(self.targets)) if self.may_race(index, other))
        other = next(behind, None)
        if other is None:
            return None
        target = self.targets[other]
        return Attempt(number=self.attempts + 2, index=other, target=target, share=left, left=left, hedged=True)

    def may_race(self, index: int, other: int) -> bool:
        """Whether targets[`other`] may be called beside targets[`index`]."""
        if (
            other in self.incompatible
            or other in self.done
            or self.targets[other].model in self.unfit
            or self.called.get(other)
        ):
            return False
        both = (self.targets[index], self.targets[other])
        reserved, limit = self.limits.reserved_nanousd, self.limits.max_cost_nanousd
        if reserved is not None and self.spent + sum(target.max_cost_nanousd for target in both) > reserved:
            return False
        dearest = sum(max(target.max_cost_nanousd, target.cost_nanousd) for target in both)
        return not limit or self.spent + dearest <= limit

    def wait(self, index: int, purpose: WaitFor, *, tries: int, hint: float) -> Wait:
        """A wait for targets[`index`]."""
        return Wait(
            purpose=purpose,
            index=index,
            target=self.targets[index],
            tries=tries,
            hint=hint,
            left=self.bounds.end_by - self.now,
        )

    def others(self, index: int) -> int:
        """How many targets may still have their turn after targets[`index`]."""
        return 0 if self.alone else len(set(range(index + 1, len(self.targets))) - self.incompatible - self.done)

    def may_rotate(self, index: int) -> bool:
        """Whether targets[`index`] may be called with another key: one attempt is left for those behind it."""
        return self.limits.max_attempts - self.attempts > min(self.others(index), 1)

    def may_stay(self, index: int, end: CallEnd) -> bool:
        """Whether the same target may be called again: a short hint, and attempts enough for the targets behind it.

        A throttle that comes without a hint is worth a guess only where there is nobody else to ask.
        """
        others = self.others(index)
        if self.limits.max_attempts - self.attempts <= others:
            return False
        hint = end.retry_after or 0.0
        if others and end.verdict is Verdict.THROTTLED:
            return 0.0 < hint <= self.settings.longest_wait.total_seconds()
        return hint <= self.settings.last_wait.total_seconds()

    def soon(self, until: float) -> bool:
        """Whether it is worth waiting for `until`."""
        return until - self.now <= self.settings.longest_wait.total_seconds() and until < self.bounds.end_by

    def first_opening(self, *, held: bool = True) -> tuple[int, Refusal] | None:
        """Of the targets that open breakers kept away, the one that opens first; not `held`: of those without a hint."""
        opening = [
            (refusal.until, index)
            for index, refusal in self.refusals.items()
            if refusal.reason is SkipReason.BREAKER_OPEN and refusal.until is not None and (held or not refusal.held)
        ]
        if not opening:
            return None
        index = min(opening)[1]
        return index, self.refusals[index]
