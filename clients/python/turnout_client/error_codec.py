"""The exception for a failure, with what its details tell."""

from collections.abc import Iterator
from typing import TypeVar

from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message

from turnout.outcome.v1 import receipt_pb2
from turnout.routing.v1 import routing_pb2
from turnout_client.answer import Receipt
from turnout_client.answer_codec import receipt as receipt_from
from turnout_client.errors import CLASSES, NoEligibleTarget, TurnoutError
from turnout_client.explanation_codec import candidate
from turnout_wire.failure import Failure

Detail = TypeVar("Detail", bound=Message)


def error(failure: Failure, *, decision_id: str = "", receipt: Receipt | None = None) -> TurnoutError:
    """What to raise. A receipt among the details is taken if there is no other."""
    told = receipt or next(map(receipt_from, _unpacked(failure, receipt_pb2.Receipt)), None)
    raised = CLASSES[failure.reason](
        failure, decision_id=decision_id or failure.metadata.get("decision_id", ""), receipt=told
    )
    if isinstance(raised, NoEligibleTarget):
        for table in _unpacked(failure, routing_pb2.CandidateTable):
            raised.candidates = tuple(map(candidate, table.candidates))
    return raised


def _unpacked(failure: Failure, kind: type[Detail]) -> Iterator[Detail]:
    for packed in failure.details:
        message = kind()
        if isinstance(packed, Packed) and packed.Unpack(message):
            yield message
