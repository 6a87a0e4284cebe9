"""Asks the control plane for decisions on behalf of callers: requests that wait at the same moment share one call."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from dataplane.gateway.question import Answered, Question
from dataplane.report.uplink import Uplink
from dataplane.sync.question_codec import answered, route_request
from turnout.routing.v1 import routing_pb2
from turnout_features import Encode, Features, RulePatterns, extract
from turnout_wire.caches import Counted
from turnout_wire.conversation import put_features
from turnout_wire.failure import Failure
from turnout_wire.rule_sets import RuleSets
from turnout_wire.status import from_call

_SERVICE = "/turnout.routing.v1.RoutingService/"
TIMEOUT = 10.0
"""Seconds for one call."""
MOST_AT_ONCE = 64
"""Requests in one call; what the contract allows is 256, but one long call makes its first request wait for its last."""
PARALLEL = 2
"""Calls under way. While they are, requests gather: so the more there are, the more share a call."""
GATHERED = 8
PATIENCE = 0.005
"""A second call begins only for so many requests, or when the first of them has waited for so many seconds: a call costs both
planes as much as several decisions.
"""
MOST_WAITING = 10_000
"""Requests that wait at most; what comes then is told to come later."""
INLINE = 64 * 1024
"""Characters above which features are made in a thread, so that a long text does not hold up the event loop."""

_LEFT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

Answer = TypeVar("Answer", bound=Message)
Pending = tuple[routing_pb2.DecideRouteRequest, "asyncio.Future[routing_pb2.RouteResult]"]


class Decider:
    """Belongs to one event loop. `dropped` hears of each request that found too many waiting."""

    def __init__(self, uplink: Uplink, dropped: Callable[[], None] = lambda: None) -> None:
        self._uplink = uplink
        self._dropped = dropped
        self._rules = RuleSets()
        self._waiting: deque[Pending] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._soon: asyncio.TimerHandle | None = None

    async def __call__(self, question: Question) -> Answered:
        """The signed decision. Raises Failure: the control plane's own, UNREACHABLE where there is none, or OVERLOADED."""
        request = route_request(question, again=not self._uplink.alone)
        try:
            return await self._asked(request, question, None)
        except Failure as failure:
            if failure.reason != "RULE_SET_OUTDATED":
                raise
        return await self._asked(request, question, request.description.features.rule_set_digest)

    @property
    def words(self) -> Counted | None:
        """The cache of words of what embeds texts, once that is loaded."""
        return self._rules.words

    async def prepare(self) -> None:
        """Load what embeds texts, so that the first request need not wait for it."""
        await self._rules.encoder()

    async def close(self) -> None:
        """Give up what is under way."""
        if self._soon is not None:
            self._soon.cancel()
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _asked(
        self, request: routing_pb2.DecideRouteRequest, question: Question, outdated: bytes | None
    ) -> Answered:
        patterns = await self._rules.patterns(request, self._fetch, outdated)
        request.ClearField("description")
        request.description.request_digest = question.request_digest
        put_features(request.description.features, await _features(question, patterns, await self._rules.encoder()))
        return answered(await self._result(request))

    async def _result(self, request: routing_pb2.DecideRouteRequest) -> routing_pb2.RouteResult:
        if len(self._waiting) >= MOST_WAITING:
            self._dropped()
            raise Failure("OVERLOADED", f"{MOST_WAITING} requests wait for their decisions; come back in a moment")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[routing_pb2.RouteResult] = loop.create_future()
        self._waiting.append((request, future))
        if not self._under_way or len(self._waiting) >= GATHERED:
            self._begin()
        elif self._soon is None:
            self._soon = loop.call_later(PATIENCE, self._begin)
        return await future

    def _begin(self) -> None:
        """Make one more call for those that wait, if there may be one."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._waiting and len(self._under_way) < PARALLEL:
            task = asyncio.create_task(self._work())
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _work(self) -> None:
        """Ask for those that wait, until nobody does."""
        while batch := self._batch():
            try:
                results = await self._decide([request for request, _ in batch])
            except Failure as failure:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(failure)
            except BaseException:
                for _, future in batch:
                    future.cancel()
                raise
            else:
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)

    def _batch(self) -> list[Pending]:
        batch: list[Pending] = []
        while self._waiting and len(batch) < MOST_AT_ONCE:
            pending = self._waiting.popleft()
            if not pending[1].done():  # whose caller went away needs no decision
                batch.append(pending)
        return batch

    async def _decide(self, requests: Sequence[routing_pb2.DecideRouteRequest]) -> Sequence[routing_pb2.RouteResult]:
        response = await self._call(
            "DecideRoutes", routing_pb2.DecideRoutesRequest(requests=requests), routing_pb2.DecideRoutesResponse
        )
        if len(response.results) != len(requests):
            raise Failure("INTERNAL", "the control plane gave another number of decisions than it was asked for")
        return response.results

    async def _fetch(self, request: routing_pb2.GetRuleSetRequest) -> routing_pb2.GetRuleSetResponse:
        return await self._call("GetRuleSet", request, routing_pb2.GetRuleSetResponse)

    async def _call(self, method: str, request: Message, response: type[Answer]) -> Answer:
        """One call; if its control plane is not there, once more by the next one. Raises Failure."""
        try:
            return await self._once(method, request, response)
        except Failure as failure:
            if failure.reason != "UNREACHABLE" or self._uplink.alone:
                raise
        return await self._once(method, request, response)

    async def _once(self, method: str, request: Message, response: type[Answer]) -> Answer:
        channel = self._uplink.channel
        call = channel.unary_unary(
            _SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            answer: Answer = await call(request, metadata=self._uplink.metadata, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() in _LEFT:
                self._uplink.leave(channel)
            raise _told(error) from error
        return answer


def _told(error: grpc.aio.AioRpcError) -> Failure:
    """What the call ended with; that the worker itself may not ask is no fault of its caller's."""
    if error.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return Failure("INTERNAL", "the control plane takes no questions from this worker; look at its token and role")
    return from_call(error.code(), error.details() or "", error.trailing_metadata())


async def _features(question: Question, patterns: RulePatterns, encode: Encode) -> Features:
    told = question.told
    if sum(len(utterance.text) for utterance in told.utterances) > INLINE:
        return await asyncio.to_thread(extract, told, patterns, encode=encode)
    return extract(told, patterns, encode=encode)
