"""Embeddings of OpenAI and of Gemini: the same text has the same vector, and texts that share words have similar ones."""

import struct
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import shake_256
from math import sqrt

from dataplane.provider.sandbox.answer.completion import Completion
from dataplane.provider.sandbox.answer.tools import json_text
from dataplane.provider.sandbox.call import Call, Prompt
from dataplane.provider.sandbox.wire import gemini, openai, reading
from dataplane.provider.sandbox.wire.model import Identity, Target
from dataplane.provider.sandbox.wire.reading import BadRequest, Json, Path, Problem

_DIMENSIONS, _MOST_DIMENSIONS, _MOST_TEXTS = 256, 4096, 2048
_OPENAI_FIELDS = frozenset(("model", "input", "dimensions", "encoding_format", "user"))
_GEMINI_FIELDS = frozenset(("model", "content", "taskType", "title", "outputDimensionality"))


def vector(text: str, dimensions: int) -> tuple[float, ...]:
    """The sum of a vector for each word, of length 1."""
    sums = [0.0] * dimensions
    for word in text.lower().split() or [""]:
        for place, byte in enumerate(shake_256(word.encode("utf-8", "replace")).digest(dimensions)):
            sums[place] += byte - 127.5
    length = sqrt(sum(value * value for value in sums)) or 1.0
    return tuple(value / length for value in sums)


def _call(model: str, texts: tuple[str, ...], dimensions: int | None, *, packed: bool = False) -> Call:
    prompt = Prompt(parts=texts, question="", cacheable=0)
    return Call(model=model, prompt=prompt, dimensions=dimensions or _DIMENSIONS, packed=packed)


def _vectors(call: Call) -> list[tuple[float, ...]]:
    return [vector(text, call.dimensions or _DIMENSIONS) for text in call.prompt.parts]


# --- OpenAI ------------------------------------------------------------------------------------------------


def _parse_openai(data: Json, _target: Target, _headers: Mapping[str, str]) -> Call:
    reading.known(data, _OPENAI_FIELDS)
    given = reading.required(data, "input")
    listed = [given] if isinstance(given, str) else reading.as_array(given, ("input",), least=1, most=_MOST_TEXTS)
    texts = tuple(reading.as_text(text, ("input", at)) for at, text in enumerate(listed))
    packed = reading.choice(data, "encoding_format", ("float", "base64"), absent="float") == "base64"
    dimensions = reading.whole(data, "dimensions", low=1, high=_MOST_DIMENSIONS)
    return _call(reading.text(data, "model"), texts, dimensions, packed=packed)


def _answer_openai(call: Call, completion: Completion, identity: Identity) -> bytes:
    data = [
        {"object": "embedding", "index": at, "embedding": _packed(numbers) if call.packed else list(numbers)}
        for at, numbers in enumerate(_vectors(call))
    ]
    tokens = completion.prompt.tokens
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_text({"object": "list", "data": data, "model": identity.model, "usage": usage}).encode()


def _packed(numbers: tuple[float, ...]) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


OPENAI = replace(openai.WIRE, parse=_parse_openai, answer=_answer_openai)

# --- Gemini ------------------------------------------------------------------------------------------------


def _parse_gemini(data: Json, target: Target, _headers: Mapping[str, str]) -> Call:
    reading.known(data, ("requests",))
    asked = reading.items(data, "requests", least=1, most=_MOST_TEXTS)
    requests = [reading.as_object(item, ("requests", at)) for at, item in enumerate(asked)]
    texts = tuple(_text(request, ("requests", at)) for at, request in enumerate(requests))
    sizes = {
        reading.whole(request, "outputDimensionality", ("requests", at), low=1, high=_MOST_DIMENSIONS)
        for at, request in enumerate(requests)
    }
    if len(sizes) > 1:
        raise BadRequest(Problem.RULE, ("requests",), wanted="All requests of a batch must ask for the same size.")
    return _call(target.model, texts, sizes.pop())


def _text(request: Json, path: Path) -> str:
    reading.known(request, _GEMINI_FIELDS, path)
    content = reading.as_object(reading.required(request, "content", path), (*path, "content"))
    parts = reading.items(content, "parts", (*path, "content"), least=1)
    where = (*path, "content", "parts")
    return "".join(
        reading.text(reading.as_object(part, (*where, at)), "text", (*where, at)) for at, part in enumerate(parts)
    )


def _answer_gemini(call: Call, _completion: Completion, _identity: Identity) -> bytes:
    return json_text({"embeddings": [{"values": list(numbers)} for numbers in _vectors(call)]}).encode()


GEMINI = replace(gemini.WIRE, parse=_parse_gemini, answer=_answer_gemini)
