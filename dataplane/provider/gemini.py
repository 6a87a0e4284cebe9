"""The wire protocol of Gemini's generateContent."""

from collections.abc import Mapping
from urllib.parse import quote

from dataplane.chat.model import ChatResponse, EmbedResponse
from dataplane.provider import gemini_answer, gemini_embedding, gemini_request
from dataplane.provider.adapter import Outgoing
from dataplane.provider.endpoint import below, has_version
from dataplane.provider.model import Call, EmbedCall, Endpoint
from dataplane.provider.sse import EVENT_STREAM, SseDecoder
from dataplane.snapshot.model import Deployment

VERSIONS = ("v1", "v1beta", "v1alpha", "v1beta1")


class GeminiAdapter:
    """`POST {base_url}/v1beta/models/{model}:generateContent`, or `:streamGenerateContent?alt=sse`.

    A `base_url` that names a version already keeps it.
    """

    stream_type = EVENT_STREAM

    def takes(self, endpoint: Endpoint, deployment: Deployment) -> bool:  # noqa: ARG002 - all deployments have the same
        """Generated content. Its embeddings are no endpoint that others have too."""
        return endpoint is Endpoint.GENERATE_CONTENT

    def url(self, deployment: Deployment, *, stream: bool, endpoint: Endpoint | None = None) -> str:
        """The model is part of the path here."""
        model = gemini_embedding.resource(deployment)
        version = "" if has_version(deployment.base_url, VERSIONS) else "/v1beta"
        verb = "batchEmbedContents" if endpoint is Endpoint.EMBEDDINGS else "generateContent"
        path = f"{version}/{quote(model)}:{'streamGenerateContent' if stream else verb}"
        return below(deployment.base_url, path, query="alt=sse" if stream else "")

    def headers(self, deployment: Deployment, credential: str, outgoing: Outgoing) -> Mapping[str, str]:  # noqa: ARG002 - nothing is signed
        """The key: in a header, because addresses end up in logs."""
        return {"x-goog-api-key": credential} if credential else {}

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:  # noqa: ARG002 - the address says whether to stream
        """The request."""
        return gemini_request.render(call)

    def answer(self, call: Call, body: object, *, endpoint: Endpoint | None = None) -> ChatResponse:  # noqa: ARG002 - there is one
        """The first candidate."""
        return gemini_answer.read_answer(body, len(call.request.messages))

    def reader(self, call: Call, *, endpoint: Endpoint | None = None) -> gemini_answer.ContentReader:  # noqa: ARG002 - there is one
        """A reader of partial answers."""
        return gemini_answer.ContentReader(len(call.request.messages))

    def decoder(self) -> SseDecoder:
        """Server-sent events."""
        return SseDecoder()

    def embed_body(self, call: EmbedCall) -> Mapping[str, object]:
        """The texts."""
        return gemini_embedding.render(call)

    def embed_answer(self, call: EmbedCall, body: object) -> EmbedResponse:
        """The vectors."""
        return gemini_embedding.read_answer(body, len(call.request.texts))
