"""What the sandbox remembers of its calls: counts for each model, and a ring of the last ones; no text of prompts."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum

_MODELS = 1_000
_OTHERS = "(others)"


class Outcome(StrEnum):
    """How a call ended: with an answer, refused for its own fault, struck by a fault, or left by its client."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAULT = "fault"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One call. `started` is unix time, `chunks` counts the parts of a body that came in chunks.

    The tokens are those of the whole answer, even where the client left before its end.
    """

    number: int
    protocol: str
    model: str
    stream: bool
    status: int | None
    outcome: Outcome
    fault: str | None
    quality: str | None
    prompt_tokens: int
    output_tokens: int
    chunks: int
    started: float
    duration_s: float


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    in_flight: int = 0
    cancelled: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    qualities: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    output_tokens: int = 0

    def close(self, record: CallRecord) -> None:
        self.in_flight -= 1
        self.cancelled += record.outcome is Outcome.CANCELLED
        self.outcomes[record.outcome.value] += 1
        self.statuses[str(record.status)] += record.status is not None
        self.faults[record.fault or ""] += record.fault is not None
        self.qualities[record.quality or ""] += record.quality is not None
        self.prompt_tokens += record.prompt_tokens
        self.output_tokens += record.output_tokens

    def shown(self) -> dict[str, object]:
        counters = ("outcomes", "statuses", "faults", "qualities")
        return asdict(self) | {
            name: {key: number for key, number in sorted(getattr(self, name).items()) if number} for name in counters
        }


class CallBook:
    """Counts calls, and keeps the last `size` of them."""

    def __init__(self, size: int) -> None:
        self._all = _Tally()
        self._by_model: dict[str, _Tally] = {}
        self._last: deque[CallRecord] = deque(maxlen=size)
        self._watchers: list[Callable[[], None]] = []

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._all.calls

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not ended."""
        return self._all.in_flight

    @property
    def cancelled(self) -> int:
        """How many calls were left by their client."""
        return self._all.cancelled

    def begin(self, model: str) -> int:
        """Counts a call of `model`; answers its number, from 1."""
        for tally in (self._all, self._tally(model)):
            tally.calls += 1
            tally.in_flight += 1
        self._changed()
        return self._all.calls

    def end(self, record: CallRecord) -> None:
        """Counts how a call ended."""
        for tally in (self._all, self._tally(record.model)):
            tally.close(record)
        self._last.append(record)
        self._changed()

    def stats(self) -> dict[str, object]:
        """All counts, over all models and for each."""
        models = {model: tally.shown() for model, tally in sorted(self._by_model.items())}
        return {**self._all.shown(), "models": models}

    def last(self, limit: int) -> list[dict[str, object]]:
        """The last calls, the newest first."""
        return [asdict(record) for record, _ in zip(reversed(self._last), range(limit), strict=False)]

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Calls `watcher` after every change, until the answer is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _tally(self, model: str) -> _Tally:
        found = self._by_model.get(model)
        if found is None:
            # A client can ask for any number of names: only the first thousand are counted apart.
            name = model if len(self._by_model) < _MODELS else _OTHERS
            found = self._by_model.setdefault(name, _Tally())
        return found

    def _changed(self) -> None:
        for watcher in tuple(self._watchers):
            watcher()
