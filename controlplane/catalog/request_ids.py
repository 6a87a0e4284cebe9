"""Remembers what was answered under a request id, so that a repeated request is answered and not done again."""

from collections import OrderedDict
from typing import Generic, TypeVar

from turnout_wire.failure import Failure

T = TypeVar("T")


class RequestIds(Generic[T]):
    """The last `capacity` requests; an older one that is repeated counts as new. Forgotten when the process ends."""

    def __init__(self, capacity: int = 1_024) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[str, tuple[bytes, T]] = OrderedDict()

    def answered(self, request_id: str, content: bytes) -> T | None:
        """The answer to the same request under the same id; None if there was none.

        Raises Failure REQUEST_ID_REUSED if it was another request.
        """
        if not request_id or request_id not in self._answers:
            return None
        before, answer = self._answers[request_id]
        if before != content:
            message = f"request id {request_id!r} was used for another request: choose a new one"
            raise Failure("REQUEST_ID_REUSED", message, field="request_id")
        return answer

    def remember(self, request_id: str, content: bytes, answer: T) -> None:
        """Keep `answer`; an empty id is not kept."""
        if not request_id:
            return
        self._answers[request_id] = (content, answer)
        while len(self._answers) > self._capacity:
            self._answers.popitem(last=False)
