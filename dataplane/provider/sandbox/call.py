"""A call in the words that all wire protocols share."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Schema = Mapping[str, object]


class ProtocolName(StrEnum):
    """A wire protocol that the sandbox speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"


class ToolMode(StrEnum):
    """Whether tools may, must or must not be called."""

    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


class Format(StrEnum):
    """The form asked for the answer."""

    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the caller offers, with the JSON schema of its arguments."""

    name: str
    schema: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolChoice:
    """Which tools may be called; `names` empty means all, `parallel` more than one at a time."""

    mode: ToolMode = ToolMode.AUTO
    names: tuple[str, ...] = ()
    parallel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """The form asked for, with the JSON schema where there is one."""

    kind: Format = Format.TEXT
    schema: Schema | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads.

    `parts` are all texts in order (tools, system, messages), `cacheable` is how many of them, from the first,
    may come from a prefix cache. `question` is the text of the last user turn; `after_tool` says that the last
    turn gives results of tools.
    """

    parts: tuple[str, ...]
    question: str
    cacheable: int
    images: int = 0
    image_tokens: int = 0
    after_tool: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked. `max_tokens` None means the model's own limit.

    With `dimensions` each part of the prompt is to become a vector of so many numbers, and nothing is answered.
    """

    model: str
    prompt: Prompt
    stream: bool = False
    include_usage: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    format: AnswerFormat = AnswerFormat()
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    reasoning: bool = True
    show_reasoning: bool = False
    dimensions: int | None = None
    packed: bool = False
