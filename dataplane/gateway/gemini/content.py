"""The contents of a request, part by part."""

import base64
import binascii
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping

from dataplane.chat.model import Image, Message, Part, Role, Text, ToolCall, ToolResult
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.gemini.thoughts import merged, unsealed
from dataplane.gateway.model import BadRequest
from dataplane.provider import json_text

_ROLES = {"": Role.USER, "user": Role.USER, "function": Role.USER, "tool": Role.USER, "model": Role.ASSISTANT}
_DATA = ("text", "functionCall", "functionResponse", "inlineData", "fileData")
_NO_SIGNATURE = base64.b64encode(b"skip_thought_signature_validator").decode()
"""What stands for the seal on calls that no model of Gemini made (ai.google.dev/gemini-api/docs/thought-signatures)."""
_PART = frozenset((*_DATA, "thought", "thoughtSignature"))
_ONLY = frozenset(("executableCode", "codeExecutionResult", "toolCall", "toolResponse"))
"""What tools that Google runs say."""
_CALL, _RESPONSE = frozenset(("id", "name", "args")), frozenset(("id", "name", "response", "parts"))
_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".heic", ".heif")
_PRIVATE = "https://generativelanguage.googleapis.com/"
_VIDEOS = ("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/")


def conversation(fields: Fields, notes: Notes) -> Iterator[Message]:
    """The system instruction, then the turns. Raises BadRequest."""
    if isinstance(fields.get("systemInstruction"), str):
        yield Message(role=Role.SYSTEM, parts=(Text(text=fields.text("systemInstruction")),))
    elif "systemInstruction" in fields:
        texts = [Text(text=part.text("text")) for part in fields.inner("systemInstruction").one_or_more("parts")]
        yield Message(role=Role.SYSTEM, parts=tuple(texts))
    if not fields.get("contents"):
        raise BadRequest("contents", "must hold at least one content")
    turns = _Turns(notes)
    for content in fields.one_or_more("contents"):
        yield turns.read(content)


class _Turns:
    """Reads contents in order; calls without ids get some, and answers without ids those of the calls that they answer."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._calls = 0
        self._answers = 0
        self._open: defaultdict[str, deque[str]] = defaultdict(deque)

    def read(self, content: Fields) -> Message:
        """One turn."""
        named = content.text_or_empty("role")
        if named not in _ROLES:
            raise BadRequest(content.at("role"), "must be user or model")
        if "parts" not in content:
            raise BadRequest(content.at("parts"), "is missing: send an array of parts")
        role = _ROLES[named]
        parts = content.get("parts")
        if isinstance(parts, list) and len(parts) == 1 and _is_plain(parts[0]):  # most turns, and quick for them
            return Message(role=role, parts=(Text(text=parts[0]["text"]),))
        read = (each for part in content.one_or_more("parts") for each in self._part(part, role))
        return Message(role=role, parts=tuple(merged(read)))

    def _part(self, part: Fields, role: Role) -> Iterator[Part]:
        self._note(part)
        data = [name for name in _DATA if name in part]
        if len(data) > 1:
            raise BadRequest(part.at(data[1]), f"a part holds one thing, and this one has {data[0]} already")
        signature = part.text_or_empty("thoughtSignature")
        if signature == _NO_SIGNATURE and "functionCall" in part:
            signature = ""
        if part.flag("thought"):
            _spoken(part, "thought", role)
            yield unsealed(part.text_or_empty("text"), signature)
            return
        if signature:
            _spoken(part, "thoughtSignature", role)
            yield unsealed("", signature)
        if data:
            yield from self._data(part, data[0], role)
        elif not signature and not any(name in part for name in _ONLY):
            raise BadRequest(part.path, f"is empty: a part holds one of {', '.join(_DATA)}")

    def _note(self, part: Fields) -> None:
        for name in part:
            if name in _ONLY:
                self._notes.only(part.at(name))
        part.lose_others(_PART | _ONLY, self._notes)

    def _data(self, part: Fields, name: str, role: Role) -> Iterator[Part]:
        match name:
            case "text":
                text = part.text("text")
                if text or "thoughtSignature" not in part:
                    yield Text(text=text)
            case "functionCall":
                _spoken(part, name, role)
                yield self._call(part.inner(name))
            case "functionResponse":
                if role is not Role.USER:
                    raise BadRequest(part.at(name), "belongs into a content of the user's")
                yield self._answer(part.inner(name))
            case _:
                image = _image(part, self._notes)
                if image is not None and role is Role.USER:
                    yield image
                elif image is not None:
                    self._notes.only(f"{part.at(name)}[role=model]")

    def _call(self, call: Fields) -> ToolCall:
        call.lose_others(_CALL, self._notes)
        name = call.word("name")
        call_id = call.text_or_empty("id") or f"call_at_{self._calls}"
        self._calls += 1
        self._open[name].append(call_id)
        arguments = json_text.write(call.json("args")) if "args" in call else "{}"
        return ToolCall(id=call_id, name=name, arguments=arguments)

    def _answer(self, answer: Fields) -> ToolResult:
        answer.lose_others(_RESPONSE, self._notes)
        name = answer.word("name")
        waiting, call_id = self._open[name], answer.text_or_empty("id")
        if call_id and call_id in waiting:
            waiting.remove(call_id)
        elif not call_id:
            call_id = waiting.popleft() if waiting else f"answer_at_{self._answers}"
        self._answers += 1
        response = answer.json("response") if "response" in answer else {}
        images = [_image(part, self._notes) for part in answer.objects("parts")]
        content, is_error = _answered(response)
        return ToolResult(
            tool_call_id=call_id,
            name=name,
            content=content,
            is_error=is_error,
            images=tuple(image for image in images if image is not None),
        )


def _is_plain(part: object) -> bool:
    return isinstance(part, dict) and len(part) == 1 and isinstance(part.get("text"), str)


def _spoken(part: Fields, name: str, role: Role) -> None:
    if role is not Role.ASSISTANT:
        raise BadRequest(part.at(name), "belongs into a content of the model's")


def _answered(response: Mapping[str, object]) -> tuple[str, bool]:
    """What a function said, and whether it is an error.

    The API has the keys `output` and `error` for that; SDKs write `result`. Any other object is the answer itself.
    """
    if len(response) == 1:
        (name, value), *_ = response.items()
        if name in ("output", "result", "error") and isinstance(value, str):
            return value, name == "error"
    return json_text.write(response), False


def _image(part: Fields, notes: Notes) -> Image | None:
    """The picture in a part. Sound, films, papers, and files that only Google can read, are noted instead."""
    if "inlineData" in part:
        blob = part.inner("inlineData")
        kind = blob.word("mimeType").lower()
        if kind.startswith("image/"):
            return Image(data=_bytes(blob), media_type=kind)
        notes.only(f"{part.at('inlineData')}[mimeType={kind[:MAX_NAME]}]")
    elif "fileData" in part:
        file = part.inner("fileData")
        uri, kind = file.word("fileUri"), file.text_or_empty("mimeType").lower()
        if _is_public(uri) and (kind.startswith("image/") or (not kind and _names_image(uri))):
            return Image(url=uri, media_type=kind)
        notes.only(f"{part.at('fileData')}[mimeType={kind[:MAX_NAME]}]" if kind else part.at("fileData"))
    return None


def _is_public(uri: str) -> bool:
    return uri.startswith("https://") and not uri.startswith((_PRIVATE, *_VIDEOS))


def _names_image(uri: str) -> bool:
    return uri.partition("?")[0].lower().endswith(_IMAGES)


def _bytes(blob: Fields) -> bytes:
    """SDKs write either alphabet of base64."""
    try:
        return base64.b64decode(blob.word("data").replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(blob.at("data"), "is no base64: encode the bytes with the standard alphabet") from None
