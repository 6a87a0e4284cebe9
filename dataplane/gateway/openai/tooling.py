"""Tools and their choice, as chat completions and responses write them."""

from collections.abc import Callable, Iterator

from dataplane.chat.model import Tool, ToolChoice, ToolMode
from dataplane.gateway.fields import Fields, Notes, kind
from dataplane.gateway.model import BadRequest

MODES = {"auto": ToolMode.AUTO, "none": ToolMode.NONE, "required": ToolMode.REQUIRED, "any": ToolMode.REQUIRED}
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_TOOL = frozenset({"type", "function"})
_FLAT = _FUNCTION | {"type"}

Chosen = tuple[tuple[Tool, ...], ToolChoice | None]
NameOf = Callable[[Fields], str]


def nested(body: Fields, notes: Notes) -> Chosen:
    """Tools of chat completions, and `functions` as they were called before. Raises BadRequest."""
    if "functions" in body:
        return _functions(body, notes)
    tools = tuple(_nested(body, notes))
    return _chosen(body, tools, notes, lambda choice: choice.inner("function").word("name"))


def flat(body: Fields, notes: Notes) -> Chosen:
    """Tools of responses. Raises BadRequest."""
    tools = tuple(_flat(body, notes))
    return _chosen(body, tools, notes, lambda choice: choice.word("name"))


def _nested(body: Fields, notes: Notes) -> Iterator[Tool]:
    for tool in body.objects("tools"):
        if _is_function(tool, notes):
            tool.lose_others(_TOOL, notes)
            yield _tool(tool.inner("function"), _FUNCTION, notes)


def _flat(body: Fields, notes: Notes) -> Iterator[Tool]:
    for tool in body.objects("tools"):
        if _is_function(tool, notes):
            yield _tool(tool, _FLAT, notes)


def _is_function(tool: Fields, notes: Notes) -> bool:
    """Whether it is one that the caller runs; what a provider runs, or understands in its own way, cannot be left out."""
    name = tool.text("type") if "type" in tool else "function"
    if name != "function":
        notes.only(f"{tool.path}[type={name[:32]}]")
    return name == "function"


def _tool(function: Fields, known: frozenset[str], notes: Notes) -> Tool:
    function.lose_others(known, notes)
    return Tool(
        name=function.word("name"),
        description=function.text_or_empty("description"),
        parameters=function.json_or_none("parameters"),
        strict=function.flag("strict"),
    )


def _functions(body: Fields, notes: Notes) -> Chosen:
    """`functions` and `function_call`: one call at a time."""
    if "tools" in body:
        raise BadRequest("functions", "cannot come together with tools; send tools alone")
    tools = tuple(_tool(function, _FUNCTION, notes) for function in body.objects("functions"))
    call = body.get("function_call")
    if isinstance(call, dict):
        return tools, _named(body.inner("function_call").word("name"), tools, "function_call", parallel=False)
    mode = ToolMode.AUTO if call is None else _mode(call, "function_call")
    return tools, ToolChoice(mode=mode, disable_parallel=True)


def _chosen(body: Fields, tools: tuple[Tool, ...], notes: Notes, name_of: NameOf) -> Chosen:
    value = body.get("tool_choice")
    parallel = "parallel_tool_calls" not in body or body.flag("parallel_tool_calls")
    if value is None:
        return tools, None if parallel else ToolChoice(disable_parallel=True)
    if not isinstance(value, dict):
        mode = _mode(value, "tool_choice")
        if mode is ToolMode.REQUIRED and "tools" not in body:
            raise BadRequest("tool_choice", "requires a tool, but there is none; send tools, or leave it out")
        return tools, ToolChoice(mode=mode, disable_parallel=not parallel)
    choice = body.inner("tool_choice")
    match choice.text("type"):
        case "function":
            return tools, _named(name_of(choice), tools, "tool_choice", parallel=parallel)
        case "allowed_tools":
            return _allowed(choice, tools, name_of, parallel=parallel)
        case other:
            notes.only(f"tool_choice[type={other[:32]}]")
            return tools, None


def _mode(value: object, path: str) -> ToolMode:
    mode = MODES.get(value) if isinstance(value, str) else None
    if mode is None:
        found = "" if isinstance(value, str) else f", not {kind(value)}"
        raise BadRequest(path, f"must be none, auto, required, or an object that names a tool{found}")
    return mode


def _named(name: str, tools: tuple[Tool, ...], path: str, *, parallel: bool) -> ToolChoice:
    if all(tool.name != name for tool in tools):
        raise BadRequest(path, f"names {name[:64]!r}, which is no function among the tools; send it, too")
    return ToolChoice(mode=ToolMode.NAMED, name=name, disable_parallel=not parallel)


def _allowed(choice: Fields, tools: tuple[Tool, ...], name_of: NameOf, *, parallel: bool) -> Chosen:
    """Some of the tools: elsewhere that is to send no others."""
    inner = choice.inner_or_none("allowed_tools") or choice
    names = {name_of(entry) for entry in inner.objects("tools") if entry.get("type") in (None, "function")}
    mode = _mode(inner.text("mode"), inner.at("mode"))
    kept = tuple(tool for tool in tools if tool.name in names)
    return kept, ToolChoice(mode=mode, disable_parallel=not parallel)
