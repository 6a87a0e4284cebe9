"""The wire protocol of Gemini's generateContent."""

from collections.abc import Mapping
from urllib.parse import quote

from dataplane.chat.model import ChatResponse
from dataplane.provider import conversation, gemini_answer, gemini_request
from dataplane.provider.endpoint import below, has_version
from dataplane.provider.model import Call
from dataplane.snapshot.model import Deployment

VERSIONS = ("v1", "v1beta", "v1alpha", "v1beta1")


class GeminiAdapter:
    """`POST {base_url}/v1beta/models/{model}:generateContent`, or `:streamGenerateContent?alt=sse`.

    A `base_url` that names a version already keeps it.
    """

    def url(self, deployment: Deployment, *, stream: bool) -> str:
        """The model is part of the path here."""
        name = conversation.model_name(deployment)
        model = name if name.startswith(("models/", "tunedModels/")) else f"models/{name}"
        version = "" if has_version(deployment.base_url, VERSIONS) else "/v1beta"
        path = f"{version}/{quote(model)}:{'streamGenerateContent' if stream else 'generateContent'}"
        return below(deployment.base_url, path, query="alt=sse" if stream else "")

    def headers(self, credential: str) -> Mapping[str, str]:
        """The key: in a header, because addresses end up in logs."""
        return {"x-goog-api-key": credential} if credential else {}

    def body(self, call: Call, *, stream: bool) -> Mapping[str, object]:  # noqa: ARG002 - the address says whether to stream
        """The request."""
        return gemini_request.render(call)

    def answer(self, call: Call, body: object) -> ChatResponse:
        """The first candidate."""
        return gemini_answer.read_answer(body, len(call.request.messages))

    def reader(self, call: Call) -> gemini_answer.ContentReader:
        """A reader of partial answers."""
        return gemini_answer.ContentReader(len(call.request.messages))
