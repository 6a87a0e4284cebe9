"""Classifiers that take their time are asked only where it is needed, never longer than they may be, and never to a caller's harm."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.custom import ClassifierUnfit
from controlplane.classification.ladder import Classifier
from controlplane.classification.model import Classification, Rung, Silence
from controlplane.classification.rules import NoHint
from controlplane.policy.model import FurtherClassifier, RuleSet, RuleSetName
from controlplane.routing.custom_rungs import AT_ONCE, CustomRungs
from controlplane.routing.further import FurtherKey, FurtherReadings, FurtherRungs, Question
from controlplane.routing.remembered import ReadingKey, Remembered
from turnout_features.model import Features

RULES = RuleSet(name=RuleSetName("default"), digest=bytes(32), patterns=(), conditions=())
UNSURE = Classification(
    task_type=TaskType.CHAT, complexity=Complexity.SIMPLE, domain=None, confidence=0.4, classifier="rules"
)
ENOUGH = timedelta(seconds=60)
"""A limit that is never reached."""


def taken(confidence: float = 0.9, task_type: TaskType = TaskType.CODE) -> Classification:
    return replace(UNSURE, task_type=task_type, confidence=confidence, classifier="x")


@dataclass
class Says:
    """A classifier of another package that says what it was told to."""

    answer: Any = field(default_factory=taken)
    name: str = "acme"
    sure: float = 0.8
    limit: timedelta | None = ENOUGH
    asked: list[Classification | None] = field(default_factory=list)

    def __call__(self, _features: Any, _rules: Any, _hint: Any, earlier: Classification | None) -> Any:
        self.asked.append(earlier)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@dataclass
class Hangs(Says):
    """One that says nothing until the test ends."""

    begun: threading.Event = field(default_factory=threading.Event)
    end: threading.Event = field(default_factory=threading.Event)

    def __call__(self, *_: Any) -> Any:
        self.begun.set()
        self.end.wait(60)
        return self.answer


@dataclass
class Reader(Says):
    """One that looks at the text."""

    texts: list[str] = field(default_factory=list)

    def of_text(self, text: str, *_: Any) -> Any:
        self.texts.append(text)
        return taken(task_type=TaskType.TRANSLATION)


class Counter:
    """Counts what came of asking."""

    def __init__(self) -> None:
        self.results: list[tuple[str, str]] = []

    def count(self, name: str, attributes: Mapping[str, str], value: int = 1, unit: str = "1") -> None:
        assert (name, value, unit) == ("turnout.classifier.asked", 1, "1")
        self.results.append((attributes["turnout.classifier"], attributes["turnout.result"]))


class Desk:
    """The further rungs, over the classifiers of a test."""

    def __init__(self, *classifiers: Classifier) -> None:
        self.metrics = Counter()
        self.kept: FurtherReadings = Remembered(8)
        self.loaded: list[str] = []
        self._known = {classifier.name: classifier for classifier in classifiers}
        self.custom = CustomRungs(self._load)
        self._further = FurtherRungs(self.custom, self.metrics, lambda: 0.0, self.kept)

    def _load(self, name: str) -> Classifier:
        self.loaded.append(name)
        if name not in self._known:
            raise ClassifierUnfit(f"there is no {name}")
        return self._known[name]

    async def __call__(
        self, *entries: FurtherClassifier, told: bool = False, earlier: Classification = UNSURE, **asked: Any
    ) -> Classification:
        question = Question(
            **{"features": Features(), "rule_set": RULES, "hint": NoHint(), "text": None, "key": None, **asked}
        )
        return await self._further(question, entries, earlier, told=told)


def entry(name: str = "acme", **changes: Any) -> FurtherClassifier:
    return FurtherClassifier(name=name, **changes)


def key(digest: bytes = b"d", *entries: FurtherClassifier) -> FurtherKey:
    reading = ReadingKey(
        request_digest=digest, rule_set=b"", route_set=b"", classifiers=(), encoder="", task_type=None, complexity=None
    )
    return reading, entries


@pytest.fixture
def hanging() -> Iterator[Hangs]:
    classifier = Hangs(limit=timedelta(milliseconds=1))
    yield classifier
    classifier.end.set()


async def test_one_is_asked_where_those_before_it_are_not_sure() -> None:
    says = Says()
    found = await Desk(says)(entry())
    assert (found.task_type, found.confidence, found.classifier) == (TaskType.CODE, 0.9, "acme")
    assert says.asked == [UNSURE]


async def test_nobody_is_asked_where_they_are_sure() -> None:
    says = Says()
    sure = replace(UNSURE, confidence=0.7)
    assert await Desk(says)(entry(below=0.7), earlier=sure) is sure
    assert says.asked == []


async def test_one_that_is_sure_ends_the_asking() -> None:
    first, second = Says(), Says(name="other", answer=taken(1.0, TaskType.QA))
    told = await Desk(first, second)(entry(below=1.0), entry("other", below=1.0), told=True)
    assert told.task_type is TaskType.CODE
    assert [(rung.classifier, rung.silence) for rung in told.rungs] == [
        ("acme", ""),
        ("other", "not asked: what was found is sure enough"),
    ]
    assert second.asked == []


async def test_the_next_one_knows_what_the_one_before_said() -> None:
    first, second = Says(taken(0.5)), Says(name="other", answer=taken(0.6, TaskType.QA))
    assert (await Desk(first, second)(entry(), entry("other"))).task_type is TaskType.QA
    assert second.asked[0] is not None
    assert (second.asked[0].classifier, second.asked[0].confidence) == ("acme", 0.5)


@pytest.mark.parametrize(
    ("answer", "result", "silence"),
    [
        (Silence("it is no ticket"), "silent", "it is no ticket"),
        (ValueError("the text"), "failed", "failed: ValueError"),
        (StopIteration("the text"), "failed", "failed: StopIteration"),
        (SystemExit(1), "failed", "failed: SystemExit"),
        (TimeoutError("mine"), "failed", "failed: TimeoutError"),
        (
            {"task_type": "code"},
            "invalid",
            "its answer cannot be taken: a dict is neither a Classification nor a Silence",
        ),
        (taken(7.0), "invalid", "its answer cannot be taken: confidence is not a number from 0 to 1"),
    ],
)
async def test_whatever_one_does_those_before_it_answer_and_it_is_counted(
    answer: Any, result: str, silence: str
) -> None:
    desk = Desk(Says(answer))
    found = await desk(entry(), told=True)
    assert replace(found, rungs=()) == UNSURE
    assert found.rungs[-1] == Rung(classifier="acme", took=timedelta(0), silence=silence)
    assert desk.metrics.results == [("acme", result)]


async def test_after_one_that_fails_the_next_is_asked() -> None:
    found = await Desk(Says(ValueError()), Says(name="other", answer=taken(0.9, TaskType.QA)))(entry(), entry("other"))
    assert found.task_type is TaskType.QA


async def test_the_record_names_those_that_were_asked_and_has_no_words_of_theirs() -> None:
    desk = Desk(Says(Silence("no ticket: the text")), Says(name="other"), Says(name="last"))
    found = await desk(entry(), entry("other"), entry("last"))
    assert [(rung.classifier, rung.silence) for rung in found.rungs] == [("acme", "silent"), ("other", "")]
    answer = found.rungs[-1].answer
    assert answer is not None
    assert answer.confidence == found.confidence
    failed = await Desk(Says(ValueError("the text")))(entry())
    assert [rung.silence for rung in failed.rungs] == ["failed"]


async def test_what_was_known_before_names_nobody_who_was_asked() -> None:
    desk, entries = Desk(Says()), (entry(),)
    first, again = [await desk(*entries, key=key(b"d", *entries)) for _ in range(2)]
    assert (len(first.rungs), again) == (1, replace(first, rungs=()))


async def test_one_that_hangs_is_given_up_at_its_limit_and_a_fifth_request_does_not_wait_for_it(hanging: Hangs) -> None:
    desk = Desk(hanging)
    desk.custom(entry()).prepare()
    results = [await desk(entry(timeout=timedelta(milliseconds=1)), told=True) for _ in range(AT_ONCE + 1)]
    assert {result.rungs[-1].silence for result in results[:-1]} == {"took more than the 1 ms"}
    assert results[-1].rungs[-1].silence == f"at work on {AT_ONCE} requests, and on no more at once"
    assert desk.metrics.results == [("acme", "late")] * AT_ONCE + [("acme", "busy")]


async def test_without_the_limit_the_caller_would_wait(hanging: Hangs) -> None:
    """The control: what hangs is only ended by the limit."""
    hanging.limit = None
    waiting = asyncio.ensure_future(Desk(hanging)(entry(timeout=ENOUGH)))
    assert await asyncio.to_thread(hanging.begun.wait, 60)
    assert not waiting.done()
    hanging.end.set()
    assert (await waiting).task_type is TaskType.CODE


async def test_who_waited_in_vain_is_not_missed_when_the_answer_comes_at_last(hanging: Hangs) -> None:
    desk = Desk(hanging)
    for _ in range(AT_ONCE):
        await desk(entry(timeout=timedelta(milliseconds=1)))
    hanging.end.set()
    for thread in threading.enumerate():
        if thread.name == "classifier acme":
            thread.join(60)
    await asyncio.sleep(0)
    assert (await desk(entry(timeout=ENOUGH))).task_type is TaskType.CODE
    assert desk.metrics.results[-1] == ("acme", "answered")


async def test_the_text_is_shown_to_who_reads_it_where_it_is_held() -> None:
    reader = Reader()
    assert (await Desk(reader)(entry(), text=lambda: "Guten Tag")).task_type is TaskType.TRANSLATION
    assert (reader.texts, reader.asked) == (["Guten Tag"], [])
    assert (await Desk(reader)(entry())).task_type is TaskType.CODE
    assert len(reader.texts) == 1


async def test_the_same_content_is_asked_about_once() -> None:
    says = Says()
    desk = Desk(says)
    entries = (entry(),)
    first, again = [await desk(*entries, key=key(b"d", *entries)) for _ in range(2)]
    assert replace(first, rungs=()) == again
    assert len(says.asked) == 1
    await desk(*entries, key=key(b"e", *entries))
    assert len(says.asked) == 2


async def test_what_came_of_a_failure_is_not_kept() -> None:
    says = Says(ValueError())
    desk = Desk(says)
    await desk(entry(), key=key())
    says.answer = taken()
    assert (await desk(entry(), key=key())).task_type is TaskType.CODE


async def test_one_that_cannot_be_loaded_is_loaded_once_and_each_time_silent() -> None:
    desk = Desk()
    for _ in range(2):
        assert (await desk(entry("gone"), told=True)).rungs[-1].silence == "failed: ClassifierUnfit"
    assert desk.loaded == ["gone"]


async def test_what_a_policy_names_is_loaded_before_anybody_asks() -> None:
    desk = Desk(Says())
    desk.custom.prepare([entry()])
    desk.custom.prepare([entry()])
    await desk(entry())
    assert desk.loaded == ["acme"]
