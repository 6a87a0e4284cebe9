"""What a log says of answers, as scores to learn from.

- Feedback with a quality: that quality. Else feedback that says whether the task was done: 1 or 0. Else the label `accepted`: 1;
  `retried`, `escalated` and `refused`: 0. Each weighs 1.
- No such feedback, and the receipt tells of an answer that was withheld, refused, or not of the form that was asked for: 0, with
  the weight that `weighed` tells of.
- Anything else is no score: the label `corrected`, a comment alone, an answer cut at the limit of its length, a call that failed,
  broke off or was cancelled.

Of one giver the latest feedback counts, of several the mean. Errors of providers say nothing of quality, and an answer is only cut at
a length that caller or policy set.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from controlplane.insight.contribution import quality_of
from controlplane.insight.facts import FeedbackFact, Finish, RunFact, RunResult
from controlplane.learning.model import PPM
from controlplane.learning.training.own import Result

MOST_STOOD_FOR = 10.0
"""Requests that one may stand for because chance chose it: more would let a rare draw drown all others."""

CREDIT = 4.0
"""Answers that are taken to have been judged and found as expected, where the share of judged answers is worked out."""

Place = tuple[str, str]
"""A workload and a model."""


class LeftOut(StrEnum):
    """Why nothing can be learned of something that is in the log."""

    ERASED = "erased"
    """The body of the entry was erased."""
    UNREADABLE = "unreadable"
    ADOPTED = "adopted"
    """The decision is only known from its receipt: nothing is recorded of what was asked."""
    UNANSWERED = "unanswered"
    """Feedback on a decision without a receipt of a whole answer that a model gave for it."""
    SEVERAL = "several"
    """Feedback on a decision that was run more than once, and that several models answered."""
    VECTORS = "vectors"
    """A decision about embeddings, where there is no answer to judge."""
    UNKNOWN = "unknown"
    """The model that answered is neither in the catalog any more nor in the quality model that is built on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is known of a decision's answer: who gave it, its score if anybody gave one, and whether it was of no use by itself.

    `tokens`: how long it is; 0 if that is not known.
    """

    model: str
    score: float | None
    failed: bool
    tokens: int = 0


class Sayings:
    """What receipts and feedback say, by decision; in whatever order they are heard."""

    def __init__(self) -> None:
        self._answers: defaultdict[str, dict[str, tuple[int, str, bool, int]]] = defaultdict(dict)
        self._feedback: defaultdict[str, dict[str, FeedbackFact]] = defaultdict(dict)

    def hear(self, fact: RunFact | FeedbackFact) -> None:
        """Take one more."""
        if isinstance(fact, FeedbackFact):
            before = self._feedback[fact.decision_id].get(fact.giver)
            if before is None or before.order <= fact.order:
                self._feedback[fact.decision_id][fact.giver] = fact
        elif fact.result is RunResult.SUCCEEDED and fact.answered_by is not None:
            failed = fact.finish in (Finish.REFUSAL, Finish.WITHHELD) or fact.schema_invalid
            tokens = fact.answer.output if fact.answer is not None else 0
            self._answers[fact.decision_id][fact.run_id] = (fact.at_us, fact.answered_by.model.lower(), failed, tokens)

    def verdict(self, decision_id: str) -> Verdict | LeftOut | None:
        """What is known of it; None if neither an answer nor a judgement is."""
        score = self._score(decision_id)
        answers = sorted(self._answers.get(decision_id, {}).values())
        if not answers:
            return LeftOut.UNANSWERED if score is not None else None
        _, model, failed, tokens = answers[-1]
        if any(who != model for _, who, _, _ in answers):
            return LeftOut.SEVERAL if score is not None else None
        return Verdict(model=model, score=score, failed=failed, tokens=tokens)

    def _score(self, decision_id: str) -> float | None:
        given = self._feedback.get(decision_id)
        if not given:
            return None
        judged = [quality for each in given.values() if (quality := quality_of(each)) is not None]
        return sum(judged) / len(judged) / PPM if judged else None


def stands_for(propensity: float) -> float:
    """How many requests one stands for that had this chance to be answered by whom it was, within bounds."""
    return min(MOST_STOOD_FOR, 1 / propensity) if 0 < propensity < 1 else 1.0


def weighed(judged: Sequence[Result], failed: Sequence[Result], fine: Mapping[Place, int]) -> list[Result]:
    """All results, `failed` ones with the weight that they have beside `judged` ones. `fine`: answers that did not fail, by place.

    Whether somebody judges an answer is one thing, that a form is not kept is seen always. Were failures to count like judgements,
    they would be all that is seen of a place where few judge. So one counts as much as an answer that did not fail was likely to be
    judged: then both kinds of answers are in the mean in the proportion in which they were given.
    """
    said = Counter((one.workload, one.model) for one in judged)
    found = list(judged)
    for one in failed:
        place = (one.workload, one.model)
        found.append(replace(one, weight=min(1.0, (said[place] + CREDIT) / (fine.get(place, 0) + CREDIT))))
    return found
