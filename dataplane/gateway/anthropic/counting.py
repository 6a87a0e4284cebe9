"""`POST /v1/messages/count_tokens`."""

from dataplane.gateway.anthropic import errors, request
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.model import Asked, Problem, Received, Refused


class CountTokens:
    """Counts the tokens of a request that is not to be answered.

    The count is an estimate: by another tokenizer than the model's, which is not even chosen yet.
    """

    def read(self, received: Received) -> Asked:
        """A request as for a message, with or without `max_tokens`. Raises BadRequest."""
        return request.read(received, counts=True)

    def counted(self, asked: Asked, tokens: int) -> bytes:  # noqa: ARG002 - the count is the same however it was asked for
        """The count as JSON."""
        return json_bytes({"input_tokens": tokens})

    def refuse(self, problem: Problem) -> Refused:
        """An error."""
        return errors.refuse(problem)
