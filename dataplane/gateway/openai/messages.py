"""Messages of chat completions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from dataplane.chat.model import Image, Message, Part, Role, Text, Thinking, ToolCall, ToolResult
from dataplane.gateway.fields import Fields, Notes, kind
from dataplane.gateway.model import BadRequest
from dataplane.gateway.openai.picture import picture
from dataplane.gateway.openai.thought import thoughts

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "system": Role.SYSTEM,
        "developer": Role.SYSTEM,
        "user": Role.USER,
        "assistant": Role.ASSISTANT,
        "tool": Role.TOOL,
        "function": Role.TOOL,
    }
)
_KNOWN: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.SYSTEM: frozenset({"role", "content"}),
        Role.USER: frozenset({"role", "content"}),
        Role.ASSISTANT: frozenset(
            {
                *("role", "content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning"),
                *("reasoning_details", "audio", "annotations"),
            }
        ),
        Role.TOOL: frozenset({"role", "content", "tool_call_id", "name"}),
    }
)
_TEXT = frozenset({"type", "text"})
_PICTURE = frozenset({"type", "image_url"})


class Reader:
    """Reads a conversation in order, for functions of the old kind have no ids but their order."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._called: dict[str, str] = {}
        self._made = 0

    def read(self, body: Fields) -> tuple[Message, ...]:
        """All messages. Raises BadRequest, also where there is none."""
        messages = tuple(self._message(fields) for fields in body.objects("messages"))
        if not messages:
            raise BadRequest("messages", "must have at least one message")
        return messages

    def _message(self, fields: Fields) -> Message:
        said = fields.text("role")
        role = ROLES.get(said)
        if role is None:
            raise BadRequest(fields.at("role"), f"must be one of {', '.join(ROLES)}")
        fields.lose_others(_KNOWN[role], self._notes)
        match role:
            case Role.ASSISTANT:
                return Message(role=role, parts=tuple(self._spoken(fields)))
            case Role.TOOL:
                return Message(role=role, parts=(self._result(fields, by_name=said == "function"),))
            case _:
                return Message(role=role, parts=self._content(fields, pictures=role is Role.USER))

    def _spoken(self, fields: Fields) -> Iterator[Part]:
        yield from thoughts(fields)
        if isinstance(fields.get("content"), list):
            yield from self._parts(fields, self._spoken_part)
        elif text := fields.text_or_empty("content"):
            yield Text(text=text)
        if text := fields.text_or_empty("refusal"):
            yield Text(text=text)
        if "audio" in fields:
            self._notes.only(fields.at("audio"))
        for call in fields.objects("tool_calls"):
            yield from self._tool_call(call)
        called = fields.inner_or_none("function_call")
        if called is not None:
            yield self._function_call(called)

    def _tool_call(self, call: Fields) -> Iterator[ToolCall]:
        if call.get("type") not in (None, "function"):
            self._notes.only(f"{call.path}[type={call.text('type')[:32]}]")
            return
        function = call.inner("function")
        yield ToolCall(id=call.word("id"), name=function.word("name"), arguments=_arguments(function))

    def _function_call(self, called: Fields) -> ToolCall:
        name = called.word("name")
        self._made += 1
        made = self._called[name] = f"call_{self._made}"
        return ToolCall(id=made, name=name, arguments=_arguments(called))

    def _result(self, fields: Fields, *, by_name: bool) -> ToolResult:
        if by_name:
            call_id = self._called.get(fields.word("name"), "")
            if not call_id:
                raise BadRequest(fields.at("name"), "names no function that was called before; send the call, too")
        else:
            call_id = fields.word("tool_call_id")
        parts = self._content(fields, pictures=True)
        return ToolResult(
            tool_call_id=call_id,
            content="".join(part.text for part in parts if isinstance(part, Text)),
            name=fields.text_or_empty("name"),
            images=tuple(part for part in parts if isinstance(part, Image)),
        )

    def _content(self, fields: Fields, *, pictures: bool) -> tuple[Part, ...]:
        """A string, or an array of parts that is not empty."""
        content = fields.get("content")
        if isinstance(content, str):
            return (Text(text=content),)
        if not isinstance(content, list):
            found = "is missing: send" if content is None else f"is {kind(content)}, but must be"
            raise BadRequest(fields.at("content"), f"{found} a string or an array of parts")
        if not content:
            raise BadRequest(fields.at("content"), "must have at least one part")
        return tuple(self._parts(fields, self._any_part if pictures else self._text_part))

    def _parts(self, fields: Fields, read: Callable[[Fields, str], Sequence[Part]]) -> Iterator[Part]:
        for path, item in fields.items("content"):
            if isinstance(item, str):  # some servers take plain strings among the parts
                yield Text(text=item)
                continue
            part = Fields(item, path)
            yield from read(part, part.text("type"))

    def _text_part(self, part: Fields, name: str) -> Sequence[Part]:
        if name != "text":
            raise BadRequest(part.at("type"), "must be text: this role takes text parts only")
        part.lose_others(_TEXT, self._notes)
        return (Text(text=part.text("text")),)

    def _any_part(self, part: Fields, name: str) -> Sequence[Part]:
        match name:
            case "text":
                return self._text_part(part, name)
            case "image_url":
                return (self._picture(part),)
            case _:
                self._notes.only(f"{part.path}[type={name[:32]}]")
                return ()

    def _spoken_part(self, part: Fields, name: str) -> Sequence[Part]:
        match name:
            case "refusal":
                return (Text(text=part.text("refusal")),)
            case "thinking":
                return tuple(_thinking(part))
            case _:
                return self._any_part(part, name) if name != "image_url" else self._text_part(part, name)

    def _picture(self, part: Fields) -> Image:
        part.lose_others(_PICTURE, self._notes)
        if isinstance(part.get("image_url"), str):  # as Mistral writes it
            return picture(part.text("image_url"), part.at("image_url"))
        image = part.inner("image_url")
        if image.get("detail") not in (None, "auto"):
            self._notes.lose(image.at("detail"))
        return picture(image.text("url"), image.at("url"))


def _thinking(part: Fields) -> Iterator[Part]:
    """A thought as Mistral writes it: text, or text parts."""
    if isinstance(part.get("thinking"), str):
        yield Thinking(text=part.text("thinking"), protocol="openai")
    else:
        text = "".join(piece.text_or_empty("text") for piece in part.objects("thinking"))
        yield Thinking(text=text, protocol="openai")


def _arguments(function: Fields) -> str:
    """JSON text; models write what they like, so it need not be JSON."""
    return function.text_or_empty("arguments")
