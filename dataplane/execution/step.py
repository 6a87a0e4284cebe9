"""What a plan asks for, what it is told, and how it ends."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from dataplane.execution.receipt import SkipReason
from dataplane.execution.verdict import CallEnd, Next, next_step
from dataplane.permit.model import Target


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
        return tuple(sorted(made, key=lambda each: (next_step(each.end) in FINAL, each.now)))


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


FINAL = {Next.DONE: EndKind.SUCCEEDED, Next.BROKEN: EndKind.BROKEN, Next.REJECTED: EndKind.REJECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The result of a plan; `last` is how its last call ended, None if there was none."""

    kind: EndKind
    last: CallEnd | None = None
