"""Thinking in responses: items that carry in `encrypted_content` what is needed to give it back to where it came from."""

from dataplane.chat.model import Thinking
from dataplane.gateway.fields import Fields
from dataplane.gateway.foreign import MARK, packed, unpacked
from dataplane.snapshot.model import WireProtocol

Json = dict[str, object]

_OWN = WireProtocol.OPENAI


def is_ours(item: object) -> bool:
    """Whether an item of the input is thinking that a gateway wrote: no provider can read it."""
    content = item.get("encrypted_content") if isinstance(item, dict) else None
    return isinstance(content, str) and content.startswith(MARK)


def reasoning_item(thought: Thinking, item_id: str) -> Json:
    """A `reasoning` item: the text as its summary, the rest sealed."""
    summary = [{"type": "summary_text", "text": thought.text}] if thought.text else []
    return {"id": item_id, "type": "reasoning", "summary": summary, "encrypted_content": packed(thought, _OWN)}


def thought_of(item: Fields) -> Thinking:
    """What a `reasoning` item says that was thought; of a seal that somebody changed, the text. Raises BadRequest."""
    said = [entry.text_or_empty("text") for name in ("summary", "content") for entry in item.objects(name)]
    text, seal = "".join(said), item.text_or_empty("encrypted_content")
    if seal.startswith(MARK):
        return unpacked(text, seal) or Thinking(text=text)
    return Thinking(text=text, signature=seal, protocol=_OWN)
