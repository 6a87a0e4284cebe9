"""What one decision, with all that is known of it, adds to the figures."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from controlplane.insight.facts import (
    CallFact,
    DecisionFact,
    FeedbackFact,
    Finish,
    Place,
    Price,
    RefusalFact,
    Route,
    RunFact,
    RunResult,
    Tokens,
)

MILLION = 1_000_000
BUCKET = 300
"""Seconds of the finest buckets."""

COUNTERS = (
    "decided", "refused", "executed", "succeeded", "successful", "fallbacks", "escalations", "low_confidence",
    "confidence_ppm", "adopted", "cost_nanousd", "estimated_nanousd", "compared_nanousd", "baseline_nanousd",
    "input_tokens", "output_tokens", "quality_count", "quality_ppm", "calls", "failed_calls",
    "latency_count", "latency_us", "first_token_count", "first_token_us", "confidence_square_ppm", "quality_square_ppm",
)  # fmt: skip
"""What is added up; sums over decisions and runs. Squares are those of shares of one, in millionths."""

_RANKS: Mapping[RunResult, int] = {
    RunResult.SUCCEEDED: 0, RunResult.BROKEN: 1, RunResult.CANCELLED: 2, RunResult.FAILED: 3,
}  # fmt: skip
"""How far a run went; the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where something is counted: a bucket of time (its begin in seconds since 1970), a place and a route."""

    begins: int
    place: Place
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known of a decision. What came of it may be heard before the decision itself.

    `feedback` has the latest of each giver; `retried`: the same unit asked the same again soon after.
    """

    decision_id: str
    decided: DecisionFact | None = None
    runs: tuple[RunFact, ...] = ()
    feedback: tuple[FeedbackFact, ...] = ()
    retried: bool = False

    def best(self) -> RunFact | None:
        """The run that went furthest; of several alike the earliest."""
        return min(self.runs, key=lambda run: (_RANKS[run.result], run.at_us, run.run_id), default=None)

    def route(self) -> Route | None:
        """The one that answered, or the first of the plan."""
        best = self.best()
        if best is not None and best.answered_by is not None:
            return best.answered_by
        return self.decided.route if self.decided else None


class Sums:
    """Counters and tallies by cell, added up."""

    def __init__(self) -> None:
        self.counters: dict[Cell, dict[str, int]] = {}
        self.tallies: dict[tuple[Cell, str], int] = {}

    def add(self, cell: Cell, sign: int, values: Iterable[tuple[str, int]]) -> None:
        """Counters by name."""
        into = self.counters.setdefault(cell, {})
        for name, value in values:
            if value:
                into[name] = into.get(name, 0) + sign * value

    def tally(self, cell: Cell, sign: int, name: str) -> None:
        """Count one `name`."""
        self.tallies[cell, name] = self.tallies.get((cell, name), 0) + sign


def contribute(known: Known, into: Sums, sign: int = 1) -> None:
    """Add what a decision adds, or with `sign` -1 take it away again. Nothing while the decision itself is not known."""
    decided, route = known.decided, known.route()
    if decided is None or route is None:
        return
    main = cell_of(decided, route)
    best = known.best()
    into.add(main, sign, _of_decision(decided))
    into.add(main, sign, _of_runs(known, decided, best))
    into.add(main, sign, _of_feedback(known.feedback))
    for name in _tallies(known, best):
        into.tally(main, sign, name)
    for run in known.runs:
        for call in run.calls:
            into.add(cell_of(decided, call.route), sign, (("calls", 1), ("failed_calls", int(call.failed))))
        if timed(run):
            into.add(cell_of(decided, run.answered_by or decided.route), sign, _of_times(run))


def contribute_refusal(refusal: RefusalFact, into: Sums) -> None:
    """Add a refusal."""
    cell = Cell(begins=bucket_of(refusal.at_us), place=refusal.place, route=Route(model="", deployment=""))
    into.add(cell, 1, (("refused", 1),))
    into.tally(cell, 1, f"refusal:{refusal.reason}")


def cell_of(decided: DecisionFact, route: Route) -> Cell:
    """Where a decision is counted, at a route: in the bucket of the decision, whenever anything came of it."""
    return Cell(begins=bucket_of(decided.at_us), place=decided.place, route=route)


def bucket_of(at_us: int) -> int:
    """The begin of the bucket, in seconds since 1970."""
    seconds = at_us // MILLION
    return seconds - seconds % BUCKET


def timed(run: RunFact) -> bool:
    """Whether its times count: those of whole answers."""
    return run.result is RunResult.SUCCEEDED


def quality_of(feedback: FeedbackFact) -> int | None:
    """Quality in millionths: the score; else what success or the label stand for; None if nothing was said of it."""
    if feedback.quality_ppm is not None:
        return feedback.quality_ppm
    if feedback.success is not None:
        return MILLION if feedback.success else 0
    return _LABEL_QUALITY.get(feedback.label)


_LABEL_QUALITY: Mapping[str, int] = {"accepted": MILLION, "retried": 0, "escalated": 0, "refused": 0}


def is_failure(feedback: FeedbackFact) -> bool:
    """Whether it calls the answer a failure."""
    return feedback.label == "refused" if feedback.success is None else not feedback.success


def signals_of(known: Known, best: RunFact | None) -> Iterator[str]:
    """What receipts and requests tell of an answer by themselves."""
    if best is not None and best.result is RunResult.SUCCEEDED and best.tokens.output == 0:
        yield "empty"
    if best is not None and best.finish is not None:
        yield best.finish.value
    if best is not None and best.schema_invalid:
        yield "schema_invalid"
    if known.retried:
        yield "retried_soon"


def is_successful(known: Known, best: RunFact) -> bool:
    """Whether the task was done, as far as anybody can tell."""
    answered = best.result is RunResult.SUCCEEDED and best.tokens.output > 0
    given = best.finish not in (Finish.REFUSAL, Finish.WITHHELD) and not best.schema_invalid
    return answered and given and not any(is_failure(each) for each in known.feedback)


def cost_at(price: Price, tokens: Tokens) -> int:
    """What `tokens` cost at `price`, rounded half up, as workers count it."""
    cached = min(tokens.cached, tokens.input)
    written = min(tokens.written, tokens.input - cached)
    total = (
        (tokens.input - cached - written) * price.input
        + cached * price.cached
        + written * price.written
        + tokens.output * price.output
    )
    return (total + MILLION // 2) // MILLION


def _of_decision(decided: DecisionFact) -> Iterable[tuple[str, int]]:
    return (
        ("decided", 1),
        ("low_confidence", int(decided.low_confidence)),
        ("confidence_ppm", decided.confidence_ppm),
        ("confidence_square_ppm", _square_ppm(decided.confidence_ppm)),
        ("adopted", int(decided.adopted)),
    )


def _of_runs(known: Known, decided: DecisionFact, best: RunFact | None) -> Iterable[tuple[str, int]]:
    if best is None:
        return ()
    cost = sum(run.cost_nanousd for run in known.runs)
    fallback = best.answered_by is not None and best.answered_by.deployment != decided.route.deployment
    baseline = decided.baseline
    return (
        ("executed", 1),
        ("succeeded", int(best.result is RunResult.SUCCEEDED)),
        ("successful", int(is_successful(known, best))),
        ("fallbacks", int(fallback)),
        ("escalations", int(any(_escalated(run.calls) for run in known.runs))),
        ("cost_nanousd", cost),
        ("estimated_nanousd", sum(run.estimated_nanousd for run in known.runs)),
        ("compared_nanousd", cost if baseline else 0),
        ("baseline_nanousd", cost_at(baseline, best.answer) if baseline and best.answer else 0),
        ("input_tokens", sum(run.tokens.input for run in known.runs)),
        ("output_tokens", sum(run.tokens.output for run in known.runs)),
    )


def _escalated(calls: tuple[CallFact, ...]) -> bool:
    """Whether a call followed one that had answered."""
    return any(call.answered for call in calls[:-1])


def _of_feedback(feedback: Iterable[FeedbackFact]) -> Iterable[tuple[str, int]]:
    """One judgement for each decision: the mean over those who gave one."""
    judged = [quality for each in feedback if (quality := quality_of(each)) is not None]
    if not judged:
        return ()
    quality = sum(judged) // len(judged)
    return (("quality_count", 1), ("quality_ppm", quality), ("quality_square_ppm", _square_ppm(quality)))


def _square_ppm(share_ppm: int) -> int:
    """The square of a share of one, rounded half up."""
    return (share_ppm * share_ppm + MILLION // 2) // MILLION


def _tallies(known: Known, best: RunFact | None) -> Iterator[str]:
    yield from (f"signal:{name}" for name in signals_of(known, best))
    yield from (f"label:{each.label}" for each in known.feedback if each.label)
    yield from (f"error:{run.error}" for run in known.runs if run.error)


def _of_times(run: RunFact) -> Iterable[tuple[str, int]]:
    first = run.first_token_us
    return (
        ("latency_count", 1),
        ("latency_us", run.latency_us),
        ("first_token_count", int(first is not None)),
        ("first_token_us", first or 0),
    )


def heard(known: Known, fact: DecisionFact | RunFact | FeedbackFact) -> Known:
    """What is known with one more fact. One that was heard before changes nothing; in any order the result is the same.

    Of runs and givers the first of `MOST` by id are kept, so that a row has a bound.
    """
    match fact:
        case DecisionFact():
            return known if known.decided else replace(known, decided=fact)
        case RunFact():
            runs = {run.run_id: run for run in (fact, *known.runs)}
            return replace(known, runs=tuple(runs[run_id] for run_id in sorted(runs)[:MOST]))
        case FeedbackFact():
            given = {each.giver: each for each in sorted((*known.feedback, fact), key=lambda each: each.order)}
            return replace(known, feedback=tuple(given[giver] for giver in sorted(given)[:MOST]))


MOST = 16
"""Runs, and givers of feedback, that are kept of one decision: more than the contract allows runs."""
