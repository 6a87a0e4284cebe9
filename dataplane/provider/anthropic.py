"""The wire protocol of Anthropic's messages."""

from collections.abc import Mapping

from dataplane.chat.model import ChatResponse
from dataplane.provider import anthropic_answer, anthropic_request
from dataplane.provider.endpoint import below, has_version
from dataplane.provider.model import Call
from dataplane.snapshot.model import Deployment

API_VERSION = "2023-06-01"


class AnthropicAdapter:
    """`POST {base_url}/v1/messages`; a `base_url` that ends in the version already (`…/v1`) will do as well."""

    def url(self, deployment: Deployment, *, stream: bool) -> str:  # noqa: ARG002 - the body says whether to stream
        """The same address, streamed or not."""
        versioned = has_version(deployment.base_url, ("v1",))
        return below(deployment.base_url, "/messages" if versioned else "/v1/messages")

    def headers(self, credential: str) -> Mapping[str, str]:
        """The API's version, and the key."""
        version = {"anthropic-version": API_VERSION}
        return {**version, "x-api-key": credential} if credential else version

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:
        """The request."""
        return anthropic_request.render(call, stream=stream)

    def answer(self, call: Call, body: object) -> ChatResponse:
        """The message."""
        return anthropic_answer.read_answer(body, anthropic_request.answer_tool(call))

    def reader(self, call: Call) -> anthropic_answer.MessageReader:
        """A reader of message events."""
        return anthropic_answer.MessageReader(anthropic_request.answer_tool(call))
