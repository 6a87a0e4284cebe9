"""Classifiers of other packages, asked in threads of their own, so that one that hangs holds nobody up but itself."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta

from controlplane.classification.custom import ClassifierUnfit, ReadsText
from controlplane.classification.ladder import Classifier
from controlplane.classification.model import Classification
from controlplane.policy.model import FurtherClassifier
from controlplane.routing.further import Broken, Busy, Question

_log = logging.getLogger(__name__)

AT_ONCE = 4
"""Requests that one classifier is asked about at the same time. Who hangs is not asked a fifth time."""

ABSURD = 1.0
"""The confidence from which an answer stands, where a classifier tells none that can be taken."""


class CustomRung:
    """A classifier of another package, made when it is first needed."""

    def __init__(self, name: str, load: Callable[[str], Classifier]) -> None:
        """`load` imports and makes it; it may take long, and raises ClassifierUnfit."""
        self._name = name
        self._load = load
        self._loading = threading.Lock()
        self._made: Classifier | ClassifierUnfit | None = None
        self._sure = ABSURD
        self._limit: timedelta | None = None
        self._at_work = 0

    @property
    def sure(self) -> float:
        """See FurtherRung."""
        return self._sure

    @property
    def limit(self) -> timedelta | None:
        """See FurtherRung. What the classifier tells, once it is there."""
        return self._limit

    def prepare(self) -> None:
        """Begin to load it, without waiting."""
        threading.Thread(target=self._quietly, name=f"load {self._name}", daemon=True).start()

    async def __call__(self, question: Question, earlier: Classification, /) -> object:
        """See FurtherRung. Who stops waiting leaves the thread to end by itself: nothing else can end it."""
        if self._at_work >= AT_ONCE:
            raise Busy(f"at work on {self._at_work} requests, and on no more at once")
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[object] = loop.create_future()
        thread = threading.Thread(
            target=self._work, args=(question, earlier, loop, waiting), name=f"classifier {self._name}", daemon=True
        )
        thread.start()
        self._at_work += 1
        return await waiting

    def _work(
        self,
        question: Question,
        earlier: Classification,
        loop: asyncio.AbstractEventLoop,
        waiting: "asyncio.Future[object]",
    ) -> None:
        answer: object = None
        failure: Broken | None = None
        try:
            answer = self._asked(question, earlier)
        except BaseException as error:  # noqa: BLE001 - whatever it is, who waits is told
            failure = Broken(type(error).__name__)
        try:
            loop.call_soon_threadsafe(self._done, waiting, answer, failure)
        except RuntimeError:
            _log.info("a classifier answered after the end", extra={"classifier": self._name})

    def _done(self, waiting: "asyncio.Future[object]", answer: object, failure: Broken | None) -> None:
        self._at_work -= 1
        if waiting.cancelled():
            return
        if failure is None:
            waiting.set_result(answer)
        else:
            waiting.set_exception(failure)

    def _asked(self, question: Question, earlier: Classification) -> object:
        made = self._ready()
        if isinstance(made, ReadsText) and question.text is not None:
            return made.of_text(question.text(), question.features, question.rule_set, question.hint, earlier)
        return made(question.features, question.rule_set, question.hint, earlier)

    def _ready(self) -> Classifier:
        """Raises ClassifierUnfit, each time: what cannot be imported now cannot be later."""
        with self._loading:
            if self._made is None:
                self._made = self._attempt()
        if isinstance(self._made, ClassifierUnfit):
            raise self._made
        return self._made

    def _attempt(self) -> Classifier | ClassifierUnfit:
        """What it tells of itself is read once, here, where it may fail like anything else of it."""
        try:
            made = self._load(self._name)
            sure, limit = made.sure, made.limit
        except ClassifierUnfit as unfit:
            _log.warning("a classifier cannot be used", extra={"reason": str(unfit)})
            return unfit
        if type(sure) is float or type(sure) is int:
            self._sure = float(sure)
        if type(limit) is timedelta and limit > timedelta(0):
            self._limit = limit
        return made

    def _quietly(self) -> None:
        try:
            self._ready()
        except ClassifierUnfit:
            return


class CustomRungs:
    """One CustomRung for each name."""

    def __init__(self, load: Callable[[str], Classifier]) -> None:
        self._load = load
        self._known: dict[str, CustomRung] = {}

    def __call__(self, entry: FurtherClassifier) -> CustomRung:
        """The classifier that `entry` names."""
        found = self._known.get(entry.name)
        if found is None:
            found = self._known[entry.name] = CustomRung(entry.name, self._load)
        return found

    def prepare(self, entries: Iterable[FurtherClassifier]) -> None:
        """Begin to load those that were not asked for yet, so that the first request need not wait for them."""
        for entry in entries:
            if entry.name not in self._known:
                self(entry).prepare()
