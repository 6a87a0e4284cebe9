"""Items of a response's input."""

from collections.abc import Iterator, Sequence

from dataplane.chat.model import Image, Message, Part, Role, Text, ToolCall, ToolResult
from dataplane.gateway.fields import Fields, Notes, kind
from dataplane.gateway.model import BadRequest
from dataplane.gateway.openai.picture import picture
from dataplane.gateway.openai.reasoning import thought_of

ROLES = {"system": Role.SYSTEM, "developer": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
WHOLE = "send the whole conversation in `input` instead"

_MESSAGE = frozenset({"type", "role", "content", "id", "status", "phase"})
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")


class Reader:
    """Reads items in order, and makes one message of what the model gave at once: its thoughts, its text and its calls."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._spoken: list[Part] = []

    def read(self, body: Fields) -> Iterator[Message]:
        """All messages. Raises BadRequest."""
        given = body.get("input")
        if isinstance(given, str):
            yield Message(role=Role.USER, parts=(Text(text=given),))
            return
        if given is not None and not isinstance(given, list):
            raise BadRequest("input", f"must be a string or an array of items, not {kind(given)}")
        for item in body.objects("input"):
            yield from self._item(item)
        yield from self._said()

    def _item(self, item: Fields) -> Iterator[Message]:
        match item.text("type") if "type" in item else "message":
            case "message":
                yield from self._message(item)
            case "reasoning":
                yield from self._next_answer()
                self._spoken.append(thought_of(item))
            case "function_call":
                self._spoken.append(_call(item))
            case "function_call_output":
                yield from self._said()
                yield Message(role=Role.TOOL, parts=(self._result(item),))
            case "item_reference":
                raise BadRequest(item.path, f"refers to an item that is not kept here; {WHOLE}")
            case other:
                self._notes.only(f"{item.path}[type={other[:32]}]")

    def _message(self, item: Fields) -> Iterator[Message]:
        role = ROLES.get(item.text("role"))
        if role is None:
            raise BadRequest(item.at("role"), f"must be one of {', '.join(ROLES)}")
        item.lose_others(_MESSAGE, self._notes)
        parts = self._content(item, "content", pictures=role is Role.USER)
        if role is Role.ASSISTANT:
            yield from self._next_answer()
            self._spoken.extend(parts)
        else:
            yield from self._said()
            yield Message(role=role, parts=parts)

    def _said(self) -> Iterator[Message]:
        """What the model said up to here, if it did."""
        if self._spoken:
            yield Message(role=Role.ASSISTANT, parts=tuple(self._spoken))
            self._spoken.clear()

    def _next_answer(self) -> Iterator[Message]:
        """Text after text begins an answer; after calls it does not, for their results are still to come."""
        if any(isinstance(part, Text) for part in self._spoken) and not isinstance(self._spoken[-1], ToolCall):
            yield from self._said()

    def _result(self, item: Fields) -> ToolResult:
        parts = self._content(item, "output", pictures=True)
        return ToolResult(
            tool_call_id=item.word("call_id"),
            content="".join(part.text for part in parts if isinstance(part, Text)),
            images=tuple(part for part in parts if isinstance(part, Image)),
        )

    def _content(self, item: Fields, name: str, *, pictures: bool) -> tuple[Part, ...]:
        content = item.get(name)
        if isinstance(content, str):
            return (Text(text=content),)
        if not isinstance(content, list):
            found = "is missing: send" if content is None else f"is {kind(content)}, but must be"
            raise BadRequest(item.at(name), f"{found} a string or an array of parts")
        return tuple(part for fields in item.objects(name) for part in self._part(fields, pictures=pictures))

    def _part(self, part: Fields, *, pictures: bool) -> Sequence[Part]:
        match part.text("type"):
            case word if word in _TEXTS:
                return (Text(text=part.text("text")),)
            case "refusal":
                return (Text(text=part.text("refusal")),)
            case "input_image" if not pictures:
                raise BadRequest(part.at("type"), "must be a text: only users and tools show pictures")
            case "input_image" if "image_url" in part:
                if part.get("detail") not in (None, "auto"):
                    self._notes.lose(part.at("detail"))
                return (picture(part.text("image_url"), part.at("image_url")),)
            case other:
                self._notes.only(f"{part.path}[type={other[:32]}]")
                return ()


def _call(item: Fields) -> ToolCall:
    return ToolCall(id=item.word("call_id"), name=item.word("name"), arguments=item.text_or_empty("arguments"))
