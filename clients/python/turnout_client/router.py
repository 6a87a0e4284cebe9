"""What is asked of the control plane: decide, decide many, explain, classify."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

from turnout.inference.v1.payload_pb2 import Payload
from turnout.routing.v1 import routing_pb2
from turnout.trust.v1.envelope_pb2 import Envelope
from turnout_client.asked import MAX_BODY, Asked
from turnout_client.context import Caller, Context
from turnout_client.control import ControlPlane
from turnout_client.decision import Decision
from turnout_client.decision_codec import read_decision
from turnout_client.error_codec import error
from turnout_client.errors import Conflict, TurnoutError
from turnout_client.explanation import Classification, Explanation
from turnout_client.explanation_codec import classification, explanation
from turnout_client.rule_book import RuleBook
from turnout_wire.failure import Failure
from turnout_wire.status import from_status

Content = Payload | routing_pb2.Description
Told = TypeVar("Told")

MAX_BATCH = 256
"""Requests in one DecideRoutes that the contract allows."""

_OUTDATED = "RULE_SET_OUTDATED"


class Router:
    """RoutingService, with what is needed so that a text can stay here."""

    def __init__(self, control: ControlPlane, caller: Caller, rules: RuleBook) -> None:
        self._control = control
        self._caller = caller
        self._rules = rules

    async def decide(self, asked: Asked, context: Context) -> Decision:
        """One decision, checked to be about this request. Raises TurnoutError."""

        async def send(content: Content) -> routing_pb2.DecideRouteResponse:
            request = _decide_request(asked, content, context.request_id)
            return await self._control.call(
                lambda line: line.routing.DecideRoute, request, context.deadline, self._caller.metadata(context)
            )

        return verified((await self._told(asked, context, send)).decision, asked)

    async def explain(self, asked: Asked, why_not: Sequence[str], context: Context) -> Explanation:
        """What would be decided. Raises TurnoutError."""

        async def send(content: Content) -> routing_pb2.ExplainRouteResponse:
            request = routing_pb2.ExplainRouteRequest(request=_decide_request(asked, content, ""), why_not=why_not)
            return await self._control.call(
                lambda line: line.routing.ExplainRoute, request, context.deadline, self._caller.metadata(context)
            )

        return explanation(await self._told(asked, context, send))

    async def classify(self, asked: Asked, context: Context) -> Classification:
        """What the request is taken for. Raises TurnoutError."""

        async def send(content: Content) -> routing_pb2.ClassifyResponse:
            request = routing_pb2.ClassifyRequest(hints=asked.route.hints)
            _put(request, content)
            return await self._control.call(
                lambda line: line.routing.Classify, request, context.deadline, self._caller.metadata(context)
            )

        return classification(await self._told(asked, context, send))

    async def decide_many(self, all_asked: Sequence[tuple[Asked, Context]]) -> list[Decision | TurnoutError]:
        """One result for each, in order. Raises TurnoutError if the call as a whole fails."""
        results: list[Decision | TurnoutError] = []
        for batch in _batches(all_asked):
            results += await self._decide_batch(batch, {})
        return results

    async def _decide_batch(
        self, batch: Sequence[tuple[Asked, Context]], outdated: dict[int, bytes]
    ) -> list[Decision | TurnoutError]:
        """`outdated` are the rule sets that were not taken the first time, by place in the batch."""
        contents = [
            await self._described(asked, context, outdated.get(at)) if context.describe else asked.payload
            for at, (asked, context) in enumerate(batch)
        ]
        results = await self._send_batch(batch, contents)
        again = {
            at: content.features.rule_set_digest
            for at, (content, result) in enumerate(zip(contents, results, strict=True))
            if isinstance(content, routing_pb2.Description) and _is_outdated(result)
        }
        if again and not outdated:
            retried = await self._decide_batch([batch[at] for at in again], dict(enumerate(again.values())))
            for at, result in zip(again, retried, strict=True):
                results[at] = result
        return results

    async def _send_batch(
        self, batch: Sequence[tuple[Asked, Context]], contents: Sequence[Content]
    ) -> list[Decision | TurnoutError]:
        context = batch[0][1]
        request = routing_pb2.DecideRoutesRequest(
            requests=[
                _decide_request(asked, content, own.request_id)
                for (asked, own), content in zip(batch, contents, strict=True)
            ]
        )
        response: routing_pb2.DecideRoutesResponse = await self._control.call(
            lambda line: line.routing.DecideRoutes, request, context.deadline, self._caller.metadata(context)
        )
        if len(response.results) != len(batch):
            raise error(Failure("INTERNAL", f"{len(response.results)} results came for {len(batch)} requests"))
        return [_result(result, asked) for result, (asked, _) in zip(response.results, batch, strict=True)]

    async def _told(self, asked: Asked, context: Context, send: Callable[[Content], Awaitable[Told]]) -> Told:
        """The answer to a request, shown or described; described anew, once, if the rules changed."""
        if not context.describe:
            return await send(asked.payload)
        description = await self._described(asked, context, None)
        try:
            return await send(description)
        except Conflict as conflict:
            if not _is_outdated(conflict):
                raise
        return await send(await self._described(asked, context, description.features.rule_set_digest))

    async def _described(self, asked: Asked, context: Context, outdated: bytes | None) -> routing_pb2.Description:
        async def fetch(request: routing_pb2.GetRuleSetRequest) -> routing_pb2.GetRuleSetResponse:
            return await self._control.call(
                lambda line: line.routing.GetRuleSet, request, context.deadline, self._caller.metadata(context)
            )

        return await self._rules.describe(asked, fetch, context.deadline, outdated=outdated)


def _decide_request(asked: Asked, content: Content, request_id: str) -> routing_pb2.DecideRouteRequest:
    request = routing_pb2.DecideRouteRequest()
    request.CopyFrom(asked.route)
    request.request_id = request_id
    _put(request, content)
    return request


def _put(request: routing_pb2.DecideRouteRequest | routing_pb2.ClassifyRequest, content: Content) -> None:
    if isinstance(content, Payload):
        request.payload.CopyFrom(content)
    else:
        request.description.CopyFrom(content)


def verified(envelope: Envelope, asked: Asked) -> Decision:
    """The decision in an envelope, if it is about what was asked. Raises TurnoutError."""
    try:
        decision = read_decision(envelope, asked.payload)
    except Failure as failure:
        raise error(failure) from failure
    if decision.request_digest != asked.digest:
        message = "the control plane decided on another request than this one; do not run it, and tell its operator"
        raise error(Failure("DIGEST_MISMATCH", message, field="request_digest"), decision_id=decision.decision_id)
    return decision


def _result(result: routing_pb2.RouteResult, asked: Asked) -> Decision | TurnoutError:
    if result.HasField("error"):
        return error(from_status(result.error) or Failure("INTERNAL", result.error.message or "no reason was given"))
    try:
        return verified(result.decision.decision, asked)
    except TurnoutError as refused:
        return refused


def _is_outdated(result: object) -> bool:
    return isinstance(result, Conflict) and result.reason == _OUTDATED


def _batches(all_asked: Sequence[tuple[Asked, Context]]) -> Iterator[list[tuple[Asked, Context]]]:
    """As many together as one message takes: a message may hold more than one body may be large, but not two such."""
    batch: list[tuple[Asked, Context]] = []
    size = 0
    for one in all_asked:
        body = len(one[0].payload.body)
        if batch and (len(batch) == MAX_BATCH or size + body > MAX_BODY):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += body
    if batch:
        yield batch
