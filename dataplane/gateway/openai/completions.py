"""`POST /v1/chat/completions`."""

from dataplane.chat.model import ChatResponse
from dataplane.gateway.model import Answering, Asked, Problem, Received, Refused
from dataplane.gateway.openai import completions_answer, completions_request, errors
from dataplane.gateway.openai.completions_stream import CompletionWriter


class ChatCompletions:
    """OpenAI's chat completions, as its SDK and all that is compatible with it speak it; see ChatFace."""

    comments = True

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest."""
        return completions_request.read(received)

    def whole(self, answer: ChatResponse, answering: Answering) -> bytes:
        """A `chat.completion`."""
        return completions_answer.whole(answer, answering)

    def writer(self, answering: Answering) -> CompletionWriter:
        """A writer of `chat.completion.chunk` events."""
        return CompletionWriter(answering)

    def refuse(self, problem: Problem) -> Refused:
        """An error as the SDK knows it."""
        return errors.refuse(problem)
