"""Requests that go through as their callers wrote them, and answers that come back so."""

from collections.abc import Iterator, Mapping, Sequence

from dataplane.chat.model import ChatRequest, Finished, StreamEvent, Thinking, Told, UsageReport, Verbatim
from dataplane.provider import conversation
from dataplane.provider.adapter import Adapter, EventDecoder, StreamReader
from dataplane.provider.fit import losses
from dataplane.provider.model import Call, EmbedCall, Endpoint, Original
from dataplane.provider.openai_dialect import dialect
from dataplane.provider.original import member, name_span, written
from dataplane.provider.sse import ServerEvent
from dataplane.snapshot.model import Deployment, WireProtocol

_CLOSING = frozenset({UsageReport, Finished})
_LIMITS = ("max_tokens", "max_completion_tokens")


def passes(adapter: Adapter, original: Original | None, request: ChatRequest, deployment: Deployment) -> bool:
    """Whether the request goes through to `deployment` as it is.

    It must have the endpoint, and take all that the request says: callers who leave the choice of the model to the router cannot
    know what each of them refuses. What only its own protocol can say goes through in any case.
    """
    if original is None or not adapter.takes(original.endpoint, deployment):
        return False
    return original.sole or (_loses_nothing(original, request, deployment) and _names_fit(original, deployment))


def _loses_nothing(original: Original, request: ChatRequest, deployment: Deployment) -> bool:
    """Whether all that a request says arrives if it stays as it is.

    OpenAI takes metadata from those who say themselves what becomes of it, and its reasoning back in responses alone.
    """
    lost = losses(request, deployment)
    if not lost.dropped or lost.impossible:
        return not lost.impossible
    kept = set()
    if original.endpoint in (Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES) and dialect(deployment).metadata:
        kept.add("metadata")
    if original.endpoint is Endpoint.RESPONSES and _thoughts(request) == {WireProtocol.OPENAI}:
        kept.add("thinking")
    return kept.issuperset(lost.dropped)


def _thoughts(request: ChatRequest) -> set[str]:
    """The protocols whose models thought what is in it."""
    return {part.protocol for message in request.messages for part in message.parts if isinstance(part, Thinking)}


def _names_fit(original: Original, deployment: Deployment) -> bool:
    """Whether the limit of the answer has the name that the model takes, or can be given it."""
    if original.endpoint is not Endpoint.CHAT_COMPLETIONS:
        return True
    how = dialect(deployment)
    if "seed" in original.spans and how.seed != "seed":
        return False
    given = [name for name in _LIMITS if name in original.spans]
    return not given or given == [how.limit] or (len(given) == 1 and name_span(original, given[0]) is not None)


def _renamed(original: Original, deployment: Deployment) -> dict[str, str]:
    """The limit of the answer under the name that the model takes: SDKs and applications still say `max_tokens`."""
    if original.endpoint is not Endpoint.CHAT_COMPLETIONS:
        return {}
    limit = dialect(deployment).limit
    given = [name for name in _LIMITS if name in original.spans]
    return {given[0]: limit} if len(given) == 1 and given != [limit] and name_span(original, given[0]) else {}


def embedding(call: EmbedCall, original: Original) -> bytes:
    """A request for vectors with the model's name at the provider."""
    return written(original, {"model": conversation.model_name(call.deployment)})


def passed(call: Call, original: Original, *, stream: bool) -> bytes:
    """The request with the model's name at the provider, the decision's limit of the answer, and usage asked for in streams."""
    return written(original, dict(_members(call, original, stream=stream)), _renamed(original, call.deployment))


def _members(call: Call, original: Original, *, stream: bool) -> Iterator[tuple[str, object]]:
    if original.endpoint is Endpoint.GENERATE_CONTENT:
        yield from _gemini_limit(call, original)
        return
    yield "model", conversation.model_name(call.deployment)
    limit = conversation.output_limit(call)
    if original.endpoint is Endpoint.CHAT_COMPLETIONS:
        how = dialect(call.deployment)
        name = next((each for each in _LIMITS if each in original.spans), how.limit)
        yield from _limit(original, name, limit)
        if stream and how.usage_on_request:
            yield "stream_options", {**_object(member(original, "stream_options")), "include_usage": True}
    elif original.endpoint is Endpoint.RESPONSES:
        yield from _limit(original, "max_output_tokens", limit)
        yield "store", False  # nothing is kept anywhere that a later request could name
    elif original.endpoint is Endpoint.MESSAGES:
        yield from _limit(original, "max_tokens", limit)


def _limit(original: Original, name: str, limit: int) -> Iterator[tuple[str, object]]:
    """The limit, unless the caller's own is as low."""
    given = member(original, name)
    if limit and not (isinstance(given, int) and 0 < given <= limit):
        yield name, limit


def _gemini_limit(call: Call, original: Original) -> Iterator[tuple[str, object]]:
    limit = conversation.output_limit(call)
    name = "generation_config" if "generation_config" in original.spans else "generationConfig"
    config = _object(member(original, name))
    word = "max_output_tokens" if "max_output_tokens" in config else "maxOutputTokens"
    given = config.get(word)
    if limit and not (isinstance(given, int) and 0 < given <= limit):
        yield name, {**config, word: limit}


def _object(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def verbatim(reader: StreamReader, decoder: EventDecoder, chunk: bytes) -> Iterator[StreamEvent]:
    """The events that `chunk` brings as they came, with what they tell; an empty chunk is the end.

    Those that came together go on together; usage and the end stand apart, for not everybody is to have them. What came before a
    fault is given before it is raised.
    """
    data: list[bytes] = []
    words: list[Told] = []
    for event in decoder.feed(chunk) if chunk else decoder.end():
        if reader.done:
            break
        try:
            told = _words(reader.read(event))
        except Exception:
            if data:
                yield _together(data, words)
            raise
        closes = _closes(told)
        if data and closes:
            yield _together(data, words)
        data.append(framed(event))
        words += told
        if closes:
            yield _together(data, words)
    if data:
        yield _together(data, words)
    if not chunk and not reader.done:
        yield Verbatim(data=b"", tells=_words(reader.finish()))


def framed(event: ServerEvent) -> bytes:
    """An event as server-sent events have it."""
    data = event.data if "\n" not in event.data else event.data.replace("\n", "\ndata: ")
    name = f"event: {event.name}\n" if event.name else ""
    return f"{name}data: {data}\n\n".encode()


def _together(data: list[bytes], words: list[Told]) -> Verbatim:
    """All of it as one; both lists are empty then."""
    one = Verbatim(data=data[0] if len(data) == 1 else b"".join(data), tells=tuple(words))
    data.clear()
    words.clear()
    return one


def _closes(told: Sequence[Told]) -> bool:
    """Whether it is usage or the end."""
    return not _CLOSING.isdisjoint(map(type, told))


def _words(events: Sequence[StreamEvent]) -> tuple[Told, ...]:
    return tuple([event for event in events if not isinstance(event, Verbatim)])
