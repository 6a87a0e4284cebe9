"""Which tools an answer calls, and with what arguments."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dataplane.provider.sandbox.answer.schema import value_for
from dataplane.provider.sandbox.call import Call, Tool, ToolMode
from dataplane.provider.sandbox.draws import Draws

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call: `arguments` is JSON text of an object that is valid for the tool's schema."""

    name: str
    arguments: str


def chosen(call: Call, draws: Draws) -> tuple[Tool, ...]:
    """The tools that `call` makes the model use, in the order they were offered.

    Those that the question names; where a call is required and none is named, one by draw. After the results
    of tools the model answers in words, unless a call is required again.
    """
    choice = call.tool_choice
    allowed = [tool for tool in call.tools if not choice.names or tool.name in choice.names]
    if choice.mode is ToolMode.NONE or not allowed:
        return ()
    required = choice.mode is ToolMode.REQUIRED
    if call.prompt.after_tool and not required:
        return ()
    named = [tool for tool in allowed if mentions(call.prompt.question, tool.name)]
    if not named and required:
        named = [draws.pick(allowed)]
    return tuple(named) if choice.parallel else tuple(named[:1])


def mentions(text: str, name: str) -> bool:
    """Whether `text` has `name` in it as a whole."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if text[at - 1 : at] not in _NAME_CHARS and text[end : end + 1] not in _NAME_CHARS:
            return True
        at = text.find(name, at + 1)
    return False


def calls_of(tools: Sequence[Tool], draws: Draws, topics: Sequence[str]) -> tuple[ToolCall, ...]:
    """One call of each tool.

    Raises:
        SchemaError: no arguments can be made for a tool's schema.
    """
    return tuple(ToolCall(name=tool.name, arguments=json_text(value_for(tool.schema, draws, topics))) for tool in tools)


def json_text(value: object) -> str:
    """Compact JSON, letters of all scripts as they are."""
    return _COMPACT.encode(value)
