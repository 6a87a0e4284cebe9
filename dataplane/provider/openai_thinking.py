"""Thinking in answers of OpenAI's chat completions, under the names that different servers give it."""

from collections.abc import Mapping, Sequence

from dataplane.chat.model import Thinking, ThinkingDelta
from dataplane.provider import json_text
from dataplane.provider.shape import as_list, as_object, as_text
from dataplane.snapshot.model import WireProtocol

_GROWING = ("text", "summary", "data")
"""Members of a detail that come in pieces."""


def thinking_of(message: Mapping[str, object]) -> Thinking | None:
    """What the model thought. OpenRouter's details are what it wants back as they were: they are the signature."""
    text, details = text_of(message), as_list(message.get("reasoning_details"))
    if not text and not details:
        return None
    return Thinking(text=text, signature=_written(details), protocol=WireProtocol.OPENAI)


def text_of(message: Mapping[str, object]) -> str:
    """`reasoning_content` of DeepSeek and others, `reasoning` of Groq, OpenRouter and vLLM, Mistral's parts of the content."""
    return (
        as_text(message.get("reasoning_content"))
        or as_text(message.get("reasoning"))
        or "".join(_in_content(message.get("content")))
    )


class ThinkingPieces:
    """Puts the thinking of a stream together: text as it comes, and then the details, whole."""

    def __init__(self) -> None:
        self._details: list[dict[str, object]] = []

    @property
    def pending(self) -> bool:
        """Whether there are details that were not given yet."""
        return bool(self._details)

    def read(self, delta: Mapping[str, object]) -> list[ThinkingDelta]:
        """The thinking of one chunk."""
        for detail in map(as_object, as_list(delta.get("reasoning_details"))):
            self._add(detail)
        text = text_of(delta)
        return [ThinkingDelta(text=text, protocol=WireProtocol.OPENAI)] if text else []

    def sealed(self) -> list[ThinkingDelta]:
        """The details so far, once: before something else comes."""
        signature = _written(self._details)
        self._details = []
        return [ThinkingDelta(signature=signature, protocol=WireProtocol.OPENAI)] if signature else []

    def _add(self, detail: Mapping[str, object]) -> None:
        """Pieces of one detail follow each other and have the same type and index."""
        last = self._details[-1] if self._details else None
        if last is None or any(last.get(name) != detail.get(name) for name in ("type", "index")):
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            held = last.get(name)
            if name in _GROWING and isinstance(held, str) and isinstance(value, str):
                last[name] = held + value
            elif value not in (None, ""):
                last[name] = value


def _in_content(content: object) -> list[str]:
    parts = (as_object(part) for part in as_list(content))
    thoughts = (as_list(part.get("thinking")) for part in parts if part.get("type") == "thinking")
    return [as_text(as_object(piece).get("text")) for thought in thoughts for piece in thought]


def _written(details: Sequence[object]) -> str:
    return json_text.write(list(details)) if details else ""
