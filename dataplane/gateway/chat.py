"""Conversations through a gateway: admit, run, and answer whole or as a stream in the caller's protocol."""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from dataplane.chat.model import Finished, FinishReason, Usage, UsageReport, Verbatim
from dataplane.execution.receipt import Receipt
from dataplane.execution.run import Broken, Completed, Failed, RunEvent, Serving
from dataplane.execution.runner import Runner
from dataplane.gateway import told
from dataplane.gateway.admission import Admission, Admitted
from dataplane.gateway.affinity import Affinities
from dataplane.gateway.cache import MAX_ENTRY, WHOLE, Cache, cacheable, key_of
from dataplane.gateway.exchange import Exchange
from dataplane.gateway.face import ChatFace, StreamWriter
from dataplane.gateway.model import Answering, Asked, Received
from dataplane.gateway.problems import of_failure
from dataplane.gateway.question import Operation
from dataplane.gateway.refusing import refuse
from dataplane.gateway.watching import Watch
from dataplane.provider.fit import losses
from turnout_wire.failure import Failure
from turnout_wire.server import Principal

JSON = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"
NO_BUFFERING = (("cache-control", "no-cache"), ("x-accel-buffering", "no"))
"""Proxies in between must not gather a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kitchen:
    """What conversations are served with. `clock` is the wall clock, `monotonic` in seconds."""

    admission: Admission
    runner: Runner
    affinities: Affinities
    cache: Cache | None
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]


class Chats:
    """Serves the conversations of one face."""

    def __init__(self, face: ChatFace, kitchen: Kitchen) -> None:
        self.face = face
        self._with = kitchen

    async def __call__(self, exchange: Exchange, received: Received, caller: Principal, watch: Watch) -> None:
        """Answer. Raises BadRequest and Failure as long as nothing was sent."""
        started = self._with.monotonic()
        asked = self.face.read(received)
        admitted = await self._with.admission(caller, asked, received, Operation.CHAT, watch.traceparent)
        watch.decided(admitted.run)
        serving = _Serving(exchange, self.face, asked, admitted, self._with, started, watch)
        if await serving.recalled():
            return
        if asked.stream:
            await serving.stream()
        else:
            await serving.whole()


class _Serving:
    """One conversation that was admitted."""

    def __init__(
        self,
        exchange: Exchange,
        face: ChatFace,
        asked: Asked,
        admitted: Admitted,
        kitchen: Kitchen,
        started: float,
        watch: Watch,
    ) -> None:
        self._exchange = exchange
        self._face = face
        self._run = admitted.run
        self._session = admitted.session
        self._asked = asked
        self._with = kitchen
        self._started = started
        self._watch = watch
        self._last = b""
        self._kept: list[bytes] | None = None
        self._whole: FinishReason | None = None
        self._key = b""
        if kitchen.cache is not None and cacheable(admitted.run.request, wanted=admitted.kept):
            self._key, self._kept = key_of(self._run.decision), []

    async def recalled(self) -> bool:
        """Whether the answer was kept from an earlier request; then it is given."""
        kept = await self._with.cache.get(self._key) if self._with.cache is not None and self._key else None
        if kept is None:
            return False
        receipt = self._with.runner.recall(self._run)
        self._watch.ended(receipt)
        decision = self._run.decision
        headers = [*told.decided(decision), ("x-turnout-model", decision.targets[0].model)]
        headers += [*told.ended(decision, receipt), told.overhead(self._elapsed(), 0.0)]
        if self._asked.stream:
            kept = self._account(receipt, None) + kept
        await self._exchange.respond(200, headers, kept, EVENT_STREAM if self._asked.stream else JSON)
        return True

    async def _keep(self, reason: FinishReason, *pieces: bytes) -> None:
        if self._with.cache is not None and self._key and reason in WHOLE and sum(map(len, pieces)) <= MAX_ENTRY:
            await self._with.cache.put(self._key, b"".join(pieces))

    async def whole(self) -> None:
        """The answer at once."""
        outcome = await self._with.runner.generate(self._run)
        self._watch.ended(outcome.receipt)
        headers = [*told.decided(self._run.decision), *told.ended(self._run.decision, outcome.receipt)]
        headers.append(told.overhead(self._elapsed(), told.calling(outcome.receipt).total_seconds()))
        if outcome.response is None:
            await self._refuse(outcome.failure, outcome.receipt, headers)
            return
        self._answered(outcome.receipt, outcome.response.usage)
        self._watch.answered(outcome.response)
        if not outcome.body:
            headers += told.warnings(self._lost(outcome.receipt.attempts[-1].deployment))
        body = outcome.body or self._face.whole(outcome.response, self._by(outcome.receipt.attempts[-1].model))
        await self._exchange.respond(200, headers, body)
        await self._keep(outcome.response.finish_reason, body)

    async def stream(self) -> None:
        """The answer as it comes; its status waits for the first content."""
        writer: StreamWriter | None = None
        who: list[Serving] = []
        async with aclosing(self._with.runner.stream(self._run, who.append)) as events:
            async for event in events:
                if isinstance(event, Failed):
                    self._watch.ended(event.receipt)
                    headers = [*told.decided(self._run.decision), *told.ended(self._run.decision, event.receipt)]
                    await self._refuse(event.failure, event.receipt, headers)
                    return
                if writer is None:
                    writer = await self._begin(who[0] if who else None, passed=isinstance(event, Verbatim))
                await self._exchange.write(self._written(writer, event))
        await self._exchange.finish()
        if self._kept is not None and self._whole is not None:
            await self._keep(self._whole, *self._kept)

    def _written(self, writer: StreamWriter, event: RunEvent) -> bytes:
        self._watch.heard(event)
        match event:
            case Completed(finished=finished, usage=usage, receipt=receipt):
                self._watch.ended(receipt)
                self._answered(receipt, usage)
                account = self._account(receipt, usage)
                self._whole = finished.reason
                return account + self._noted(self._last + writer.end(finished, usage))
            case Broken(failure=failure, receipt=receipt):
                self._watch.ended(receipt)
                account = self._account(receipt, None)
                return account + writer.fail(of_failure(failure, receipt))
            case Failed() | UsageReport():
                return b""
            case Verbatim(tells=tells) if Finished in map(type, tells):
                self._last = writer.content(event)  # the account goes before the end, behind which nobody reads
                return b""
            case _:
                return self._noted(writer.content(event))

    def _account(self, receipt: Receipt, usage: Usage | None) -> bytes:
        return told.comment(self._run.decision, receipt, usage, self._elapsed()) if self._face.comments else b""

    def _noted(self, data: bytes) -> bytes:
        if self._kept is not None:
            self._kept.append(data)
        return data

    async def _begin(self, serving: Serving | None, *, passed: bool) -> StreamWriter:
        """Send the head, now that it is known who answers, and give what writes the rest."""
        decision = self._run.decision
        headers = [*NO_BUFFERING, *told.decided(decision)]
        if serving is not None:
            headers += told.served(decision, serving.deployment, serving.model, serving.attempts)
            headers.append(told.overhead(self._elapsed(), serving.calling))
            headers += () if passed else told.warnings(self._lost(serving.deployment))
        await self._exchange.begin(200, headers, EVENT_STREAM)
        return self._face.writer(self._by(serving.model if serving else decision.targets[0].model))

    def _by(self, model: str) -> Answering:
        return Answering(
            asked=self._asked,
            answer_id=self._run.decision.decision_id.replace("-", ""),
            created=self._with.clock(),
            model=model,
        )

    async def _refuse(self, failure: Failure | None, receipt: Receipt, headers: list[told.Header]) -> None:
        if failure is None:
            raise TypeError("a run without an answer has a failure")
        await refuse(self._exchange, self._face, of_failure(failure, receipt), headers)

    def _answered(self, receipt: Receipt, usage: Usage | None) -> None:
        if receipt.attempts:
            tenant, deployment = self._run.decision.tenant, receipt.attempts[-1].deployment
            self._with.affinities.answered(tenant, self._session, self._run.request, deployment, usage)

    def _lost(self, name: str) -> tuple[str, ...]:
        """What `name` was not told of the request, which did not go through as it was."""
        deployment = self._run.snapshot.deployments.get(name)
        lost = losses(self._run.request, deployment).dropped if deployment else ()
        return tuple(dict.fromkeys((*self._asked.loses, *lost)))

    def _elapsed(self) -> float:
        return self._with.monotonic() - self._started
