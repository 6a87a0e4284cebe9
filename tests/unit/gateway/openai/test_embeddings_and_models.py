"""Embeddings and the list of models."""

import json
import struct
from base64 import b64decode
from typing import Any

import openai
import pytest

from dataplane.chat.model import EmbedRequest, EmbedResponse
from dataplane.gateway.model import Asked, BadRequest
from dataplane.gateway.openai.embeddings import Embeddings
from dataplane.provider.model import Endpoint
from tests.support.faces import received
from tests.support.openai_gateway import USAGE, Gateway, answering

VECTORS = ((0.5, -1.25, 3.0), (1.0, 0.0, 0.125))


def gateway() -> Gateway:
    return Gateway(answer=EmbedResponse(vectors=VECTORS, usage=USAGE))


def read(**more: Any) -> Asked:
    return Embeddings().read(received({"model": "m", **more}))


def test_the_sdk_gets_its_vectors_in_base64_unasked() -> None:
    asking = gateway()
    made = asking.client.embeddings.create(model="auto", input=["a", "b"], dimensions=3, user="u")
    assert tuple(tuple(each.embedding) for each in made.data) == VECTORS
    assert made.usage.prompt_tokens == 11
    assert b'"base64"' in asking.asked[0].original.text.encode()
    assert asking.asked[0].request == EmbedRequest(texts=("a", "b"), dimensions=3)
    assert asking.asked[0].original.endpoint is Endpoint.EMBEDDINGS
    assert asking.asked[0].user == "u"


def test_base64_is_of_little_endian_floats() -> None:
    asked = read(input="a", encoding_format="base64")
    told = json.loads(Embeddings().vectors(EmbedResponse(vectors=VECTORS[:1], usage=None), answering(asked)))
    assert struct.unpack("<3f", b64decode(told["data"][0]["embedding"])) == VECTORS[0]


async def test_vectors_come_as_numbers_if_so_asked() -> None:
    made = await gateway().async_client.embeddings.create(model="auto", input="a", encoding_format="float")
    assert tuple(made.data[1].embedding) == VECTORS[1]


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]]])
def test_tokens_go_only_where_the_request_itself_goes(tokens: Any) -> None:
    asked = read(input=tokens)
    assert asked.only == ("input[type=tokens]",)
    assert asked.request == EmbedRequest(texts=())


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input[0]"),
        ({"input": [[1], []]}, "input[1]"),
        ({"input": {"a": 1}}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "model": 3}, "model"),
    ],
)
def test_what_is_wrong_is_named(more: Any, field: str) -> None:
    with pytest.raises(BadRequest) as raised:
        read(**more)
    assert raised.value.field == field


def test_models_are_listed_with_whatever_else_may_be_asked_for() -> None:
    listed = list(Gateway().client.models.list())
    assert [(model.id, model.owned_by) for model in listed] == [
        ("auto", "turnout"),
        ("auto:support", "turnout"),
        ("best", "turnout"),
        ("gpt-x", "openai"),
    ]
    assert {model.object for model in listed} == {"model"}


def test_one_model_is_told_and_an_unknown_one_is_not_found() -> None:
    client = Gateway().client
    assert client.models.retrieve("gpt-x").created == 1767312000
    assert client.models.retrieve("auto:support").id == "auto:support"
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-y")
    assert raised.value.code == "model_not_found"
