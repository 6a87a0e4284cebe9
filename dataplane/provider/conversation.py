"""What all wire protocols need to know about a request."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from dataplane.chat.model import (
    ChatRequest,
    Image,
    Message,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolMode,
    ToolResult,
)
from dataplane.provider import json_text
from dataplane.provider.failure import Fault, not_sent
from dataplane.provider.model import Call, CallFailure, EmbedCall
from dataplane.snapshot.model import Deployment

Json = dict[str, object]

PARTS_BY_ROLE: Mapping[Role, tuple[type[Part], ...]] = {
    Role.SYSTEM: (Text,),
    Role.USER: (Text, Image, ToolResult),
    Role.ASSISTANT: (Text, ToolCall, Thinking),
    Role.TOOL: (ToolResult,),
}
"""What each role can say at every provider."""


def check_parts(request: ChatRequest) -> None:
    """Raises CallFailure `bad_request` for a part that its role cannot say anywhere."""
    for number, message in enumerate(request.messages):
        allowed = PARTS_BY_ROLE[message.role]
        for position, part in enumerate(message.parts):
            if not isinstance(part, allowed):
                names = " or ".join(kind.__name__ for kind in allowed)
                raise not_sent(
                    f"messages[{number}].parts[{position}]",
                    f"a {message.role} message takes {names}, not {type(part).__name__}",
                )


def model_name(deployment: Deployment) -> str:
    """The model's name at the provider."""
    return deployment.provider_model or deployment.model


def output_limit(call: Call) -> int:
    """The most output tokens: the least of the decision's limit, the request's own and the model's; 0 if there is none."""
    limits = (call.max_output_tokens, call.request.max_output_tokens or 0, call.deployment.max_output_tokens)
    return min((limit for limit in limits if limit > 0), default=0)


def options_of(call: Call) -> Mapping[str, object]:
    """The caller's settings for the deployment's provider."""
    return call.request.provider_options.get(call.deployment.provider, {})


def system_texts(request: ChatRequest) -> list[str]:
    """The texts of all system messages, in order, without empty ones."""
    return [
        part.text
        for message in request.messages
        if message.role is Role.SYSTEM
        for part in message.parts
        if isinstance(part, Text) and part.text
    ]


def turns(request: ChatRequest) -> Iterator[tuple[bool, list[Part]]]:
    """The conversation without system messages as turns of `(by the model, parts)`.

    Neighbours of one side become one turn: providers want all results of parallel calls together.
    """
    spoken = (message for message in request.messages if message.role is not Role.SYSTEM)
    for by_model, messages in groupby(spoken, key=_is_by_model):
        yield by_model, [part for message in messages for part in message.parts]


def messages(request: ChatRequest, content: Callable[[list[Part]], Iterable[Json]]) -> list[Json]:
    """Turns as messages of content blocks, less those without any. Raises CallFailure `unsupported` where there is none."""
    told: list[Json] = [
        {"role": "assistant" if by_model else "user", "content": blocks}
        for by_model, parts in turns(request)
        if (blocks := list(content(parts)))
    ]
    if not told:
        raise not_sent("messages", "this provider needs a message of the user", fault=Fault.UNSUPPORTED)
    return told


def uses_tools(request: ChatRequest) -> bool:
    """Whether tools were called in the conversation so far."""
    return any(isinstance(part, ToolCall | ToolResult) for message in request.messages for part in message.parts)


def tool_names(request: ChatRequest) -> dict[str, str]:
    """Names of the tools that were called, by the id of the call."""
    calls = (part for message in request.messages for part in message.parts if isinstance(part, ToolCall))
    return {call.id: call.name for call in calls}


def arguments_of(call: ToolCall) -> dict[str, object]:
    """A tool call's arguments as an object. Raises CallFailure `unsupported` where they are none: other protocols take text."""
    try:
        value = json_text.parse(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        value = None
    if not isinstance(value, dict):
        reason = f"the arguments of tool call {call.id!r} are no JSON object, which this provider wants"
        raise not_sent("messages", reason, fault=Fault.UNSUPPORTED)
    return value


def media_type(image: Image) -> str:
    """The media type of a picture that is carried along. Raises CallFailure `bad_request` where it is missing."""
    if not image.media_type:
        raise not_sent("messages", "an image with data needs its media_type, such as image/png")
    return image.media_type


def no_embeddings(call: EmbedCall) -> CallFailure:
    """The failure that embeddings are at a protocol that has none."""
    return not_sent("texts", f"{call.deployment.protocol} has no embeddings", fault=Fault.UNSUPPORTED)


def chosen(request: ChatRequest) -> ToolChoice | None:
    """The tool choice, if there is a tool to choose: without one providers refuse the setting."""
    return request.tool_choice if request.tools else None


def one_of_several(choice: ToolChoice | None) -> bool:
    """Whether a provider must keep the model from calling more than one tool; with one that is named there are no others."""
    return choice is not None and choice.disable_parallel and choice.mode is not ToolMode.NAMED


def must_call(choice: ToolChoice | None) -> bool:
    """Whether some tool must be called."""
    return choice is not None and choice.mode in (ToolMode.REQUIRED, ToolMode.NAMED)


def _is_by_model(message: Message) -> bool:
    return message.role is Role.ASSISTANT
