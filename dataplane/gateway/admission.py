"""From a request that was read to a run that may begin: decided by the control plane, verified like any other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from dataplane.chat.model import ChatRequest, EmbedRequest
from dataplane.execution.run import Run
from dataplane.gateway.affinity import Affinities
from dataplane.gateway.conversation import conversation
from dataplane.gateway.hints import Said, constraints_of, hints_of, time_limit, wants_kept
from dataplane.gateway.model import Asked, Received
from dataplane.gateway.question import Answered, Operation, Question
from dataplane.permit.context import Context
from dataplane.permit.model import PermittedDecision
from dataplane.permit.presented import Presented
from dataplane.permit.refusal import Refusal
from dataplane.permit.verify import verify
from dataplane.snapshot.holder import SnapshotHolder
from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure
from turnout_wire.server import Principal

Decide = Callable[[Question], Awaitable[Answered]]
PROVIDER_HEADERS = ("anthropic-beta", "anthropic-version", "openai-beta")
"""Headers by which a protocol lets callers ask for more; they go with a request that goes through as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorkeeper:
    """What an admission needs of the worker."""

    snapshots: SnapshotHolder
    permit: Context
    decide: Decide
    clock: Callable[[], datetime]
    draining: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A run that may begin; the conversation that it belongs to; and whether the caller wants its answer kept, if it said so."""

    run: Run
    session: str
    kept: bool | None


class Admission:
    """Admits requests. Belongs to one event loop."""

    def __init__(self, keeper: Doorkeeper, affinities: Affinities) -> None:
        self._keeper = keeper
        self._affinities = affinities

    async def __call__(
        self, caller: Principal, asked: Asked, received: Received, operation: Operation, traceparent: str
    ) -> Admitted:
        """The run. Raises BadRequest for what the caller said wrongly, and Failure for what was decided or refused."""
        keeper = self._keeper
        if keeper.draining():
            raise Failure("DRAINING", "this worker is going down; try again, another one takes it")
        snapshot = keeper.snapshots.fresh()
        said = Said(received.headers, asked.hints)
        # All that the caller may have said wrongly is read before money is held for it.
        limit, kept = time_limit(said), wants_kept(said)
        question, body, kind = self._question(caller, asked, said, operation, traceparent)
        answer = await self._decided(question, asked)
        shown = Presented(
            sealed=answer.sealed, content_type=kind, body=body, tenant=caller.tenant, presenter=caller.name
        )
        decision = verify(shown, snapshot.keys, keeper.permit, keeper.clock())
        if isinstance(decision, Refusal):
            raise decision.failure()
        run = Run(
            decision=decision,
            request=ChatRequest(messages=()) if isinstance(asked.request, EmbedRequest) else asked.request,
            embed=asked.request if isinstance(asked.request, EmbedRequest) else None,
            snapshot=snapshot,
            time_left=limit,
            envelope=answer.envelope,
            original=replace(asked.original, headers=_offered(received), sole=bool(asked.only)),
        )
        return Admitted(run=run, session=question.hints.session, kept=kept)

    async def _decided(self, question: Question, asked: Asked) -> Answered:
        try:
            return await self._keeper.decide(question)
        except Failure as failure:
            if not asked.only or failure.reason != "NO_ELIGIBLE_TARGET":
                raise
            told = f"{', '.join(asked.only)}: only deployments that speak {asked.protocol} can be asked for that; {failure.message}"
            raise Failure(failure.reason, told, field=asked.only[0], metadata=failure.metadata) from failure

    def release(self, decision: PermittedDecision) -> None:
        """Give back the run of a decision that does not begin."""
        self._keeper.permit.guard.release(decision)

    def _question(
        self, caller: Principal, asked: Asked, said: Said, operation: Operation, traceparent: str
    ) -> tuple[Question, bytes, str]:
        body = asked.original.text.encode()
        kind = f"application/vnd.turnout.{asked.original.endpoint}+json"
        hints = hints_of(said, asked)
        question = Question(
            caller=f"{caller.tenant}/{caller.name}",
            request_digest=request_digest(kind, body),
            told=conversation(asked.request),
            pool=self._keeper.permit.pool,
            model=asked.model,
            policy=said.text("policy", 128),
            operation=operation,
            hints=hints,
            constraints=constraints_of(said, asked),
            affinity=self._affinities.of(caller.tenant, hints.session, asked.request),
            traceparent=traceparent,
        )
        return question, body, kind


def _offered(received: Received) -> dict[str, str]:
    return {name: received.headers[name] for name in PROVIDER_HEADERS if name in received.headers}
