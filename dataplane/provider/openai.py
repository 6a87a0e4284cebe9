"""The wire protocol of OpenAI's chat completions, and of everything that is compatible with it."""

from collections.abc import Mapping

from dataplane.chat.model import ChatResponse, EmbedResponse
from dataplane.provider import azure, openai_answer, openai_embedding, openai_request, openai_responses
from dataplane.provider.adapter import Outgoing, StreamReader
from dataplane.provider.endpoint import below
from dataplane.provider.model import Call, EmbedCall, Endpoint
from dataplane.provider.openai_dialect import dialect
from dataplane.provider.sse import EVENT_STREAM, SseDecoder
from dataplane.snapshot.model import Deployment

PATHS: Mapping[Endpoint, str] = {
    Endpoint.CHAT_COMPLETIONS: "/chat/completions",
    Endpoint.RESPONSES: "/responses",
    Endpoint.EMBEDDINGS: "/embeddings",
}


class OpenAIAdapter:
    """`POST {base_url}/chat/completions`; `base_url` includes the version, as the SDKs have it (`https://api.openai.com/v1`).

    Azure OpenAI has addresses and a header of its own, see `dataplane.provider.azure`.
    """

    stream_type = EVENT_STREAM

    def takes(self, endpoint: Endpoint, deployment: Deployment) -> bool:
        """Chat everywhere; responses and embeddings where the server has them."""
        how = dialect(deployment)
        match endpoint:
            case Endpoint.CHAT_COMPLETIONS:
                return True
            case Endpoint.RESPONSES:
                return how.responses and not azure.is_versioned(deployment)
            case Endpoint.EMBEDDINGS:
                return how.embeddings
            case _:
                return False

    def url(
        self,
        deployment: Deployment,
        *,
        stream: bool,  # noqa: ARG002 - the body says whether to stream
        endpoint: Endpoint | None = None,
    ) -> str:
        """The same address, streamed or not."""
        path = PATHS[endpoint or Endpoint.CHAT_COMPLETIONS]
        return azure.url(deployment, path) if dialect(deployment).azure else below(deployment.base_url, path)

    def headers(self, deployment: Deployment, credential: str, outgoing: Outgoing) -> Mapping[str, str]:  # noqa: ARG002 - nothing is signed
        """A bearer token, or Azure's key."""
        if not credential:
            return {}
        return {"api-key": credential} if dialect(deployment).azure else {"Authorization": f"Bearer {credential}"}

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:
        """The request."""
        return openai_request.render(call, stream=stream)

    def answer(self, call: Call, body: object, *, endpoint: Endpoint | None = None) -> ChatResponse:  # noqa: ARG002 - says all that is needed itself
        """The first choice, or the response."""
        if endpoint is Endpoint.RESPONSES:
            return openai_responses.read_answer(body)
        return openai_answer.read_answer(body)

    def reader(self, call: Call, *, endpoint: Endpoint | None = None) -> StreamReader:  # noqa: ARG002 - says all that is needed itself
        """A reader of chunks, or of response events."""
        if endpoint is Endpoint.RESPONSES:
            return openai_responses.ResponseReader()
        return openai_answer.CompletionReader()

    def decoder(self) -> SseDecoder:
        """Server-sent events."""
        return SseDecoder()

    def embed_body(self, call: EmbedCall) -> Mapping[str, object]:
        """The texts."""
        return openai_embedding.render(call)

    def embed_answer(self, call: EmbedCall, body: object) -> EmbedResponse:
        """The vectors."""
        return openai_embedding.read_answer(body, len(call.request.texts))
