"""Thinking in chat completions: `reasoning_content`, and `reasoning_details` for what must come back as it was."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import Thinking, ThinkingDelta
from dataplane.gateway.fields import Fields

Json = dict[str, object]

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "anthropic": "anthropic-claude-v1",
        "gemini": "google-gemini-v1",
        "openai": "openai-responses-v1",
        "bedrock": "bedrock-converse-v1",
    }
)
"""How `reasoning_details` names the protocol that a thought came by: OpenRouter's names, and one of ours."""
_PROTOCOLS: Mapping[str, str] = MappingProxyType({word: protocol for protocol, word in FORMATS.items()})


def thoughts(message: Fields) -> Iterator[Thinking]:
    """What an assistant's message says that it thought; sealed thoughts instead of the text that they also are."""
    sealed = [thought for entry in message.objects("reasoning_details") for thought in _sealed(entry)]
    text = message.text_or_empty("reasoning_content") or message.text_or_empty("reasoning")
    if sealed:
        yield from sealed
    elif text:
        yield Thinking(text=text, protocol="openai")


def _sealed(entry: Fields) -> Iterator[Thinking]:
    protocol = _PROTOCOLS.get(entry.text_or_empty("format"), "openai")
    match entry.text_or_empty("type"):
        case "reasoning.text":
            yield Thinking(
                text=entry.text_or_empty("text"), signature=entry.text_or_empty("signature"), protocol=protocol
            )
        case "reasoning.encrypted":
            yield Thinking(redacted=entry.text_or_empty("data"), protocol=protocol)
        case "reasoning.summary":
            yield Thinking(text=entry.text_or_empty("summary"), protocol=protocol)


def detail(thought: Thinking | ThinkingDelta, number: int) -> Json:
    """An entry of `reasoning_details`; the openai SDK keeps it on the message and sends it back."""
    entry: Json = {"index": number, "format": FORMATS.get(thought.protocol, FORMATS["openai"])}
    if thought.redacted:
        return {"type": "reasoning.encrypted", "data": thought.redacted, **entry}
    said: Json = {"type": "reasoning.text", "text": thought.text, **entry}
    return {**said, "signature": thought.signature} if thought.signature else said
