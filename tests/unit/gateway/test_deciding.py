"""Questions to the control plane in virtual time: those that wait at the same moment share a call."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, cast

from google.protobuf.message import Message

from dataplane.gateway.question import Answered, Question
from dataplane.report.uplink import Uplink
from dataplane.sync.deciding import GATHERED, PATIENCE, Decider
from tests.support.virtual_time import pause, run
from turnout.routing.v1 import routing_pb2
from turnout_features import RulePatterns
from turnout_features.model import Conversation, Speaker, Utterance

DIGEST = b"1" * 32
LASTS = 1.0
"""Seconds of a call."""


class Control:
    """A control plane that takes its time, and how many requests came in each call, and when."""

    alone = True
    metadata: tuple[tuple[str, str], ...] = ()

    def __init__(self) -> None:
        self.calls: list[tuple[float, int]] = []
        self.embedded: list[routing_pb2.Embedding] = []

    @property
    def channel(self) -> "Control":
        """Itself."""
        return self

    def unary_unary(self, method: str, **_: object) -> Callable[..., Coroutine[Any, Any, Message]]:
        """See grpc.aio.Channel."""
        assert method.endswith("DecideRoutes")
        return self._decide

    async def _decide(self, request: routing_pb2.DecideRoutesRequest, **_: object) -> Message:
        self.calls.append((round(asyncio.get_running_loop().time(), 6), len(request.requests)))
        await pause(LASTS)
        response = routing_pb2.DecideRoutesResponse()
        for each in request.requests:
            self.embedded.append(each.description.features.embedding)
            response.results.add().decision.decision.payload = each.description.request_digest
        return response


class Constant:
    """An encoder to which all texts are alike."""

    name = "constant"

    def __call__(self, _: str, /) -> bytes:
        return b"1"


def question(number: int) -> Question:
    told = Conversation(utterances=(Utterance(speaker=Speaker.USER, text="Why?"),))
    return Question(caller="a/b", request_digest=bytes([number]) * 32, told=told, pool="default")


def asked(at: Mapping[float, int]) -> tuple[Control, Sequence[Answered]]:
    """Ask so many questions at those times."""
    control = Control()

    async def main() -> Sequence[Answered]:
        decider = Decider(cast("Uplink", control))
        decider._rules._compiled[DIGEST] = RulePatterns.compiled(
            (), DIGEST
        )  # else a thread compiles them, which has no virtual time
        decider._rules._encoder = Constant()  # and loads the encoder
        tasks: list[asyncio.Task[Answered]] = []
        for moment, count in at.items():
            await pause(moment - asyncio.get_running_loop().time())
            tasks += [asyncio.create_task(decider(question(len(tasks) + each))) for each in range(count)]
        answers = await asyncio.gather(*tasks)
        await decider.close()
        return answers

    return control, run(main())


def test_a_text_is_told_by_its_embedding() -> None:
    control, _ = asked({0.0: 1})
    assert control.embedded == [routing_pb2.Embedding(encoder="constant", values=b"1")]


def test_those_that_wait_at_the_same_moment_share_a_call_and_each_has_its_own_answer() -> None:
    control, answers = asked({0.0: 5})
    assert control.calls == [(0.0, 5)]
    assert [answer.sealed.payload for answer in answers] == [bytes([number]) * 32 for number in range(5)]


def test_while_a_call_is_under_way_few_wait_a_moment_for_others() -> None:
    control, _ = asked({0.0: 1, 0.1: 1, 0.1 + PATIENCE / 2: 2})
    assert control.calls == [(0.0, 1), (round(0.1 + PATIENCE, 6), 3)]


def test_while_a_call_is_under_way_many_go_at_once() -> None:
    control, _ = asked({0.0: 1, 0.1: GATHERED})
    assert control.calls == [(0.0, 1), (0.1, GATHERED)]


def test_those_that_come_while_two_calls_are_under_way_go_together_when_the_first_is_over() -> None:
    control, _ = asked({0.0: 1, 0.1: GATHERED, 0.2: 3, 0.3: 20})
    assert control.calls == [(0.0, 1), (0.1, GATHERED), (LASTS, 23)]
