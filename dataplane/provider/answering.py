"""The tool whose arguments are the answer, where a model cannot enforce the form that is asked for by itself."""

from dataplane.chat.model import ChatRequest, Tool, ToolChoice, ToolMode
from dataplane.provider import conversation


def name_for(request: ChatRequest) -> str:
    """A name that none of the caller's tools has."""
    name = request.response_format.name or "answer"
    taken = {tool.name for tool in request.tools}
    while name in taken:
        name += "_"
    return name


def tool(request: ChatRequest, name: str) -> Tool:
    """The tool: any JSON object where no schema is given."""
    form = request.response_format
    return Tool(
        name=name,
        description=form.description or "Gives the whole answer to the user, as one JSON object.",
        parameters=form.schema or {"type": "object", "additionalProperties": True},
    )


def forced(request: ChatRequest, name: str) -> ToolChoice:
    """With tools of the caller's the model calls one of them or answers; a tool that must be called is called first."""
    choice = conversation.chosen(request)
    if choice is not None and choice.mode is ToolMode.NAMED:
        return choice
    if request.tools and (choice is None or choice.mode is not ToolMode.NONE):
        return ToolChoice(mode=ToolMode.REQUIRED, disable_parallel=choice is not None and choice.disable_parallel)
    return ToolChoice(mode=ToolMode.NAMED, name=name)
