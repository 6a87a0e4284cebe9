"""The wire protocol of Anthropic's messages."""

from collections.abc import Mapping

from dataplane.chat.model import ChatResponse, EmbedResponse
from dataplane.provider import anthropic_answer, anthropic_request, conversation
from dataplane.provider.adapter import Outgoing
from dataplane.provider.endpoint import below, has_version
from dataplane.provider.model import Call, EmbedCall, Endpoint
from dataplane.provider.sse import EVENT_STREAM, SseDecoder
from dataplane.snapshot.model import Deployment

API_VERSION = "2023-06-01"


class AnthropicAdapter:
    """`POST {base_url}/v1/messages`; a `base_url` that ends in the version already (`…/v1`) will do as well."""

    stream_type = EVENT_STREAM

    def takes(self, endpoint: Endpoint, deployment: Deployment) -> bool:  # noqa: ARG002 - all deployments have the same
        """Messages."""
        return endpoint is Endpoint.MESSAGES

    def url(
        self,
        deployment: Deployment,
        *,
        stream: bool,  # noqa: ARG002 - the body says whether to stream
        endpoint: Endpoint | None = None,  # noqa: ARG002 - there is one
    ) -> str:
        """The same address, streamed or not."""
        versioned = has_version(deployment.base_url, ("v1",))
        return below(deployment.base_url, "/messages" if versioned else "/v1/messages")

    def headers(self, deployment: Deployment, credential: str, outgoing: Outgoing) -> Mapping[str, str]:  # noqa: ARG002 - nothing is signed
        """The API's version, and the key."""
        version = {"anthropic-version": API_VERSION}
        return {**version, "x-api-key": credential} if credential else version

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:
        """The request."""
        return anthropic_request.render(call, stream=stream)

    def answer(self, call: Call, body: object, *, endpoint: Endpoint | None = None) -> ChatResponse:  # noqa: ARG002 - there is one
        """The message."""
        return anthropic_answer.read_answer(body, anthropic_request.answer_tool(call))

    def reader(self, call: Call, *, endpoint: Endpoint | None = None) -> anthropic_answer.MessageReader:  # noqa: ARG002 - there is one
        """A reader of message events."""
        return anthropic_answer.MessageReader(anthropic_request.answer_tool(call))

    def decoder(self) -> SseDecoder:
        """Server-sent events."""
        return SseDecoder()

    def embed_body(self, call: EmbedCall) -> Mapping[str, object]:
        """Nothing: the API has no embeddings."""
        raise conversation.no_embeddings(call)

    def embed_answer(self, call: EmbedCall, body: object) -> EmbedResponse:  # noqa: ARG002 - there is none
        """Nothing: the API has no embeddings."""
        raise conversation.no_embeddings(call)
