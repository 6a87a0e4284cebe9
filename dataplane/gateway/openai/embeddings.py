"""`POST /v1/embeddings`."""

import base64
import struct

from dataplane.chat.model import EmbedRequest, EmbedResponse, Usage
from dataplane.gateway.event_text import json_bytes
from dataplane.gateway.fields import Fields, Notes, kind
from dataplane.gateway.model import Answering, Asked, BadRequest, Problem, Received, Refused
from dataplane.gateway.openai import errors
from dataplane.gateway.openai.addressed import addressed, original
from dataplane.gateway.openai.usage import of_embedding
from dataplane.provider.model import Endpoint
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

ENCODINGS = ("float", "base64")
_KNOWN = frozenset({"model", "input", "dimensions", "encoding_format", "metadata"})


class Embeddings:
    """OpenAI's embeddings; see EmbedFace."""

    def read(self, received: Received) -> Asked:
        """What is asked. Raises BadRequest.

        Tokens instead of texts go only where the request itself goes: nobody else has their vocabulary.
        """
        body, notes = Fields(received.value), Notes()
        told = addressed(body)
        _encoding(body)
        request = EmbedRequest(texts=_texts(body, notes), dimensions=body.whole("dimensions", least=1) or 0)
        body.lose_others(_KNOWN, notes)
        return Asked(
            model=body.word("model"),
            protocol=WireProtocol.OPENAI,
            request=request,
            original=original(received, Endpoint.EMBEDDINGS, told),
            only=notes.kept,
            loses=notes.lost,
            session=told.session,
            user=told.user,
            hints=told.hints,
        )

    def vectors(self, answer: EmbedResponse, answering: Answering) -> bytes:
        """The vectors: as base64 of little-endian 32-bit floats if so asked, as the SDK does by itself."""
        packed = _wants_base64(answering.asked)
        data: list[Json] = [
            {"object": "embedding", "index": number, "embedding": _base64(vector) if packed else list(vector)}
            for number, vector in enumerate(answer.vectors)
        ]
        usage = of_embedding(answer.usage or Usage())
        return json_bytes({"object": "list", "data": data, "model": answering.model, "usage": usage})

    def refuse(self, problem: Problem) -> Refused:
        """An error as the SDK knows it."""
        return errors.refuse(problem)


def _encoding(body: Fields) -> str:
    encoding = body.text_or_empty("encoding_format") or "float"
    if encoding not in ENCODINGS:
        raise BadRequest("encoding_format", f"must be {' or '.join(ENCODINGS)}")
    return encoding


def _texts(body: Fields, notes: Notes) -> tuple[str, ...]:
    """The texts; none where tokens are given."""
    value = body.get("input")
    if isinstance(value, str):
        return (_filled(value, "input"),)
    if not isinstance(value, list):
        found = "is missing: send" if value is None else f"is {kind(value)}, but must be"
        raise BadRequest("input", f"{found} a string or an array of strings")
    if not value:
        raise BadRequest("input", "must have at least one text")
    if all(isinstance(item, str) for item in value):
        return tuple(_filled(item, f"input[{number}]") for number, item in enumerate(value))
    _check_tokens(value)
    notes.only("input[type=tokens]")
    return ()


def _filled(text: str, path: str) -> str:
    if not text:
        raise BadRequest(path, "must not be empty")
    return text


def _check_tokens(value: list[object]) -> None:
    """One array of tokens, or several. Raises BadRequest."""
    flat = all(_is_token(item) for item in value)
    for number, item in enumerate(value if not flat else ()):
        if not isinstance(item, list) or not item or not all(_is_token(token) for token in item):
            raise BadRequest(
                f"input[{number}]", "must be of one kind with the others: all strings, or arrays of tokens"
            )


def _is_token(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wants_base64(asked: Asked) -> bool:
    span = asked.original.spans.get("encoding_format")
    return span is not None and asked.original.text[slice(*span)].strip('"') == "base64"


def _base64(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
