"""Thinking in responses: items that carry in `encrypted_content` what is needed to give it back to where it came from."""

import base64
import binascii

from dataplane.chat.model import Thinking
from dataplane.gateway.fields import Fields
from dataplane.provider import json_text

Json = dict[str, object]

PREFIX = "turnout.1."


def is_ours(item: object) -> bool:
    """Whether an item of the input is thinking that a gateway wrote: no provider can read it."""
    content = item.get("encrypted_content") if isinstance(item, dict) else None
    return isinstance(content, str) and content.startswith(PREFIX)


def reasoning_item(thought: Thinking, item_id: str) -> Json:
    """A `reasoning` item: the text as its summary, the rest sealed."""
    rest = {"p": thought.protocol, "s": thought.signature, "r": thought.redacted}
    sealed = base64.urlsafe_b64encode(json_text.write(rest).encode("utf-8", "replace")).decode()
    summary = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    return {"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": PREFIX + sealed}


def thought_of(item: Fields) -> Thinking:
    """What a `reasoning` item says that was thought. Raises BadRequest."""
    said = [entry.text_or_empty("text") for name in ("summary", "content") for entry in item.objects(name)]
    text = "".join(said)
    content = item.text_or_empty("encrypted_content")
    if not content.startswith(PREFIX):
        return Thinking(text=text, signature=content, protocol="openai")
    rest = _opened(content.removeprefix(PREFIX))
    return Thinking(
        text=text,
        signature=rest.text_or_empty("s"),
        redacted=rest.text_or_empty("r"),
        protocol=rest.text_or_empty("p"),
    )


def _opened(sealed: str) -> Fields:
    """What was sealed; nothing if somebody changed it, for then it cannot be given back anyway."""
    try:
        value = json_text.parse(base64.urlsafe_b64decode(sealed).decode())
    except (binascii.Error, ValueError):
        value = None
    texts = value if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()) else {}
    return Fields(texts)
