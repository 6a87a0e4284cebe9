"""Thoughts and their signatures, which Gemini puts on the part that comes after."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import replace

from dataplane.chat.model import Part, Thinking
from dataplane.gateway.foreign import packed, unpacked
from dataplane.snapshot.model import WireProtocol

_OWN = WireProtocol.GEMINI


def seal(thinking: Thinking) -> str:
    """What goes into `thoughtSignature`: bytes in base64, which SDKs decode. Empty where there is nothing to keep."""
    if thinking.protocol in ("", _OWN):
        return thinking.signature
    return base64.b64encode(packed(thinking, _OWN).encode("utf-8", "replace")).decode("ascii")


def unsealed(text: str, signature: str) -> Thinking:
    """The thought that a part tells: its text, and what `seal` made."""
    return unpacked(text, _plain(signature)) or Thinking(text=text, signature=signature, protocol=_OWN)


def merged(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts with thoughts whole: what is thought up to its signature is one thought, and its protocol the signature's."""
    held: Thinking | None = None
    for part in parts:
        if not isinstance(part, Thinking):
            if held is not None:
                yield held
            held = None
            yield part
            continue
        thought = part if held is None else replace(part, text=held.text + part.text)
        held = thought
        if thought.signature or thought.redacted or thought.protocol != _OWN:
            yield thought
            held = None
    if held is not None:
        yield held


def _plain(signature: str) -> str:
    """The signature without its base64, of either alphabet; empty if it is no text, and so none of ours."""
    try:
        return base64.b64decode(signature.replace("-", "+").replace("_", "/") + "==").decode()
    except (binascii.Error, ValueError):
        return ""
