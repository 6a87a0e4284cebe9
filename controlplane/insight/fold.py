"""Folding the log: from facts, and what is known of their decisions, to what changes. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from controlplane.insight.contribution import (
    MOST,
    Cell,
    Known,
    Sums,
    cell_of,
    contribute,
    contribute_refusal,
    heard,
    timed,
)
from controlplane.insight.facts import Fact, FeedbackFact, RefusalFact, RunFact, Told

SOON_US = 120_000_000
"""Asking the same again within two minutes is a sign that the answer did not do; later it may be just another occasion."""

Sample = tuple[int, int | None]
"""Latency and time to first token of a run in microseconds, the second None if it was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a batch of entries changes, as a whole.

    `rows` are the decisions that changed, as they are now. `sums` are to be added to what is counted in their cells, `samples`
    to the sketches there. `documents` tells when each was last referred to, in microseconds. `overflow` counts runs and
    feedback beyond what is kept of one decision.
    """

    rows: Mapping[str, Known]
    sums: Sums
    samples: Mapping[Cell, Sequence[Sample]]
    documents: Mapping[bytes, int]
    overflow: int


def fold(told: Sequence[Told], known: Mapping[str, Known]) -> Changes:
    """What the entries change.

    `known` has what is known of their decisions, and of those of the same units within `SOON_US` of them. A decision counts
    by all that is known of it at the end: what it added before is taken away, and what it adds now is put in its place. So
    the figures do not depend on the order of the entries, nor on how they are cut into batches.
    """
    now, overflow = dict(known), 0
    sums = Sums()
    for one in told:
        if isinstance(one.fact, RefusalFact):
            contribute_refusal(one.fact, sums)
        elif one.fact is not None:
            before = now.get(one.fact.decision_id) or Known(decision_id=one.fact.decision_id)
            now[one.fact.decision_id] = heard(before, one.fact)
            overflow += _overflows(before, one.fact)
    _mark_retried(now)
    rows = {key: row for key, row in now.items() if row is not known.get(key)}
    samples: defaultdict[Cell, list[Sample]] = defaultdict(list)
    for key, row in rows.items():
        old = known.get(key)
        if old is not None:
            contribute(old, sums, -1)
        contribute(row, sums)
        for cell, sample in _new_samples(old, row):
            samples[cell].append(sample)
    return Changes(rows=rows, sums=sums, samples=samples, documents=_documents(told), overflow=overflow)


def _overflows(before: Known, fact: Fact) -> int:
    """1 if `fact`, or one that was kept, has no place."""
    match fact:
        case RunFact():
            return int(len(before.runs) == MOST and all(run.run_id != fact.run_id for run in before.runs))
        case FeedbackFact():
            return int(len(before.feedback) == MOST and all(each.giver != fact.giver for each in before.feedback))
    return 0


def _mark_retried(rows: dict[str, Known]) -> None:
    """Mark every decision whose unit has another one soon after it."""
    by_unit: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    for key, row in rows.items():
        if row.decided is not None:
            by_unit[row.decided.unit].append((row.decided.at_us, key))
    for decisions in by_unit.values():
        decisions.sort()
        for (at_us, key), (next_us, _) in pairwise(decisions):
            if next_us - at_us <= SOON_US and not rows[key].retried:
                rows[key] = replace(rows[key], retried=True)


def _new_samples(old: Known | None, row: Known) -> Iterable[tuple[Cell, Sample]]:
    """Of the runs whose times were not counted yet: all of them if the decision itself was not known before."""
    if row.decided is None:
        return
    counted = {run.run_id for run in old.runs} if old is not None and old.decided is not None else set()
    for run in row.runs:
        if run.run_id not in counted and timed(run):
            yield cell_of(row.decided, run.answered_by or row.decided.route), (run.latency_us, run.first_token_us)


def _documents(told: Iterable[Told]) -> Mapping[bytes, int]:
    used: dict[bytes, int] = {}
    for one in told:
        for digest in one.documents:
            used[digest] = max(used.get(digest, 0), one.at_us)
    return used
