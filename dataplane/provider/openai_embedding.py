"""Embeddings as OpenAI has them, and servers that are compatible with it."""

import struct
from base64 import b64decode
from collections.abc import Mapping
from math import isfinite

from dataplane.chat.model import EmbedResponse
from dataplane.provider.conversation import model_name
from dataplane.provider.failure import Fault, malformed, not_sent
from dataplane.provider.model import EmbedCall
from dataplane.provider.openai_dialect import dialect
from dataplane.provider.openai_usage import usage_of
from dataplane.provider.shape import as_list, as_object, as_text

Vector = tuple[float, ...]


def render(call: EmbedCall) -> dict[str, object]:
    """The body of a call. Raises CallFailure `unsupported` for a server without embeddings."""
    how = dialect(call.deployment)
    if not how.embeddings:
        raise not_sent("texts", f"{call.deployment.provider} has no embeddings", fault=Fault.UNSUPPORTED)
    body: dict[str, object] = {"model": model_name(call.deployment), "input": list(call.request.texts)}
    if call.request.dimensions:
        body["dimensions"] = call.request.dimensions
    if how.packed_vectors:
        body["encoding_format"] = "base64"
    return body


def read_answer(body: object, texts: int) -> EmbedResponse:
    """A vector for each of so many `texts`, whether as numbers or packed. Raises CallFailure `malformed`."""
    answer = as_object(body)
    items = [as_object(item) for item in as_list(answer.get("data"))]
    vectors = {_place(item, number): vector_of(item.get("embedding")) for number, item in enumerate(items)}
    if sorted(vectors) != list(range(texts)):
        raise malformed(f"the answer has {len(items)} vectors, not one for each of {texts} texts")
    return EmbedResponse(
        vectors=tuple(vectors[number] for number in range(texts)),
        usage=usage_of(answer.get("usage")),
        provider_model=as_text(answer.get("model")),
    )


def vector_of(value: object) -> Vector:
    """Numbers, or 32-bit little-endian ones in base64. Raises CallFailure `malformed`."""
    try:
        vector = _unpacked(value) if isinstance(value, str) else tuple(map(_number, as_list(value)))
    except (ValueError, TypeError, struct.error):
        raise malformed("a vector of the answer is none of numbers") from None
    if not vector or not all(map(isfinite, vector)):
        raise malformed("a vector of the answer is empty or not finite")
    return vector


def _unpacked(text: str) -> Vector:
    data = b64decode(text, validate=True)
    return struct.unpack(f"<{len(data) // 4}f", data)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("no number")
    return float(value)


def _place(item: Mapping[str, object], number: int) -> int:
    given = item.get("index")
    return given if isinstance(given, int) and not isinstance(given, bool) else number
