"""The client: decide, generate, stream, chat, feedback, budgets."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar, Unpack

from opentelemetry.trace import Tracer

from turnout.inference.v1.payload_pb2 import Payload
from turnout_client.answer import Answer
from turnout_client.answer_codec import answer as answer_from
from turnout_client.asked import CALL_SETTINGS, Asked, asked, check_names, payload_of
from turnout_client.budget import Budget, BudgetAlert, BudgetStatus
from turnout_client.budgets import Budgets, budget_filter
from turnout_client.chat_request import CHAT_SETTINGS, chat_request
from turnout_client.context import Context, caller
from turnout_client.control import ControlPlane
from turnout_client.deadline import checked_timeout, deadline
from turnout_client.decision import Decision
from turnout_client.error_codec import error
from turnout_client.errors import DecisionRefused, TurnoutError
from turnout_client.explanation import Classification, Explanation
from turnout_client.feedback import feedback_request, submit
from turnout_client.invalid import invalid
from turnout_client.options import ChatLike, ChatOptions, ClassifyOptions, RouteOptions
from turnout_client.pool import Patience, Pool, Surroundings
from turnout_client.readiness import until_ready
from turnout_client.route_request import HINT_SETTINGS, ROUTE_SETTINGS
from turnout_client.router import Router
from turnout_client.rule_book import RuleBook
from turnout_client.stream import AnswerStream, Steps, read_events
from turnout_client.tracing import Tracing, note_decision
from turnout_client.transcript import Transcript
from turnout_client.words import FeedbackLabel
from turnout_client.workers import Opened, Workers
from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure

Ran = TypeVar("Ran")


def _surroundings() -> Surroundings:
    return Surroundings(clock=time.monotonic, sleep=asyncio.sleep, draw=random.random, new_id=lambda: str(uuid.uuid4()))


class Client:
    """A caller of both planes.

        async with Client(control="127.0.0.1:7411", workers=["127.0.0.1:7421"], token=token) as turnout:
            answer = await turnout.chat("Why is the sky blue?", feature="search", max_cost_usd="0.01")

    `control` and `workers` are addresses `host:port`; each may be one or several. `token` is the caller's secret: it is sent,
    and shown nowhere. `timeout` is the time in seconds that a call has if it does not say. With `keep_text` the text of
    requests goes to workers only. `tracer` makes the span around `chat`; the global one if it is None.

    All calls raise TurnoutError: one class for each way out. One client serves any number of tasks of one event loop.
    """

    def __init__(
        self,
        *,
        control: str | Sequence[str] = (),
        workers: str | Sequence[str] = (),
        token: str,
        timeout: float = 30.0,
        keep_text: bool = False,
        tracer: Tracer | None = None,
        patience: Patience | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._around = surroundings or _surroundings()
        self._timeout = checked_timeout(timeout)
        self._keep_text = keep_text
        self._caller = caller(token)
        self._tracing = Tracing(tracer)
        told = patience or Patience()
        self._control_pool = Pool("control", _addresses("control", control), self._around, told)
        self._worker_pool = Pool("workers", _addresses("workers", workers), self._around, told)
        self._control = ControlPlane(self._control_pool)
        self._router = Router(self._control, self._caller, RuleBook())
        self._budgets = Budgets(self._control, self._caller)
        self._workers = Workers(self._worker_pool)

    def __repr__(self) -> str:
        control, workers = self._control_pool.addresses, self._worker_pool.addresses
        return f"Client(control={list(control)}, workers={list(workers)}, timeout={self._timeout:g})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; calls that run are cancelled, and raise Cancelled. Closing twice is closing once."""
        await asyncio.gather(self._control_pool.close(), self._worker_pool.close())

    async def ready(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the name that all calls use
        """Return when the control plane and a worker serve. Raises Unavailable when the time is over."""
        until = deadline(timeout or self._timeout, self._around.clock)
        served = (
            (self._control_pool, "turnout.routing.v1.RoutingService"),
            (self._worker_pool, "turnout.inference.v1.InferenceService"),
        )
        for pool, service in served:
            if pool.addresses:
                await until_ready(pool, service, until, self._around.sleep)

    async def decide(self, request: ChatLike, **options: Unpack[RouteOptions]) -> Decision:
        """Which model is to answer, as a decision that workers obey. It runs nothing and costs nothing."""
        return await self._router.decide(_routed(request, options), self._context(options))

    async def decide_many(
        self, requests: Iterable[ChatLike], **options: Unpack[RouteOptions]
    ) -> list[Decision | TurnoutError]:
        """A decision or the exception for each request, in order; the options are those of all."""
        context = self._context(options)
        numbered = enumerate([_routed(request, options) for request in requests])
        return await self._router.decide_many([(what, context.numbered(at)) for at, what in numbered])

    async def explain(
        self, request: ChatLike, *, why_not: Sequence[str] = (), **options: Unpack[RouteOptions]
    ) -> Explanation:
        """What would be decided, with every candidate and why not; nothing eligible is an answer here.

        `why_not` names models; for each the explanation tells what keeps it from coming first.
        """
        return await self._router.explain(_routed(request, options), why_not, self._context(options))

    async def classify(self, request: ChatLike, **options: Unpack[ClassifyOptions]) -> Classification:
        """What the request is taken for, and why."""
        check_names(options, CHAT_SETTINGS, HINT_SETTINGS, CALL_SETTINGS)
        return await self._router.classify(asked(request, options), self._context(options))

    async def feedback(
        self,
        about: Decision | Answer | str,
        *,
        quality: float | None = None,
        success: bool | None = None,
        label: FeedbackLabel | str | None = None,
        comment: str = "",
        request_id: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - the name that all calls use
    ) -> bool:
        """Say how good an answer was: at least one of `quality` (0 to 1), `success`, `label` and `comment`.

        `about` is the answer, its decision or the id of that. What one caller says later takes the place of what it said
        before. False if feedback under this `request_id` was taken before; each call makes its own otherwise.
        """
        request = feedback_request(about, quality=quality, success=success, label=label, comment=comment)
        context = self._context({"timeout": timeout, "request_id": request_id})
        return await submit(self._control, self._caller, request, context)

    async def budgets(
        self,
        *,
        name_prefix: str = "",
        tenant: str = "",
        team: str = "",
        workload: str = "",
        key: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - the name that all calls use
    ) -> list[BudgetStatus]:
        """How the accounts of budgets stand: those that pay for requests of this tenant, team, workload and key.

        An operator sees all; others see what their tenant's requests are paid from.
        """
        wanted = budget_filter(name_prefix=name_prefix, tenant=tenant, team=team, workload=workload, key=key)
        return await self._budgets.statuses(wanted, self._context({"timeout": timeout}))

    async def budget(
        self,
        name: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the name that all calls use
    ) -> Budget:
        """One budget, with how its accounts stand."""
        return await self._budgets.budget(name, self._context({"timeout": timeout}))

    async def budget_alerts(
        self,
        *,
        since: datetime | None = None,
        limit: int = 100,
        name_prefix: str = "",
        timeout: float | None = None,  # noqa: ASYNC109 - the name that all calls use
    ) -> list[BudgetAlert]:
        """The newest alerts, those of budgets whose names begin so; each says that a share of a limit was spent."""
        wanted = budget_filter(name_prefix=name_prefix)
        return await self._budgets.alerts(wanted, since, limit, self._context({"timeout": timeout}))

    async def generate(
        self,
        decision: Decision,
        request: ChatLike | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the name that all calls use
        **options: Unpack[ChatOptions],
    ) -> Answer:
        """Run a decision and give the whole answer.

        Without `request` the one is run that was decided on; a decision that was made elsewhere needs it, with the very
        options that it was decided with.
        """
        payload = _payload(decision, request, options)
        context = self._context({"timeout": timeout, "request_id": decision.request_id})
        return await self._generate(decision, payload, context)

    def stream(
        self,
        decision: Decision,
        request: ChatLike | None = None,
        *,
        timeout: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> AnswerStream:
        """Run a decision and give the answer as it comes; the request is as for `generate`."""
        payload, transcript = _payload(decision, request, options), Transcript(decision)
        context = self._context({"timeout": timeout, "request_id": decision.request_id})
        return AnswerStream(self._run_steps(transcript, decision, payload, context), transcript)

    async def chat(self, request: ChatLike, **options: Unpack[RouteOptions]) -> Answer:
        """Decide and generate, within one timeout. A decision that grew too old on the way is made anew, once."""
        what, context = _routed(request, options), self._context(options)

        async def run(decision: Decision) -> Answer:
            return await self._generate(decision, what.payload, context)

        with self._tracing.chat() as span:
            context = context.within(span)
            return await self._run_fresh(await self._decide(what, context), what, context, run)

    def chat_stream(self, request: ChatLike, **options: Unpack[RouteOptions]) -> AnswerStream:
        """The same as `chat`, as it comes."""
        transcript = Transcript()
        return AnswerStream(self._chat_steps(transcript, _routed(request, options), options), transcript)

    async def _chat_steps(self, transcript: Transcript, what: Asked, options: RouteOptions) -> Steps:
        async def run(decision: Decision) -> Opened:
            transcript.decision = decision
            return await self._workers.stream(decision, what.payload, context.deadline, self._caller.metadata(context))

        with self._tracing.chat() as span:
            context = self._context(options).within(span)
            transcript.decision = await self._decide(what, context)
            yield transcript.decision
            opened = await self._run_fresh(transcript.decision, what, context, run)
            async with aclosing(read_events(opened, transcript, context.deadline)) as events:
                async for event in events:
                    yield event

    async def _run_steps(self, transcript: Transcript, decision: Decision, payload: Payload, context: Context) -> Steps:
        opened = await self._workers.stream(decision, payload, context.deadline, self._caller.metadata(context))
        async with aclosing(read_events(opened, transcript, context.deadline)) as events:
            async for event in events:
                yield event

    async def _decide(self, what: Asked, context: Context) -> Decision:
        decision = await self._router.decide(what, context)
        note_decision(context.span, decision.decision_id)
        return decision

    async def _generate(self, decision: Decision, payload: Payload, context: Context) -> Answer:
        metadata = self._caller.metadata(context)
        return answer_from(decision, await self._workers.generate(decision, payload, context.deadline, metadata))

    async def _run_fresh(
        self, decision: Decision, what: Asked, context: Context, run: Callable[[Decision], Awaitable[Ran]]
    ) -> Ran:
        """Run a decision; decide again, once, if it grew too old on its way to the worker."""
        try:
            return await run(decision)
        except DecisionRefused as refused:
            if refused.reason != "DECISION_EXPIRED":
                raise
        return await run(await self._decide(what, context.anew()))

    def _context(self, options: Mapping[str, object]) -> Context:
        timeout, describe = options.get("timeout"), options.get("describe")
        return Context(
            deadline=deadline(self._timeout if timeout is None else timeout, self._around.clock),
            request_id=str(options.get("request_id") or self._around.new_id()),
            describe=self._keep_text if describe is None else bool(describe),
        )


def _routed(request: ChatLike, options: RouteOptions) -> Asked:
    check_names(options, CHAT_SETTINGS, ROUTE_SETTINGS, CALL_SETTINGS)
    return asked(request, options)


def _payload(decision: Decision, request: ChatLike | None, options: ChatOptions) -> Payload:
    """The bytes to run: those that were decided on. Raises InvalidRequest, DecisionRefused."""
    check_names(options, CHAT_SETTINGS)
    if request is None:
        if decision.payload is None or options:
            raise invalid("request", "give the request that was decided on, for its options alone do not make one")
        return decision.payload
    payload = payload_of(chat_request(request, options))
    if request_digest(payload.content_type, payload.body) != decision.request_digest:
        message = "this is not the request that was decided on; leave it out, or give it with the same options"
        raise error(Failure("DIGEST_MISMATCH", message, field="request"), decision_id=decision.decision_id)
    return payload


def _addresses(name: str, given: Iterable[str]) -> tuple[str, ...]:
    addresses = (given,) if isinstance(given, str) else tuple(given)
    for address in addresses:
        if not address or address.startswith(("http://", "https://")):
            raise ValueError(f"{name}: write host:port, such as 127.0.0.1:7411, not {address!r}")
    return addresses
