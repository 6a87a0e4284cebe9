"""The classifiers that take their time: asked after the ladder where that is not sure, each under a time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from math import inf
from typing import Protocol

from controlplane.classification.accepting import AnswerInvalid, accepted
from controlplane.classification.model import Classification, Rung, Silence
from controlplane.classification.rules import Hint
from controlplane.policy.model import FurtherClassifier, RuleSet
from controlplane.routing.remembered import ReadingKey, Remembered
from turnout_features.model import Features

FurtherKey = tuple[ReadingKey, tuple[FurtherClassifier, ...]]
FurtherReadings = Remembered[FurtherKey, Classification]


class Result(StrEnum):
    """What came of asking a classifier."""

    ANSWERED = "answered"
    SILENT = "silent"
    LATE = "late"
    FAILED = "failed"
    INVALID = "invalid"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


LASTING = frozenset({Result.ANSWERED, Result.SILENT})
"""Results that hold for the same content at another time too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a classifier is asked about. `text` gives what is asked, where the control plane holds it; `key` is what
    the answer is kept under, None if it is not to be kept.
    """

    features: Features
    rule_set: RuleSet
    hint: Hint
    text: Callable[[], str] | None
    key: FurtherKey | None


STANDARD_LIMIT = timedelta(milliseconds=50)
"""How long a classifier may take where neither it nor the policy says."""


class Busy(Exception):
    """A classifier is at work on as many requests as it may be."""


class Away(Exception):
    """A classifier cannot be asked now; the message says why."""


class Broken(Exception):
    """A classifier failed; the message is the kind of error, and not what the error says, which may be of the text."""


class FurtherRung(Protocol):
    """A classifier as it is asked from here. What it answers is not trusted, and it may raise whatever it likes."""

    @property
    def sure(self) -> float:
        """The confidence from which its answer stands, and no further rung is asked."""
        ...

    @property
    def limit(self) -> timedelta | None:
        """How long it may take, where the policy does not say."""
        ...

    def __call__(self, question: Question, earlier: Classification, /) -> Awaitable[object]:
        """What the request is taken for; `earlier` is what those before it said. Raises Busy, Away and Broken."""
        ...


class Counts(Protocol):
    """Where counters go."""

    def count(self, name: str, attributes: Mapping[str, str], value: int = 1, unit: str = "1") -> None:
        """Add to the counter `name`."""
        ...


class FurtherRungs:
    """Asks one after the other while the answer so far is less sure than its policy wants. The caller always gets an answer."""

    def __init__(
        self,
        rung: Callable[[FurtherClassifier], FurtherRung],
        metrics: Counts,
        seconds: Callable[[], float],
        kept: FurtherReadings,
    ) -> None:
        """`rung` finds a classifier, quickly. `seconds` is a clock that only goes forward."""
        self._rung = rung
        self._metrics = metrics
        self._seconds = seconds
        self._kept = kept

    async def __call__(
        self, question: Question, entries: Sequence[FurtherClassifier], taken: Classification, *, told: bool
    ) -> Classification:
        """`taken`, or what is known better, with what each one said that was asked.

        With `told` also why the others were not asked, and each one's own word for why it is silent. Without, what comes of it is for
        the record, where no words of a classifier go: they might be those of the text.
        """
        if not told and not any(taken.confidence < entry.below for entry in entries):
            return taken
        known = None if question.key is None else self._kept.find(question.key)
        if known is not None:
            return known
        found, results, rungs = await self._asked(question, entries, taken)
        if question.key is not None and LASTING.issuperset(filter(None, results)):
            self._kept.keep(question.key, found)
        return replace(found, rungs=(*taken.rungs, *(rungs if told else _recorded(results, rungs))))

    async def _asked(
        self, question: Question, entries: Sequence[FurtherClassifier], taken: Classification
    ) -> tuple[Classification, list[Result | None], list[Rung]]:
        """The answer, what came of asking each (None if it was not asked), and the same to be told."""
        results: list[Result | None] = []
        rungs: list[Rung] = []
        enough = inf
        for entry in entries:
            if taken.confidence >= min(entry.below, enough):
                rungs.append(_told(entry.name, Silence("not asked: what was found is sure enough"), 0.0))
                results.append(None)
                continue
            start = self._seconds()
            rung, result, answer = await self._ask(entry, question, taken)
            rungs.append(_told(entry.name, answer, self._seconds() - start))
            results.append(result)
            self._metrics.count(
                "turnout.classifier.asked", {"turnout.classifier": entry.name, "turnout.result": result}
            )
            if isinstance(answer, Classification):
                taken, enough = answer, rung.sure
        return taken, results, rungs

    async def _ask(
        self, entry: FurtherClassifier, question: Question, earlier: Classification
    ) -> tuple[FurtherRung, Result, Classification | Silence]:
        """What it said, or why nothing that can be taken. Nothing that it does gets further than here."""
        rung = self._rung(entry)
        limit = entry.timeout or rung.limit or STANDARD_LIMIT
        try:
            async with asyncio.timeout(limit.total_seconds()):
                given = await rung(question, earlier)
            answer = accepted(given, entry.name, question.hint, earlier)
        except TimeoutError:
            return rung, Result.LATE, Silence(f"took more than the {limit / timedelta(milliseconds=1):.0f} ms")
        except Busy as busy:
            return rung, Result.BUSY, Silence(str(busy))
        except Away as away:
            return rung, Result.UNAVAILABLE, Silence(str(away))
        except AnswerInvalid as invalid:
            return rung, Result.INVALID, Silence(f"its answer cannot be taken: {invalid}")
        except Broken as broken:
            return rung, Result.FAILED, Silence(f"failed: {broken}")
        return rung, Result.SILENT if isinstance(answer, Silence) else Result.ANSWERED, answer


def _recorded(results: Sequence[Result | None], rungs: Sequence[Rung]) -> Iterator[Rung]:
    """Those that were asked; of one that gave no answer, what came of asking it."""
    for result, rung in zip(results, rungs, strict=True):
        if result is not None:
            yield rung if result is Result.ANSWERED else replace(rung, silence=str(result))


def _told(name: str, answer: Classification | Silence, took: float) -> Rung:
    if isinstance(answer, Silence):
        return Rung(classifier=name, took=timedelta(seconds=took), silence=answer.reason)
    return Rung(classifier=name, took=timedelta(seconds=took), answer=answer)
