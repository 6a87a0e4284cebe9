"""`POST /v1beta/models/{model}:countTokens`."""

from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.gemini import errors, request
from dataplane.gateway.model import Asked, Problem, Received, Refused


class CountTokens:
    """Counts the tokens of a request that is not to be answered.

    The count is an estimate: by another tokenizer than the model's, which is not even chosen yet.
    """

    def read(self, received: Received) -> Asked:
        """A request as for an answer, or its contents alone. Raises BadRequest."""
        return request.read(received)

    def counted(self, asked: Asked, tokens: int) -> bytes:  # noqa: ARG002 - the count is the same however it was asked for
        """The count as JSON."""
        return json_bytes({"totalTokens": tokens})

    def refuse(self, problem: Problem) -> Refused:
        """An error."""
        return errors.refuse(problem)
