"""The rung that asks a language model: by a decision of its own, run by a worker like any other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.json_format import ParseDict

from controlplane.catalog.model import Complexity, TaskType
from controlplane.classification.llm import INSTRUCTIONS, answer_from, quoted, schema
from controlplane.classification.model import Classification, Silence
from controlplane.decision.model import Origin
from controlplane.policy.model import FurtherClassifier
from controlplane.routing.further import Away, Question
from controlplane.routing.jobs import POOL, JobBoard
from controlplane.routing.model import Ask, Given, Known, Shown
from turnout.inference.v1 import chat_pb2, payload_pb2
from turnout_wire.chat_payload import CHAT_REQUEST
from turnout_wire.conversation import conversation
from turnout_wire.digest import request_digest
from turnout_wire.failure import Failure
from turnout_wire.internal import PRESENTER, TENANT

ANSWER_TOKENS = 200
"""Tokens that an answer may have; it needs about forty."""

LIMIT = timedelta(seconds=2)

_NO_TEXT = Silence("it looks at the text, which did not come with the request")

Decide = Callable[[Ask], Awaitable[Given]]
"""Gives decisions by the quick classifiers alone, so that classifying a request never asks for classifying another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmRung:
    """Asks under the workload that a policy names. See FurtherRung."""

    entry: FurtherClassifier
    decide: Decide
    board: JobBoard
    sure: float = 0.0
    """Whatever it answers stands: nobody is more thorough."""
    limit: timedelta | None = LIMIT

    async def __call__(self, question: Question, _earlier: Classification, /) -> object:
        """See FurtherRung. Raises Away if no worker takes it, or no decision is given, as when the budget is spent."""
        if question.text is None:
            return _NO_TEXT
        self.board.check()
        payload = payload_of(question.text())
        try:
            given = await self.decide(self._ask(payload))
        except Failure as failure:
            raise Away(f"no decision for its own request: {failure.reason}") from failure
        limit = self.entry.timeout or LIMIT
        return answer_from(await self.board.do(given.signed, payload.content_type, payload.body, limit))

    def _ask(self, payload: payload_pb2.Payload) -> Ask:
        chat = chat_pb2.ChatRequest.FromString(payload.body)
        digest = request_digest(payload.content_type, payload.body)
        return Ask(
            content=Shown(request_digest=digest, read=lambda: conversation(chat)),
            tenant=TENANT,
            presenter=PRESENTER,
            origin=Origin(workload=self.entry.workload),
            hint=Known(task_type=TaskType.EXTRACTION, complexity=Complexity.SIMPLE),
            pool=POOL,
        )


def payload_of(text: str) -> payload_pb2.Payload:
    """The request that has `text` classified."""
    chat = chat_pb2.ChatRequest(
        messages=[
            chat_pb2.Message(role=chat_pb2.ROLE_SYSTEM, parts=[chat_pb2.Part(text=INSTRUCTIONS)]),
            chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text=quoted(text))]),
        ],
        max_output_tokens=ANSWER_TOKENS,
    )
    form = chat.response_format.json_schema
    form.name, form.strict = "classification", True
    ParseDict(schema(), form.schema)
    return payload_pb2.Payload(content_type=CHAT_REQUEST, body=chat.SerializeToString(deterministic=True))
