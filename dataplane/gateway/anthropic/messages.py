"""`POST /v1/messages`."""

from dataplane.chat.model import ChatResponse
from dataplane.gateway.anthropic import answer as answers
from dataplane.gateway.anthropic import errors, request
from dataplane.gateway.anthropic.stream import MessageWriter
from dataplane.gateway.model import Answering, Asked, Problem, Received, Refused


class Messages:
    """Anthropic's messages.

    Betas come by header, not in the body: whoever passes a request on as it is hands on `anthropic-beta` and
    `anthropic-version` with it. What a beta adds to the body is read as what only this protocol has.
    """

    comments = True

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest, with paths such as `messages.2.content.0.type`."""
        return request.read(received)

    def whole(self, answer: ChatResponse, answering: Answering) -> bytes:
        """A message."""
        return answers.whole(answer, answering)

    def writer(self, answering: Answering) -> MessageWriter:
        """What writes message events."""
        return MessageWriter(answering)

    def refuse(self, problem: Problem) -> Refused:
        """An error."""
        return errors.refuse(problem)
