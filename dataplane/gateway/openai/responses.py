"""`POST /v1/responses`."""

from dataplane.chat.model import ChatResponse
from dataplane.gateway.model import Answering, Asked, Problem, Received, Refused
from dataplane.gateway.openai import errors, responses_answer, responses_request
from dataplane.gateway.openai.responses_stream import ResponseWriter


class Responses:
    """OpenAI's responses, without any state: every request brings its whole conversation; see ChatFace."""

    comments = True

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest."""
        return responses_request.read(received)

    def whole(self, answer: ChatResponse, answering: Answering) -> bytes:
        """A `response`."""
        return responses_answer.whole(answer, answering)

    def writer(self, answering: Answering) -> ResponseWriter:
        """A writer of the events of a response."""
        return ResponseWriter(answering)

    def refuse(self, problem: Problem) -> Refused:
        """An error as the SDK knows it."""
        return errors.refuse(problem)
