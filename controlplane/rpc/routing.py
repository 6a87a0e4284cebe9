"""RoutingService."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.protobuf.message import Message
from opentelemetry.trace import Span

from controlplane.access.model import Caller, Role
from controlplane.decision.contrast import why_not
from controlplane.policy.model import RuleSet
from controlplane.routing.commands import ClassifyRequest, ExplainRoute
from controlplane.routing.deciding import DecideRoute
from controlplane.routing.model import Ask, IssuedDecision, NoTrace, SignedDecision
from controlplane.routing.rules import rule_set_for
from controlplane.rpc.decision_codec import (
    candidate_message,
    classification_message,
    plan_message,
)
from controlplane.rpc.record_codec import put_envelope
from controlplane.rpc.routing_codec import ask_from, ask_to_classify, origin_from
from controlplane.snapshot.model import Snapshot
from turnout.routing.v1 import routing_pb2
from turnout_wire.conversation import features_to_proto
from turnout_wire.failure import Failure
from turnout_wire.server import Call, Principal
from turnout_wire.status import to_status
from turnout_wire.telemetry import Telemetry, outgoing


class SpanTrace:
    """Notes the steps of a decision as events of its span."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def event(self, name: str, attributes: Mapping[str, str | int | float]) -> None:
        """See Trace."""
        self._span.add_event(name, attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingCommands:
    """The use cases that the service calls."""

    decide: DecideRoute
    explain: ExplainRoute
    classify: ClassifyRequest
    snapshot: Callable[[], Snapshot]


class RoutingServicer:
    """Parse, decide, seal, answer."""

    def __init__(
        self,
        commands: RoutingCommands,
        check: Callable[[Message], None],
        telemetry: Telemetry,
        delegation: Callable[[str], Caller],
    ) -> None:
        """`delegation` finds the caller that a worker asks for, and raises Failure if there is none.

        `check` raises Failure if a message breaks the contract's rules: a request of a batch, or the chat in a payload.
        """
        self._commands = commands
        self._check = check
        self._telemetry = telemetry
        self._delegation = delegation

    async def DecideRoute(self, request: routing_pb2.DecideRouteRequest, call: Call) -> routing_pb2.DecideRouteResponse:
        """One signed decision."""
        signed = await self._decide(self._ask(request, call))
        call.decision_id = signed.decision_id
        response = routing_pb2.DecideRouteResponse()
        _put_decision(response, signed)
        return response

    async def DecideRoutes(
        self, request: routing_pb2.DecideRoutesRequest, call: Call
    ) -> routing_pb2.DecideRoutesResponse:
        """Many, on one snapshot; a failure is that request's own."""
        snapshot = self._commands.snapshot()
        # At once, so that the store writes them in one group.
        results = await asyncio.gather(*(self._result(one, call, snapshot) for one in request.requests))
        response = routing_pb2.DecideRoutesResponse(snapshot_version=snapshot.version)
        for result in results:
            _put_result(response.results.add(), result)
        return response

    async def _result(
        self, request: routing_pb2.DecideRouteRequest, call: Call, snapshot: Snapshot
    ) -> SignedDecision | Failure:
        try:
            self._check(request)
            return await self._decide(self._ask(request, call), snapshot)
        except Failure as failure:
            return failure

    async def _decide(self, ask: Ask, snapshot: Snapshot | None = None) -> SignedDecision:
        try:
            given = await self._commands.decide(ask, snapshot)
        except Failure as failure:
            self._telemetry.metrics.count("turnout.decisions", {"turnout.reason": failure.reason.lower()})
            raise
        self._telemetry.metrics.count("turnout.decisions", _attributes(given.issued))
        return given.signed

    async def ExplainRoute(
        self, request: routing_pb2.ExplainRouteRequest, call: Call
    ) -> routing_pb2.ExplainRouteResponse:
        """Every candidate and why not."""
        plan, reading = await self._commands.explain(self._ask(request.request, call))
        learned = reading.snapshot.catalog.learned
        return routing_pb2.ExplainRouteResponse(
            decision=plan_message(plan, max_runs=reading.request.max_runs) if plan.targets else None,
            classification=classification_message(plan.classification),
            candidates=[candidate_message(candidate) for candidate in plan.candidates],
            quality_floor=routing_pb2.QualityFloor(
                quality_ppm=round(plan.floor.quality * 1_000_000), source=plan.floor.source
            ),
            snapshot_version=reading.snapshot.version,
            features=features_to_proto(reading.request.features),
            steps=plan.steps,
            why_not=[why_not(plan, model) for model in request.why_not],
            learned_digest=learned.digest if learned is not None else b"",
            distribution=[routing_pb2.ModelShare(model=each.model, share=each.share) for each in plan.distribution],
            influences=[
                routing_pb2.Influence(signal=each.signal, model=each.model, change=each.change)
                for each in plan.influences
            ],
        )

    async def Classify(self, request: routing_pb2.ClassifyRequest, call: Call) -> routing_pb2.ClassifyResponse:
        """Features and classification."""
        reading = await self._commands.classify(ask_to_classify(request, call.principal, self._check))
        return routing_pb2.ClassifyResponse(
            classification=classification_message(reading.request.classification),
            features=features_to_proto(reading.request.features),
            snapshot_version=reading.snapshot.version,
        )

    async def GetRuleSet(self, request: routing_pb2.GetRuleSetRequest, call: Call) -> routing_pb2.GetRuleSetResponse:
        """The patterns that the caller's requests will be read with."""
        rules = rule_set_for(
            origin_from(request.hints), request.policy, self._commands.snapshot().catalog, request.model
        )
        return routing_pb2.GetRuleSetResponse(digest=rules.digest, patterns=_patterns(rules))

    def _ask(self, request: routing_pb2.DecideRouteRequest, call: Call) -> Ask:
        recording = call.span.is_recording()
        return ask_from(
            request,
            self._asking(request.on_behalf_of, call.principal),
            self._check,
            traceparent=outgoing(call.span).get("traceparent", "") if recording else call.text("traceparent")[:64],
            trace=SpanTrace(call.span) if recording else NoTrace(),
        )

    def _asking(self, name: str, principal: Principal) -> Principal:
        """For whom a decision is made: for who asks, or for the caller that a gateway names. Raises Failure."""
        if name and Role.WORKER not in principal.roles:
            told = "on_behalf_of: only workers ask on behalf of others; leave it out"
            raise Failure("ACCESS_DENIED", told, field="on_behalf_of")
        if not name and Role.CALLER not in principal.roles:
            told = "on_behalf_of: a worker asks for a caller; name it as TENANT/NAME"
            raise Failure("INVALID_FIELD", told, field="on_behalf_of")
        if not name:
            return principal
        caller = self._delegation(name)
        return Principal(name=caller.name, tenant=caller.tenant, roles=frozenset(caller.roles))


def _patterns(rules: RuleSet) -> list[routing_pb2.Pattern]:
    return [routing_pb2.Pattern(signal=rule.signal, regex=rule.regex) for rule in rules.patterns]


def _attributes(issued: IssuedDecision | None) -> dict[str, str]:
    """What decisions are counted by; one that was given again counts as such."""
    if issued is None:
        return {"turnout.reason": "given_again"}
    plan = issued.plan
    return {
        "turnout.model": plan.targets[0].model,
        "turnout.reason": str(plan.reason_code),
        "turnout.workload": plan.workload,
        "turnout.task_type": str(plan.classification.task_type),
        "turnout.complexity": str(plan.classification.complexity),
    }


def _put_result(message: routing_pb2.RouteResult, result: SignedDecision | Failure) -> None:
    if isinstance(result, Failure):
        message.error.CopyFrom(to_status(result))
    else:
        _put_decision(message.decision, result)


def _put_decision(message: routing_pb2.DecideRouteResponse, signed: SignedDecision) -> None:
    put_envelope(message.decision, signed)
    message.snapshot_version = signed.snapshot_version
