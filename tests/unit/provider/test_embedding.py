"""Embeddings, where a protocol has them."""

import base64
import struct
from datetime import timedelta
from typing import Any

import pytest

from dataplane.chat.model import EmbedRequest, Usage
from dataplane.provider.http_provider import ADAPTERS
from dataplane.provider.model import CallFailure, EmbedCall, Endpoint
from dataplane.snapshot.model import WireProtocol
from tests.support.calls import call_of

OPENAI, GEMINI = WireProtocol.OPENAI, WireProtocol.GEMINI


def embed_call(protocol: WireProtocol, *texts: str, dimensions: int = 0, **deployment: Any) -> EmbedCall:
    return EmbedCall(
        deployment=call_of(protocol, **deployment).deployment,
        request=EmbedRequest(texts=texts, dimensions=dimensions),
        credential="secret",
        total=timedelta(seconds=60),
    )


def test_openai_is_asked_for_packed_vectors_and_others_for_plain_ones() -> None:
    body = ADAPTERS[OPENAI].embed_body(embed_call(OPENAI, "a", "b", dimensions=4, model="text-embedding-3-small"))
    assert body == {
        "model": "text-embedding-3-small",
        "input": ["a", "b"],
        "dimensions": 4,
        "encoding_format": "base64",
    }
    plain = ADAPTERS[OPENAI].embed_body(embed_call(OPENAI, "a", base_url="http://h/v1", provider="x", model="e"))
    assert plain == {"model": "e", "input": ["a"]}


def test_vectors_are_read_in_the_order_of_the_texts_packed_or_not() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()
    answer = {
        "model": "m",
        "data": [{"index": 1, "embedding": packed}, {"index": 0, "embedding": [1, 2.5]}],
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    }
    read = ADAPTERS[OPENAI].embed_answer(embed_call(OPENAI, "a", "b"), answer)
    assert read.vectors == ((1.0, 2.5), (0.5, -1.0))
    assert read.usage == Usage(input_tokens=3)
    assert read.provider_model == "m"


def test_gemini_is_asked_for_all_texts_at_once() -> None:
    call = embed_call(GEMINI, "a", "b", dimensions=8, model="gemini-embedding-001")
    url = ADAPTERS[GEMINI].url(call.deployment, stream=False, endpoint=Endpoint.EMBEDDINGS)
    assert url.endswith("/v1beta/models/gemini-embedding-001:batchEmbedContents")
    first = {"model": "models/gemini-embedding-001", "outputDimensionality": 8, "content": {"parts": [{"text": "a"}]}}
    body = ADAPTERS[GEMINI].embed_body(call)
    assert body == {"requests": [first, {**first, "content": {"parts": [{"text": "b"}]}}]}
    read = ADAPTERS[GEMINI].embed_answer(call, {"embeddings": [{"values": [1.0]}, {"values": [2]}]})
    assert read.vectors == ((1.0,), (2.0,))
    assert read.usage is None


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"data": []},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": ["x"]}]},
        {"data": [{"embedding": [True]}]},
        {"data": [{"embedding": "???"}]},
        {"data": [{"embedding": "AAAA"}]},
        {"data": [{"index": 1, "embedding": [1.0]}]},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0]}]},
    ],
)
def test_anything_but_a_vector_for_each_text_is_malformed(answer: Any) -> None:
    with pytest.raises(CallFailure) as caught:
        ADAPTERS[OPENAI].embed_answer(embed_call(OPENAI, "a"), answer)
    assert caught.value.error == "malformed"


@pytest.mark.parametrize(
    ("protocol", "deployment"),
    [
        (WireProtocol.ANTHROPIC, {}),
        (WireProtocol.BEDROCK, {}),
        (OPENAI, {"provider": "groq", "base_url": "http://h/v1"}),
        (OPENAI, {"provider": "deepseek", "base_url": "http://h/v1"}),
    ],
)
def test_where_nothing_is_embedded_it_is_said_so(protocol: WireProtocol, deployment: dict[str, Any]) -> None:
    call = embed_call(protocol, "a", **deployment)
    assert not ADAPTERS[protocol].takes(Endpoint.EMBEDDINGS, call.deployment)
    with pytest.raises(CallFailure) as caught:
        ADAPTERS[protocol].embed_body(call)
    assert (caught.value.error, caught.value.unsent) == ("unsupported", True)
