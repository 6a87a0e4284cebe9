"""`POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`."""

from dataplane.chat.model import ChatResponse
from dataplane.gateway.gemini import answer as answers
from dataplane.gateway.gemini import errors, request
from dataplane.gateway.gemini.stream import ResponseWriter
from dataplane.gateway.model import Answering, Asked, Problem, Received, Refused


class GenerateContent:
    """Gemini's content. The path's parameters are `model` and `action`, the query's `alt`."""

    comments = False

    def read(self, received: Received) -> Asked:
        """What is asked, in camel case or in snake case. Raises BadRequest."""
        return request.read(received)

    def whole(self, answer: ChatResponse, answering: Answering) -> bytes:
        """A response."""
        return answers.whole(answer, answering)

    def writer(self, answering: Answering) -> ResponseWriter:
        """What writes partial responses."""
        return ResponseWriter(answering)

    def refuse(self, problem: Problem) -> Refused:
        """An error."""
        return errors.refuse(problem)
