"""Functions on offer, and the choice among them."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dataplane.chat.model import Tool, ToolChoice, ToolMode
from dataplane.gateway.fields import MAX_NAME, Fields, Notes
from dataplane.gateway.gemini.schema import json_schema
from dataplane.gateway.model import BadRequest

_FUNCTION = frozenset(("name", "description", "parameters", "parametersJsonSchema"))
_CONFIG = frozenset(("functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"))
_CALLING = frozenset(("mode", "allowedFunctionNames"))
_MODES: Mapping[str, ToolMode] = MappingProxyType(
    {
        "": ToolMode.AUTO,
        "MODE_UNSPECIFIED": ToolMode.AUTO,
        "AUTO": ToolMode.AUTO,
        "VALIDATED": ToolMode.AUTO,
        "ANY": ToolMode.REQUIRED,
        "NONE": ToolMode.NONE,
    }
)


def tools(fields: Fields, notes: Notes) -> Iterator[Tool]:
    """The caller's functions. Tools that Google runs are noted. Raises BadRequest."""
    for tool in fields.one_or_more("tools"):
        for name in tool:
            if name != "functionDeclarations":
                notes.only(f"tools[].{name[:MAX_NAME]}")
        for function in tool.one_or_more("functionDeclarations"):
            function.lose_others(_FUNCTION, notes)
            yield Tool(
                name=function.word("name"),
                description=function.text_or_empty("description"),
                parameters=_parameters(function),
            )


def _parameters(function: Fields) -> Mapping[str, object] | None:
    if "parametersJsonSchema" in function:
        return function.json("parametersJsonSchema")
    if "parameters" in function:
        return json_schema(function.json("parameters"), function.at("parameters"))
    return None


def choice(fields: Fields, names: frozenset[str], notes: Notes) -> ToolChoice | None:
    """The choice among functions of these `names`, None if nothing is said. Raises BadRequest."""
    config = fields.inner_or_none("toolConfig")
    if config is None:
        return None
    config.lose_others(_CONFIG, notes)
    for name in ("retrievalConfig", "includeServerSideToolInvocations"):
        if config.get(name):
            notes.only(config.at(name))
    calling = config.inner_or_none("functionCallingConfig")
    return None if calling is None else _choice(calling, names, notes)


def _choice(calling: Fields, names: frozenset[str], notes: Notes) -> ToolChoice:
    calling.lose_others(_CALLING, notes)
    word = calling.text_or_empty("mode").upper()
    if word not in _MODES:
        raise BadRequest(calling.at("mode"), "must be AUTO, ANY, NONE or VALIDATED")
    if word == "VALIDATED":
        notes.lose(f"{calling.at('mode')}=VALIDATED")
    mode, allowed = _MODES[word], frozenset(calling.texts("allowedFunctionNames"))
    if mode is ToolMode.REQUIRED and len(allowed) == 1:
        return ToolChoice(mode=ToolMode.NAMED, name=min(allowed))
    if allowed and mode is not ToolMode.NONE and not allowed >= names:
        # Some of several: others take one or all of them.
        notes.only(calling.at("allowedFunctionNames"))
    return ToolChoice(mode=mode)
