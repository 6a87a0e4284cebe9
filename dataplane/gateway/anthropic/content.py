"""The messages of a request, block by block."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from dataplane.gateway.fields import MAX_NAME, Fields, Notes, kind
from dataplane.gateway.foreign import opened
from dataplane.gateway.model import BadRequest
from dataplane.provider import json_text
from dataplane.snapshot.model import WireProtocol

_MESSAGE = frozenset(("role", "content"))
_RESULT = frozenset(("type", "tool_use_id", "content", "is_error"))
_ROLES: Mapping[str, Role] = MappingProxyType({"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM})


def conversation(fields: Fields, notes: Notes) -> Iterator[Message]:
    """The system prompt, then the messages. Raises BadRequest."""
    if "system" in fields:
        yield Message(role=Role.SYSTEM, parts=tuple(_content(fields, "system", Role.SYSTEM, notes)))
    if not fields.get("messages"):
        raise BadRequest("messages", "must hold at least one message")
    for message in fields.objects("messages"):
        role = _ROLES.get(message.word("role"))
        if role is None:
            raise BadRequest(message.at("role"), "must be user, assistant or system")
        message.lose_others(_MESSAGE, notes)
        yield Message(role=role, parts=tuple(_content(message, "content", role, notes)))


def _content(fields: Fields, name: str, role: Role, notes: Notes) -> Iterator[Part]:
    value = fields.get(name)
    if isinstance(value, str):
        yield Text(text=value)
    elif isinstance(value, list):
        where = fields.at(name)
        for block in fields.objects(name):
            yield from _block(block, where, role, notes)
    else:
        raise BadRequest(fields.at(name), f"must be a string or an array of content blocks, not {kind(value)}")


def _block(block: Fields, where: str, role: Role, notes: Notes) -> Iterator[Part]:
    """The parts in a block: at most one. A kind that no other protocol has is noted, and left to the text of the request."""
    named = block.word("type")
    if named not in _READERS:
        notes.only(f"{where}[type={named[:MAX_NAME]}]")
        return
    roles, known, read = _READERS[named]
    if role not in roles:
        raise BadRequest(block.at("type"), f"a {role} message cannot hold a {named} block")
    block.lose_others(known, notes)
    part = read(block, where, notes)
    if part is not None:
        yield part


def _text(block: Fields, where: str, notes: Notes) -> Part:  # noqa: ARG001 - all readers have one signature
    return Text(text=block.text("text"))


def _thinking(block: Fields, where: str, notes: Notes) -> Part:  # noqa: ARG001
    signature, protocol = opened(block.text_or_empty("signature"), WireProtocol.ANTHROPIC)
    return Thinking(text=block.text("thinking"), signature=signature, protocol=protocol)


def _redacted(block: Fields, where: str, notes: Notes) -> Part:  # noqa: ARG001
    data, protocol = opened(block.word("data"), WireProtocol.ANTHROPIC)
    return Thinking(redacted=data, protocol=protocol)


def _tool_use(block: Fields, where: str, notes: Notes) -> Part:  # noqa: ARG001
    return ToolCall(id=block.word("id"), name=block.word("name"), arguments=json_text.write(block.json("input")))


def _image(block: Fields, where: str, notes: Notes) -> Part | None:
    source = block.inner("source")
    match source.word("type"):
        case "base64":
            media_type = source.word("media_type")
            return Image(data=_bytes(source, "data"), media_type=media_type)
        case "url":
            url = source.word("url")
            if not url.startswith("https://"):
                raise BadRequest(source.at("url"), "must begin with https://; or send the picture itself as base64")
            return Image(url=url)
        case other:
            notes.only(f"{where}[type=image].source[type={other[:MAX_NAME]}]")
            return None


def _bytes(source: Fields, name: str) -> bytes:
    try:
        return base64.b64decode(source.word(name), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(source.at(name), "is no base64: encode the bytes with the standard alphabet") from None


def _document(block: Fields, where: str, notes: Notes) -> Part | None:
    """One of plain text is a text everywhere; its title and context, and citations of it, are Anthropic's alone."""
    source = block.inner("source")
    citations = block.inner_or_none("citations")
    if source.word("type") == "text" and not (citations is not None and citations.flag("enabled")):
        notes.lose(f"{where}[type=document]")
        return Text(text=source.text("data"))
    notes.only(f"{where}[type=document]")
    return None


def _tool_result(block: Fields, where: str, notes: Notes) -> Part:
    where = f"{where}[type=tool_result].content"
    value = block.get("content")
    if value is None or isinstance(value, str):
        inner: list[Part] = [Text(text=value or "")]
    elif isinstance(value, list):
        inner = [part for item in block.objects("content") for part in _result_part(item, where, notes)]
    else:
        raise BadRequest(block.at("content"), f"must be a string or an array of content blocks, not {kind(value)}")
    return ToolResult(
        tool_call_id=block.word("tool_use_id"),
        content="\n".join(part.text for part in inner if isinstance(part, Text)),
        is_error=block.flag("is_error"),
        images=tuple(part for part in inner if isinstance(part, Image)),
    )


def _result_part(item: Fields, where: str, notes: Notes) -> Iterator[Part]:
    if item.word("type") not in ("text", "image", "document"):
        notes.only(f"{where}[type={item.word('type')[:MAX_NAME]}]")
        return
    yield from _block(item, where, Role.USER, notes)


Reader = Callable[[Fields, str, Notes], Part | None]

_USER, _ASSISTANT = (Role.USER,), (Role.ASSISTANT,)
_READERS: Mapping[str, tuple[tuple[Role, ...], frozenset[str], Reader]] = MappingProxyType(
    {
        "text": (tuple(_ROLES.values()), frozenset(("type", "text")), _text),
        "image": (_USER, frozenset(("type", "source")), _image),
        "document": (_USER, frozenset(("type", "source", "citations", "title", "context")), _document),
        "tool_result": (_USER, _RESULT, _tool_result),
        # The caller of a tool is the provider's own programme only where that programme is a tool of the request.
        "tool_use": (_ASSISTANT, frozenset(("type", "id", "name", "input", "caller")), _tool_use),
        "thinking": (_ASSISTANT, frozenset(("type", "thinking", "signature")), _thinking),
        "redacted_thinking": (_ASSISTANT, frozenset(("type", "data")), _redacted),
    }
)
"""By type: who may say it, its members, and what reads it."""
