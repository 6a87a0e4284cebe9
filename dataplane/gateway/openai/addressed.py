"""What of a request is meant for the router, and the request without it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dataplane.gateway.fields import Fields, kind
from dataplane.gateway.model import BadRequest, Received
from dataplane.provider import json_text
from dataplane.provider.model import Endpoint, Original

PREFIX = "turnout_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """`hints` are the router's members of the metadata, without their prefix; `metadata` are all others."""

    hints: Mapping[str, str]
    metadata: Mapping[str, str]
    user: str
    session: str


def addressed(body: Fields) -> Addressed:
    """Whom a request comes from and what it tells the router. Raises BadRequest."""
    hints: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in (body.json_or_none("metadata") or {}).items():
        if not isinstance(value, str):
            raise BadRequest(f"metadata.{name[:64]}", f"must be a string, not {kind(value)}")
        if name.startswith(PREFIX):
            hints[name.removeprefix(PREFIX)] = value
        else:
            metadata[name] = value
    return Addressed(
        hints=MappingProxyType(hints),
        metadata=MappingProxyType(metadata),
        user=body.text_or_empty("user") or body.text_or_empty("safety_identifier"),
        session=body.text_or_empty("prompt_cache_key"),
    )


def original(
    received: Received, endpoint: Endpoint, told: Addressed, *, wants_usage: bool = True, without: tuple[str, ...] = ()
) -> Original:
    """The request as its caller wrote it, but for what only the router understands and for the members `without`."""
    whole = Original(endpoint=endpoint, text=received.text, spans=received.spans, wants_usage=wants_usage)
    if told.hints:
        whole = replaced(whole, "metadata", told.metadata) if told.metadata else removed(whole, "metadata")
    for name in without:
        whole = removed(whole, name)
    return whole


def replaced(whole: Original, name: str, value: object) -> Original:
    """`whole` with another value for one of its top-level members; as it is if it has none of that name."""
    if name not in whole.spans:
        return whole
    start, end = whole.spans[name]
    text = json_text.write(value)
    return _spliced(whole, start, end, text, {**whole.spans, name: (start, start + len(text))})


def removed(whole: Original, name: str) -> Original:
    """`whole` without one of its top-level members."""
    if name not in whole.spans:
        return whole
    text = whole.text
    value_at, end = whole.spans[name]
    key_ends = text.rindex('"', 0, text.rindex(":", 0, value_at))
    start = text.rindex('"', 0, key_ends)
    behind = end + len(text[end:]) - len(text[end:].lstrip())
    if text[behind] == ",":
        end = behind + 1
    else:
        before = text[:start].rstrip()
        start = len(before) - 1 if before.endswith(",") else start
    return _spliced(whole, start, end, "", {each: span for each, span in whole.spans.items() if each != name})


def _spliced(whole: Original, start: int, end: int, text: str, spans: Mapping[str, tuple[int, int]]) -> Original:
    grown = len(text) - (end - start)
    moved = {
        name: (begins + grown, ends + grown) if begins >= end else (begins, ends)
        for name, (begins, ends) in spans.items()
    }
    return replace(whole, text=whole.text[:start] + text + whole.text[end:], spans=MappingProxyType(moved))
