"""The chat request, its answer and its stream as plain values, mirroring turnout.inference.v1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture: `data` with `media_type`, or an https `url`."""

    data: bytes = b""
    url: str = ""
    media_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call by the model; `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a called tool answered."""

    tool_call_id: str
    content: str
    is_error: bool = False
    name: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """What the model thought before it went on; `protocol` is the one that it came by, and the only one it can go back by.

    `signature` is the provider's seal on it; `redacted` is what only the provider can read, instead of a text.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    protocol: str = ""


Part = Text | Image | ToolCall | ToolResult | Thinking


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may call; `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, object] | None = None
    strict: bool = False


class ToolMode(StrEnum):
    """How free the model is to call tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Whether and which tool must be called; `name` with NAMED only."""

    mode: ToolMode = ToolMode.AUTO
    name: str = ""
    disable_parallel: bool = False


class FormatKind(StrEnum):
    """The form that an answer must have."""

    TEXT = "text"
    JSON = "json"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFormat:
    """The form, and the schema with JSON_SCHEMA."""

    kind: FormatKind = FormatKind.TEXT
    name: str = ""
    schema: Mapping[str, object] | None = None
    strict: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are drawn; the provider's default where None."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class Effort(StrEnum):
    """How hard a model is to think."""

    UNSPECIFIED = "unspecified"
    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoning:
    """How much a model may think before it answers; `max_tokens` 0 is no limit of its own.

    `include`: whether the thinking, or its summary, is to come with the answer.
    """

    effort: Effort = Effort.UNSPECIFIED
    max_tokens: int = 0
    include: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """What a caller wants answered. `provider_options` maps a provider to settings for its request's top level."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    response_format: ResponseFormat = field(default_factory=ResponseFormat)
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    max_output_tokens: int | None = None
    seed: int | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    provider_options: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: MappingProxyType({}))
    reasoning: Reasoning | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """Texts to be made into vectors, of so many `dimensions` as asked for; the model's own where 0."""

    texts: tuple[str, ...]
    dimensions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedResponse:
    """A vector for each text, in order."""

    vectors: tuple[tuple[float, ...], ...]
    usage: "Usage | None"
    provider_model: str = ""


class FinishReason(StrEnum):
    """Why an answer ended; UNKNOWN where the provider gives none."""

    UNKNOWN = "unknown"
    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call; cached and cache-write tokens are part of the input, reasoning tokens of the output."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatResponse:
    """A whole answer: text, tool-call and thinking parts, in the order in which they were made."""

    parts: tuple[Text | ToolCall | Thinking, ...]
    finish_reason: FinishReason
    usage: Usage | None
    provider_model: str = ""
    provider_response_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallDelta:
    """More of a tool call: `id` and `name` in its first event, then pieces of the arguments' JSON text."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingDelta:
    """More of what the model thinks: pieces of its text, then its signature; or something redacted, whole.

    A delta with a signature or with something redacted ends its thinking block; text after it begins the next one.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    protocol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """Usage so far; later ones replace earlier ones."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The provider said that the answer is whole."""

    reason: FinishReason
    provider_model: str = ""
    provider_response_id: str = ""


Told = TextDelta | ToolCallDelta | ThinkingDelta | UsageReport | Finished
"""What an answer tells, in our words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """An event of a stream that is passed on as it came: its bytes, blank line included, and what it tells."""

    data: bytes
    tells: tuple[Told, ...] = ()


StreamEvent = Told | Verbatim
"""What an adapter yields. A stream without `Finished` was cut."""
