"""What of a request a deployment's protocol cannot carry, told before it is called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from dataplane.chat.model import ChatRequest, FormatKind, Image, Part, Role, Thinking, ToolCall, ToolMode, ToolResult
from dataplane.provider import conversation
from dataplane.provider.carriage import Carriage, carriage
from dataplane.provider.model import CallFailure
from dataplane.snapshot.model import Deployment

Kind = TypeVar("Kind", bound=Part)
Kinds = frozenset[type[Part]]
"""What is said in a request: only what occurs is looked at."""
_WITH_IMAGES: Kinds = frozenset((Image, ToolResult))
_OF_TOOLS: Kinds = frozenset((ToolCall, ToolResult))


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Names of what is lost, in a fixed order.

    `dropped` is left away, and the answer is still one to the question that was asked. With `impossible` it would not be, or
    the provider would refuse: such a deployment is not to be called.
    """

    dropped: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()


def losses(request: ChatRequest, deployment: Deployment) -> Losses:
    """What `deployment` cannot carry of `request`.

    Names are those of the request's fields: `thinking`, `reasoning`, `seed`, `temperature`, `top_p`, `top_k`,
    `frequency_penalty`, `presence_penalty`, `metadata` are dropped; `image`, `image_url`, `tools`, `tool_choice`,
    `parallel_tool_calls`, `tool_arguments`, `tool_name`, `json`, `json_schema`, `stop` and `messages` are impossible.
    """
    how = carriage(deployment)
    kinds = frozenset([type(part) for message in request.messages for part in message.parts])
    return Losses(
        dropped=tuple(dict.fromkeys(_dropped(request, how, kinds))),
        impossible=tuple(dict.fromkeys(_impossible(request, how, kinds))),
    )


def _dropped(request: ChatRequest, how: Carriage, kinds: Kinds) -> Iterator[str]:
    if Thinking in kinds and any(part.protocol not in how.thinking for part in _parts(request, Thinking)):
        yield "thinking"
    if request.reasoning is not None and not how.reasoning:
        yield "reasoning"
    if request.seed is not None and not how.seed:
        yield "seed"
    for name in ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty"):
        if getattr(request.sampling, name) is not None and name not in how.sampling:
            yield name
    choice = conversation.chosen(request)
    if (
        choice is not None
        and choice.disable_parallel
        and not how.single_calls
        and not conversation.one_of_several(choice)
    ):
        yield "parallel_tool_calls"
    if request.metadata and request.metadata.keys() - how.metadata:
        yield "metadata"


def _impossible(request: ChatRequest, how: Carriage, kinds: Kinds) -> Iterator[str]:
    if kinds & _WITH_IMAGES:
        yield from _impossible_images(request, how)
    if request.tools or kinds & _OF_TOOLS:
        yield from _impossible_tools(request, how)
    if request.response_format.kind not in how.formats:
        yield "json" if request.response_format.kind is FormatKind.JSON else "json_schema"
    if len(request.stop) > how.stops:
        yield "stop"
    if how.needs_user and not any(message.role is not Role.SYSTEM for message in request.messages):
        yield "messages"


def _impossible_images(request: ChatRequest, how: Carriage) -> Iterator[str]:
    images = _images(request)
    if (images and not how.images) or not all(_is_of_type(image, how) for image in images):
        yield "image"
    if not all(image.url.startswith(how.image_urls) for image in images if image.url):
        yield "image_url"
    if not how.result_images and any(result.images for result in _parts(request, ToolResult)):
        yield "image"


def _impossible_tools(request: ChatRequest, how: Carriage) -> Iterator[str]:
    choice = conversation.chosen(request)
    if request.tools and not how.tools:
        yield "tools"
    offered = bool(request.tools) and (choice is None or choice.mode is not ToolMode.NONE)
    if choice is not None and choice.mode in (ToolMode.REQUIRED, ToolMode.NAMED) and choice.mode not in how.choices:
        yield "tool_choice"
    if how.offers_called and not offered and conversation.uses_tools(request):
        yield "tool_choice" if request.tools else "tools"
    if conversation.one_of_several(choice) and not how.single_calls:
        yield "parallel_tool_calls"
    if how.argument_objects and not all(_has_object(call) for call in _parts(request, ToolCall)):
        yield "tool_arguments"
    if how.result_names:
        names = conversation.tool_names(request)
        if not all(result.name or names.get(result.tool_call_id) for result in _parts(request, ToolResult)):
            yield "tool_name"


def _is_of_type(image: Image, how: Carriage) -> bool:
    return how.image_types is None or not image.media_type or image.media_type in how.image_types


def _has_object(call: ToolCall) -> bool:
    try:
        conversation.arguments_of(call)
    except CallFailure:
        return False
    return True


def _images(request: ChatRequest) -> list[Image]:
    return [*_parts(request, Image), *(image for result in _parts(request, ToolResult) for image in result.images)]


def _parts(request: ChatRequest, kind: type[Kind]) -> list[Kind]:
    return [part for message in request.messages for part in message.parts if isinstance(part, kind)]
