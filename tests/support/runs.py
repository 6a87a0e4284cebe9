"""A runner with a scripted provider, for tests and measurements of executions."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from dataplane.chat.model import (
    ChatRequest,
    ChatResponse,
    Finished,
    FinishReason,
    Message,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    Usage,
    UsageReport,
)
from dataplane.execution.board import BoardSettings, BreakerBoard, BreakerChanged
from dataplane.execution.breaker import BreakerSettings
from dataplane.execution.budget import BudgetSettings, RetryBudgets
from dataplane.execution.bulkhead import Bulkheads
from dataplane.execution.clock import Clock
from dataplane.execution.compatibility import Fits, anything_fits
from dataplane.execution.equipment import Equipment, RunnerSettings
from dataplane.execution.gate import Gate
from dataplane.execution.observer import (
    AttemptEnded,
    AttemptScope,
    AttemptStarted,
    Committed,
    RunObserver,
    TargetSkipped,
    Waited,
)
from dataplane.execution.output import Answer
from dataplane.execution.receipt import Receipt
from dataplane.execution.run import Begun, Run, RunEvent
from dataplane.execution.runner import Runner
from dataplane.execution.wait import Waiting, WaitSettings
from dataplane.permit.model import Limits, PermittedDecision, Target
from dataplane.provider.model import Call, CallFailure, Provider, ProviderResponse, Verdict
from dataplane.snapshot.model import Deployment, Price, Timeouts, WireProtocol, WorkerSnapshot
from tests.support.virtual_time import EPOCH, VirtualClock, pause

Script = Sequence[float | StreamEvent | Exception | Mapping[str, str]]
"""What a call does: waits so many seconds, yields an event, raises, or gets these headers."""

PRICE = Price(input_nanousd_per_mtok=2_500_000_000, output_nanousd_per_mtok=10_000_000_000)
REQUEST = ChatRequest(messages=(Message(role=Role.USER, parts=(Text(text="What is a turnout?"),)),))
DONE = Finished(reason=FinishReason.STOP, provider_model="model-2026")


def answer(*texts: str, after: float = 0.5, usage: Usage | None = None) -> Script:
    """A whole answer in pieces, the first after `after` seconds and the others 0.1 s apart."""
    used = usage or Usage(input_tokens=100, output_tokens=20)
    pieces = [item for text in texts or ("A switch.",) for item in (0.1, TextDelta(text=text))]
    return (after, *pieces[1:], UsageReport(usage=used), DONE)


def failure(error: str = "http_500", verdict: Verdict = Verdict.FAILED, after: float = 0.1, **more: object) -> Script:
    """A call that fails."""
    return (after, call_failure(error, verdict, **more))


def call_failure(error: str, verdict: Verdict = Verdict.FAILED, **more: object) -> CallFailure:
    """What an adapter raises."""
    status = int(error[5:]) if error.startswith("http_") else 0
    return CallFailure(verdict, error, **{"http_status": status, **more})  # type: ignore[arg-type] # as the test says


def throttled(retry_after: float | None = None, after: float = 0.1) -> Script:
    """A call that is told to come back later."""
    hint = None if retry_after is None else timedelta(seconds=retry_after)
    return failure("rate_limited", Verdict.THROTTLED, after, http_status=429, retry_after=hint)


def unreachable(after: float = 0.05) -> Script:
    """A call that never left."""
    return failure("connect", Verdict.FAILED, after, unsent=True)


SILENCE: Script = (1e9,)
"""A call to which nothing ever comes."""


class ScriptedProvider:
    """Plays the scripts of each deployment in turn, the last one again and again; a function instead is asked each time.

    Scripts under a credential are for the calls with it.
    """

    def __init__(self, scripts: Mapping[str, Sequence[Script] | Callable[[], Script]]) -> None:
        self._scripts = {name: script if callable(script) else _in_turn(script) for name, script in scripts.items()}
        self.calls: list[tuple[str, float]] = []
        self.seen: list[Call] = []
        self.closed = 0
        self.in_flight = 0

    def called(self) -> list[str]:
        """The deployments in the order in which they were called."""
        return [name for name, _ in self.calls]

    async def generate(self, call: Call) -> ProviderResponse:
        """The script's whole answer."""
        events = [event async for event in self.stream(call)]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        usage = next((event.usage for event in events if isinstance(event, UsageReport)), None)
        finished = next((event for event in events if isinstance(event, Finished)), DONE)
        return ProviderResponse(
            response=ChatResponse(parts=(Text(text=text),), finish_reason=finished.reason, usage=usage)
        )

    async def stream(self, call: Call) -> AsyncGenerator[StreamEvent, None]:
        """The script as it comes."""
        name = call.deployment.name
        self.calls.append((name, asyncio.get_running_loop().time()))
        self.seen.append(call)
        self.in_flight += 1
        try:
            for item in self._scripts[call.credential if call.credential in self._scripts else name]():
                if isinstance(item, Mapping):
                    call.heard(item)
                elif isinstance(item, Exception):
                    raise item
                elif isinstance(item, int | float):
                    await pause(item)
                else:
                    yield item
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            raise
        finally:
            self.in_flight -= 1


def _in_turn(scripts: Sequence[Script]) -> Callable[[], Script]:
    left = list(scripts)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


@dataclass(slots=True)
class Recorder:
    """Keeps what runs tell."""

    started: list[AttemptStarted] = field(default_factory=list)
    ended: list[AttemptEnded] = field(default_factory=list)
    commits: list[Committed] = field(default_factory=list)
    skips: list[TargetSkipped] = field(default_factory=list)
    waits: list[Waited] = field(default_factory=list)
    changes: list[BreakerChanged] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    def attempt_started(self, started: AttemptStarted) -> AttemptScope:
        """Keep it."""
        self.started.append(started)
        return self

    def current(self) -> AbstractContextManager[object]:
        """Nothing to enter."""
        return nullcontext()

    def end(self, ended: AttemptEnded) -> None:
        """Keep it."""
        self.ended.append(ended)

    def committed(self, committed: Committed) -> None:
        """Keep it."""
        self.commits.append(committed)

    def target_skipped(self, skipped: TargetSkipped) -> None:
        """Keep it."""
        self.skips.append(skipped)

    def waited(self, waited: Waited) -> None:
        """Keep it."""
        self.waits.append(waited)

    def breaker_changed(self, changed: BreakerChanged) -> None:
        """Keep it."""
        self.changes.append(changed)

    def run_ended(self, receipt: Receipt) -> None:
        """Keep it."""
        self.receipts.append(receipt)


def deployment(name: str, **changes: object) -> Deployment:
    """A deployment of a model of the same name, at an endpoint of its own."""
    fields: dict[str, object] = {
        "name": name,
        "model": name,
        "provider": f"provider-{name}",
        "protocol": WireProtocol.OPENAI,
        "base_url": f"https://{name}.example/v1",
        "credential": f"env:{name.upper()}_KEY",
        "price": PRICE,
        "timeouts": Timeouts(),
    }
    return Deployment(**{**fields, **changes})  # type: ignore[arg-type] # as the test says


def target(name: str, model: str = "") -> Target:
    """A target with the estimate of 100 tokens in and 50 out, at PRICE."""
    return Target(
        deployment=name,
        model=model or name,
        provider=f"provider-{name}",
        cost_nanousd=750_000,
        input_tokens=100,
        output_tokens=50,
    )


def decision(*targets: str | Target, **limits: object) -> PermittedDecision:
    """A decision for these targets: 3 attempts in 30 s, valid for a minute, unless `limits` say otherwise."""
    issued_at = limits.pop("issued_at", EPOCH)
    expires_in = limits.pop("expires_in", timedelta(seconds=60))
    if not isinstance(issued_at, datetime) or not isinstance(expires_in, timedelta):
        raise TypeError("issued_at is a datetime and expires_in a timedelta")
    fields = {"max_attempts": 3, "max_output_tokens": 1000, "deadline": timedelta(seconds=30), **limits}
    return PermittedDecision(
        decision_id="018f0000-0000-7000-8000-000000000001",
        issuer="control-plane",
        audiences=frozenset({"default"}),
        tenant="tenant",
        presenter="caller",
        issued_at=issued_at,
        expires_at=issued_at + expires_in,
        request_digest=bytes(32),
        targets=tuple(item if isinstance(item, Target) else target(item) for item in targets),
        limits=Limits(**fields),  # type: ignore[arg-type] # as the test says
        required_features=frozenset(),
    )


def snapshot(*deployments: Deployment) -> WorkerSnapshot:
    """A snapshot with these deployments alone."""
    return WorkerSnapshot(
        version=7,
        digest=bytes(32),
        created_at=EPOCH,
        issuer="control-plane",
        deployments={deployment.name: deployment for deployment in deployments},
        keys={},
        callers={},
    )


class Rig:
    """A runner and everything around it, made for one test."""

    def __init__(
        self,
        scripts: Mapping[str, Sequence[Script] | Callable[[], Script]],
        *,
        deployments: Sequence[Deployment] = (),
        target_breaker: BreakerSettings | None = None,
        budget: BudgetSettings | None = None,
        settings: RunnerSettings | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        observer: RunObserver | None = None,
        credentials: Callable[[str], str | None] = lambda reference: f"secret of {reference}",
        fits: Fits = anything_fits,
        provider: Provider | None = None,
    ) -> None:
        draw = random.Random(seed).random  # noqa: S311 - repeatable by seed, no secret
        numbers = count(1)
        self.clock = clock or VirtualClock()
        self.provider = ScriptedProvider(scripts)
        self.recorder = Recorder()
        self.receipts: list[Receipt] = []
        self.answers: list[Answer | None] = []
        self.begun: list[Begun] = []
        self.snapshot = snapshot(*(deployments or [deployment(name) for name in scripts]))
        self.board = BreakerBoard(
            BoardSettings(target=target_breaker or BreakerSettings()), draw=draw, notify=self.recorder.breaker_changed
        )
        self.bulkheads = Bulkheads()
        self.budgets = RetryBudgets(budget or BudgetSettings())
        self.gate = Gate(
            board=self.board,
            bulkheads=self.bulkheads,
            budgets=self.budgets,
            credentials=credentials,
            clock=self.clock,
        )
        self.runner = Runner(
            settings or RunnerSettings(worker="worker-1"),
            Equipment(
                provider=provider or self.provider,
                gate=self.gate,
                waiting=Waiting(WaitSettings(), budgets=self.budgets, clock=self.clock, draw=draw, sleep=pause),
                clock=self.clock,
                observer=observer or self.recorder,
                sink=self.take,
                new_id=lambda: str(UUID(int=next(numbers))),
                begun=self.begun.append,
                fits=fits,
            ),
        )

    def take(self, receipt: Receipt, answer: Answer | None) -> None:
        """Keep a receipt, and what is to be judged."""
        self.receipts.append(receipt)
        self.answers.append(answer)

    def run(self, *targets: str | Target, time_left: timedelta | None = None, **limits: object) -> Run:
        """A run of a decision that is issued now."""
        issued = {"issued_at": self.clock.now(), **limits}
        return Run(decision=decision(*targets, **issued), request=REQUEST, snapshot=self.snapshot, time_left=time_left)

    async def events(self, *targets: str | Target, **limits: object) -> list[RunEvent]:
        """All events of a streamed run."""
        async with aclosing(self.runner.stream(self.run(*targets, **limits))) as events:  # type: ignore[arg-type]
            return [event async for event in events]


def utc(seconds: float) -> datetime:
    """The virtual time of day."""
    return EPOCH.astimezone(UTC) + timedelta(seconds=seconds)
