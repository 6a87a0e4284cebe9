"""Trains what a deployment found itself from its audit log, and measures it on the latest of its own results."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import log
from types import MappingProxyType
from typing import TYPE_CHECKING

from controlplane.learning.artefact import encode
from controlplane.learning.experience import key, nearest
from controlplane.learning.model import PPM, Experience, Learned
from controlplane.learning.quality import BEST, WORST, outlook
from controlplane.learning.training.lengths import own_lengths
from controlplane.learning.training.log import LeftOut, weighed
from controlplane.learning.training.own import Result, experience

if TYPE_CHECKING:
    from controlplane.audit.source import Source
    from controlplane.catalog.model import Model
    from controlplane.classification.model import Classification
    from controlplane.rpc.judged import Judged, JudgedAnswers
    from turnout_features.model import Features

Progress = Callable[[str, float], None]

LEAST = 20
"""Results without which nothing is learned."""

PARTS = 5
"""The latest of so many equal parts is held out."""

LEAST_HELD = 20
"""Results of a part that is held out, with fewer of which nothing is said of it."""

REASONS: Mapping[LeftOut, str] = MappingProxyType(
    {
        LeftOut.ERASED: "entries whose bodies were erased",
        LeftOut.UNREADABLE: "entries that cannot be read",
        LeftOut.ADOPTED: "decisions only known from their receipts, so without what was asked",
        LeftOut.UNANSWERED: "decisions with feedback, but without a receipt of a whole answer of a model",
        LeftOut.SEVERAL: "decisions with feedback that several models answered",
        LeftOut.VECTORS: "decisions about embeddings",
        LeftOut.UNKNOWN: "answers of models that neither the catalog nor the quality model has",
    }
)


class TooLittle(Exception):
    """A log has too little to learn from; the message says of what, and where it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was found of a model in a workload: the mean score, the mean expected without it, and what is kept of the difference."""

    workload: str
    model: str
    results: int
    score: float
    expected: float
    kept: Experience


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How well the latest results of a workload (all if empty) were expected by what was found in those before them.

    Log losses in nats, less is better: `expected` with own results, `before` without, `catalog` by the catalog's scores alone.
    """

    workload: str
    results: int
    expected: float
    before: float
    catalog: float

    @property
    def better(self) -> bool:
        """Whether own results helped."""
        return self.expected < self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """A quality model with own results, and what they are. `judged` had feedback, `failed` were of no use by their receipts,
    `answers` told how long answers are.

    `calibrations` of the base were left behind: they are about another model.
    """

    learned: Learned
    content: bytes
    decisions: int
    answers: int
    judged: int
    failed: int
    left_out: Mapping[LeftOut, int]
    places: tuple[Place, ...]
    held: tuple[Held, ...]
    calibrations: int


async def train_log(source: "Source", base: Learned, told: Progress, since: datetime | None = None) -> Own:
    """Learn from the log of `source` on top of `base`.

    Raises TooLittle, DocumentInvalid, ExportInvalid, OSError, StoreUnavailable.
    """
    from controlplane.rpc.judged import JudgedAnswers

    log_ = JudgedAnswers(source, told, since)
    await log_.open()
    judged, failed = await _results(log_, base)
    results = sorted(weighed(judged, failed, log_.fine), key=_by_time)
    if len(judged) + len(failed) < LEAST:
        raise TooLittle(_too_little(log_, len(judged), len(failed)))
    fresh = frozenset(one.model for one in results if one.model not in base.models)
    told("fitting", 0.0)
    held = _held(results, fresh)
    found = experience(results, fresh)
    learned = replace(base, experience=found, lengths=own_lengths(log_.answers, base.lengths), calibrations=())
    told("done", 1.0)
    return Own(
        learned=learned,
        content=encode(learned),
        decisions=log_.decisions,
        answers=len(log_.answers),
        judged=len(judged),
        failed=len(failed),
        left_out=MappingProxyType(dict(sorted(log_.left_out.items()))),
        places=_places(results, found),
        held=held,
        calibrations=len(base.calibrations),
    )


async def _results(log_: "JudgedAnswers", base: Learned) -> tuple[list[Result], list[Result]]:
    """Results with feedback, and those that are known to be of no use by their receipts alone."""
    judged: list[Result] = []
    failed: list[Result] = []
    catalog = {} if log_.catalog is None else {name.lower(): model for name, model in log_.catalog.models.items()}

    def longer(features: "Features", found: "Classification") -> int:
        return outlook(base, features, found).longer

    async for one in log_.judged(longer if base.forest.tells_lengths else None):
        if one.model not in catalog and one.model not in base.models:
            log_.left_out[LeftOut.UNKNOWN] += 1
            continue
        result = _result(one, base, catalog.get(one.model))
        (failed if one.score is None else judged).append(result)
    return judged, failed


def _result(one: "Judged", base: Learned, model: "Model | None") -> Result:
    """What came of it beside what `base` expects of it, by the same code that decides."""
    task = one.classification.task_type
    prior = model.quality_for(task) if model is not None else 0.5
    plain = base if not base.experience else replace(base, experience=MappingProxyType({}))
    prospect = outlook(plain, one.features, one.classification).of(one.model, prior)
    return Result(
        workload=one.workload,
        task=str(task),
        model=one.model,
        score=one.score if one.score is not None else 0.0,
        expected=prospect.quality / PPM,
        catalog=prior,
        stands_for=one.stands_for,
        at_us=one.at_us,
    )


def _by_time(one: Result) -> tuple[int, str, str, str, float, float]:
    return one.at_us, one.workload, one.task, one.model, one.score, one.expected


def _too_little(log_: "JudgedAnswers", judged: int, failed: int) -> str:
    lost = "; left out: " + ", ".join(f"{count} {REASONS[why]}" for why, count in sorted(log_.left_out.items()))
    return (
        f"{log_.decisions} decisions were read, {judged} with feedback on a recorded answer and {failed} with an answer of no use, "
        f"but at least {LEAST} are needed: give feedback (`turnout feedback`, SubmitFeedback), or read further back"
        + (lost if log_.left_out else "")
    )


def _held(results: Sequence[Result], fresh: frozenset[str]) -> tuple[Held, ...]:
    """All workloads together first, then each with enough results; nothing if the latest part has too few."""
    cut = len(results) - len(results) // PARTS
    before, latest = results[:cut], results[cut:]
    if len(latest) < LEAST_HELD:
        return ()
    found = experience(before, fresh)
    counts = Counter(one.workload for one in latest)
    workloads = sorted(name for name, count in counts.items() if count >= LEAST_HELD)
    parts = [("", latest), *((name, [one for one in latest if one.workload == name]) for name in workloads)]
    return tuple(_measured(name, part, found) for name, part in parts)


def _measured(workload: str, part: Sequence[Result], found: Mapping[str, Experience]) -> Held:
    return Held(
        workload=workload,
        results=len(part),
        expected=_loss(part, lambda one: after(one, found)),
        before=_loss(part, lambda one: one.expected),
        catalog=_loss(part, lambda one: min(BEST / PPM, max(WORST / PPM, one.catalog))),
    )


def after(one: Result, found: Mapping[str, Experience]) -> float:
    """What is expected of it with own results, as the decision has it."""
    own = nearest(found, one.workload, one.task, one.model)
    moved = round(one.expected * PPM) + (own.shift if own is not None else 0)
    return min(BEST, max(WORST, moved)) / PPM


def _loss(part: Sequence[Result], said: Callable[[Result], float]) -> float:
    """The mean cross entropy by weight, in nats."""
    total = sum(one.weight for one in part)
    lost = sum(one.weight * (one.score * log(said(one)) + (1 - one.score) * log(1 - said(one))) for one in part)
    return -lost / total


def _places(results: Sequence[Result], found: Mapping[str, Experience]) -> tuple[Place, ...]:
    rows: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for one in results:
        rows[one.workload, one.model].append(one)
    return tuple(
        Place(
            workload=workload,
            model=model,
            results=len(those),
            score=_mean(those, lambda one: one.score),
            expected=_mean(those, lambda one: one.expected),
            kept=found[key(workload, "", model)],
        )
        for (workload, model), those in sorted(rows.items())
    )


def _mean(part: Sequence[Result], of: Callable[[Result], float]) -> float:
    counts = [one.weight * one.stands_for for one in part]
    return sum(count * of(one) for count, one in zip(counts, part, strict=True)) / sum(counts)
