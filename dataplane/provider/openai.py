"""The wire protocol of OpenAI's chat completions, and of everything that is compatible with it."""

from collections.abc import Mapping

from dataplane.chat.model import ChatResponse
from dataplane.provider import openai_answer, openai_request
from dataplane.provider.endpoint import below
from dataplane.provider.model import Call
from dataplane.snapshot.model import Deployment


class OpenAIAdapter:
    """`POST {base_url}/chat/completions`; `base_url` includes the version, as the SDKs have it (`https://api.openai.com/v1`)."""

    def url(self, deployment: Deployment, *, stream: bool) -> str:  # noqa: ARG002 - the body says whether to stream
        """The same address, streamed or not."""
        return below(deployment.base_url, "/chat/completions")

    def headers(self, credential: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {credential}"} if credential else {}

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:
        """The request."""
        return openai_request.render(call, stream=stream)

    def answer(self, call: Call, body: object) -> ChatResponse:  # noqa: ARG002 - says all that is needed itself
        """The first choice."""
        return openai_answer.read_answer(body)

    def reader(self, call: Call) -> openai_answer.CompletionReader:  # noqa: ARG002 - says all that is needed itself
        """A reader of chunks."""
        return openai_answer.CompletionReader()
