"""Conversations as people write them, as the contract's messages."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from turnout.inference.v1 import chat_pb2
from turnout_client.invalid import invalid, naming
from turnout_client.options import Json

_ROLES: Mapping[str, chat_pb2.Role.ValueType] = MappingProxyType(
    {
        "system": chat_pb2.ROLE_SYSTEM,
        "developer": chat_pb2.ROLE_SYSTEM,
        "user": chat_pb2.ROLE_USER,
        "assistant": chat_pb2.ROLE_ASSISTANT,
        "tool": chat_pb2.ROLE_TOOL,
    }
)
_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id", "name", "is_error"})


def text_message(role: chat_pb2.Role.ValueType, text: str) -> chat_pb2.Message:
    """A message of one text."""
    return chat_pb2.Message(role=role, parts=[chat_pb2.Part(text=text)])


def message(given: object, at: str) -> chat_pb2.Message:
    """One message; `at` is its place for errors, such as `messages[2]`.

    Takes dicts with `role` and `content` (a string or parts), and OpenAI's `tool_calls` and `tool_call_id`.
    Raises InvalidRequest.
    """
    if isinstance(given, chat_pb2.Message):
        return given
    if not isinstance(given, Mapping):
        raise invalid(at, f"write a dict with role and content, not {type(given).__name__}")
    strange = sorted(str(key) for key in given.keys() - _KEYS)
    if strange:
        raise invalid(at, f"nobody reads {', '.join(strange)}; a message has {', '.join(sorted(_KEYS))}")
    role = _ROLES.get(str(given.get("role")))
    if role is None:
        raise invalid(f"{at}.role", f"write one of {', '.join(_ROLES)}, not {given.get('role')!r}")
    with naming(f"{at}.content"):
        return chat_pb2.Message(role=role, parts=_parts(given, at))


def _parts(given: Json, at: str) -> list[chat_pb2.Part]:
    content = given.get("content")
    if "tool_call_id" in given:
        return [_tool_result({**given, "content": _joined(content)})]
    calls = [_openai_call(call) for call in _list(given.get("tool_calls"))]
    if isinstance(content, str):
        return [chat_pb2.Part(text=content), *calls] if content or not calls else calls
    parts = [_part(part, f"{at}.content[{index}]") for index, part in enumerate(_list(content))]
    if not parts and not calls:
        raise invalid(f"{at}.content", "it is missing; write a string or a list of parts")
    return [*parts, *calls]


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"write a list, not {type(value).__name__}")
    return list(value)


def _joined(content: Any) -> str:
    """The text of a tool's answer, for which OpenAI also allows text parts."""
    return content if isinstance(content, str) else "".join(part["text"] for part in _list(content))


def _part(given: Any, at: str) -> chat_pb2.Part:
    if isinstance(given, chat_pb2.Part):
        return given
    if isinstance(given, str):
        return chat_pb2.Part(text=given)
    kind = given.get("type") if isinstance(given, Mapping) else type(given).__name__
    make = _PARTS.get(str(kind))
    if make is None:
        raise invalid(at, f"write a string or a dict whose type is one of {', '.join(_PARTS)}, not {kind!r}")
    with naming(at):
        return make(given)


def _text(given: Json) -> chat_pb2.Part:
    return chat_pb2.Part(text=_string(given["text"]))


def _image(given: Json) -> chat_pb2.Part:
    if "data" in given:
        data, media_type = given["data"], given.get("media_type")
        return chat_pb2.Part(image=chat_pb2.Image(data=_bytes(data), media_type=_string(media_type)))
    return _picture(_string(given["url"]))


def _image_url(given: Json) -> chat_pb2.Part:
    source = given["image_url"]
    return _picture(_string(source["url"] if isinstance(source, Mapping) else source))


def _picture(url: str) -> chat_pb2.Part:
    """A picture at an address; a `data:` address carries the picture itself."""
    if not url.startswith("data:"):
        return chat_pb2.Part(image=chat_pb2.Image(url=url))
    head, _, encoded = url[len("data:") :].partition(",")
    if not head.endswith(";base64"):
        raise ValueError("a data: address must be base64")
    try:
        data = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("the data: address is not base64") from None
    return chat_pb2.Part(image=chat_pb2.Image(data=data, media_type=head.removesuffix(";base64").partition(";")[0]))


def _tool_call(given: Json) -> chat_pb2.Part:
    arguments = given.get("arguments", "{}")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call = chat_pb2.ToolCall(id=_string(given["id"]), name=_string(given["name"]), arguments=text.encode())
    return chat_pb2.Part(tool_call=call)


def _openai_call(given: Any) -> chat_pb2.Part:
    called = given.get("function", given)
    return _tool_call({**called, "id": given["id"]})


def _tool_result(given: Json) -> chat_pb2.Part:
    result = chat_pb2.ToolResult(
        tool_call_id=_string(given["tool_call_id"]),
        content=_string(given["content"]),
        is_error=bool(given.get("is_error", False)),
        name=_string(given.get("name", "")),
    )
    return chat_pb2.Part(tool_result=result)


def _thinking(given: Json) -> chat_pb2.Part:
    thinking = chat_pb2.Thinking(
        text=_string(given.get("text", "")),
        signature=_bytes(given.get("signature", b"")),
        redacted=_bytes(given.get("redacted", b"")),
        protocol=_string(given.get("protocol", "")),
    )
    return chat_pb2.Part(thinking=thinking)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a string is needed, not {type(value).__name__}")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"bytes are needed, not {type(value).__name__}")
    return bytes(value)


_PARTS: Mapping[str, Callable[[Json], chat_pb2.Part]] = MappingProxyType(
    {
        "text": _text,
        "image": _image,
        "image_url": _image_url,
        "tool_call": _tool_call,
        "tool_result": _tool_result,
        "thinking": _thinking,
    }
)
"""The parts that dicts may be, by `type`."""
