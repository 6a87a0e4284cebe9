"""Embeddings as Gemini's batchEmbedContents has them."""

from dataplane.chat.model import EmbedResponse
from dataplane.provider.conversation import model_name
from dataplane.provider.failure import malformed
from dataplane.provider.gemini_usage import usage_of
from dataplane.provider.model import EmbedCall
from dataplane.provider.openai_embedding import vector_of
from dataplane.provider.shape import as_list, as_object
from dataplane.snapshot.model import Deployment


def resource(deployment: Deployment) -> str:
    """The model's name as a resource, `models/…`."""
    name = model_name(deployment)
    return name if name.startswith(("models/", "tunedModels/")) else f"models/{name}"


def render(call: EmbedCall) -> dict[str, object]:
    """The body of a call: a request for each text (ai.google.dev/api/embeddings)."""
    shared: dict[str, object] = {"model": resource(call.deployment)}
    if call.request.dimensions:
        shared["outputDimensionality"] = call.request.dimensions
    return {"requests": [{**shared, "content": {"parts": [{"text": text}]}} for text in call.request.texts]}


def read_answer(body: object, texts: int) -> EmbedResponse:
    """A vector for each of so many `texts`; older models tell no usage. Raises CallFailure `malformed`."""
    answer = as_object(body)
    vectors = tuple(vector_of(as_object(item).get("values")) for item in as_list(answer.get("embeddings")))
    if len(vectors) != texts:
        raise malformed(f"the answer has {len(vectors)} vectors, not one for each of {texts} texts")
    return EmbedResponse(vectors=vectors, usage=usage_of(answer.get("usageMetadata")))
