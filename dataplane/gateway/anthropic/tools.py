"""Tools on offer, and the choice among them."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import Tool, ToolChoice, ToolMode
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.model import BadRequest

_TOOL = frozenset(("type", "name", "description", "input_schema", "strict", "defer_loading", "allowed_callers"))
_CHOICE = frozenset(("type", "name", "disable_parallel_tool_use"))
_MODES: Mapping[str, ToolMode] = MappingProxyType(
    {"auto": ToolMode.AUTO, "any": ToolMode.REQUIRED, "none": ToolMode.NONE, "tool": ToolMode.NAMED}
)


def tools(fields: Fields, notes: Notes) -> Iterator[Tool]:
    """The caller's own tools. Those that Anthropic runs, or whose schema it keeps, are noted. Raises BadRequest."""
    for tool in fields.objects("tools"):
        kind = tool.text_or_empty("type")
        if kind in ("", "custom"):
            yield _tool(tool, notes)
        else:
            notes.only(f"tools[type={kind[:MAX_NAME]}]")


def _tool(tool: Fields, notes: Notes) -> Tool:
    tool.lose_others(_TOOL, notes)
    if tool.flag("defer_loading"):
        notes.only(tool.at("defer_loading"))
    if "allowed_callers" in tool and tool.get("allowed_callers") != ["direct"]:
        notes.only(tool.at("allowed_callers"))
    return Tool(
        name=tool.word("name"),
        description=tool.text_or_empty("description"),
        parameters=tool.json("input_schema"),
        strict=tool.flag("strict"),
    )


def choice(fields: Fields, notes: Notes) -> ToolChoice | None:
    """The choice, None if nothing is said. Raises BadRequest."""
    given = fields.inner_or_none("tool_choice")
    if given is None:
        return None
    given.lose_others(_CHOICE, notes)
    mode = _MODES.get(given.word("type"))
    if mode is None:
        raise BadRequest(given.at("type"), f"must be one of {', '.join(_MODES)}")
    name = given.word("name") if mode is ToolMode.NAMED else ""
    return ToolChoice(mode=mode, name=name, disable_parallel=given.flag("disable_parallel_tool_use"))
