"""What a request consists of, and what is found in it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from turnout_wire.quick import quick


class Speaker(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class OutputFormat(StrEnum):
    """The form that an answer must have."""

    TEXT = "text"
    JSON = "json"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One message, as far as features look at it."""

    speaker: Speaker
    text: str
    images: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A request without its provider settings.

    `tool_text` is names, descriptions and schemas of the tools on offer, for counting tokens.
    """

    utterances: tuple[Utterance, ...]
    tools: int = 0
    tool_text: str = ""
    tool_required: bool = False
    output_format: OutputFormat = OutputFormat.TEXT
    max_output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Where a text lies among others: one signed byte for each dimension, in `values`.

    `encoder` names what made it; vectors of different encoders cannot be compared.
    """

    encoder: str
    values: bytes


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Facts about a request, none of them its text; the same as turnout.routing.v1.Features.

    Token counts are o200k tokens; `max_output_tokens` is 0 if the caller does not say; `language` is an
    ISO 639-1 code or empty; `signals` are the names of the rule set's patterns that matched, in its order.
    """

    input_tokens: int = 0
    last_user_tokens: int = 0
    turns: int = 0
    characters: int = 0
    code_blocks: int = 0
    code_lines: int = 0
    structured_lines: int = 0
    instructions: int = 0
    questions: int = 0
    answer_options: int = 0
    images: int = 0
    tools: int = 0
    tool_required: bool = False
    tool_results: int = 0
    retrieved_chunks: int = 0
    output_format: OutputFormat = OutputFormat.TEXT
    max_output_tokens: int = 0
    language: str = ""
    signals: tuple[str, ...] = field(default=())
    rule_set_digest: bytes = b""
    truncated: bool = False
    embedding: Embedding | None = None


class Patterns(Protocol):
    """A compiled set of named patterns."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the rule set that the patterns belong to."""
        ...

    def match(self, text: str) -> tuple[str, ...]:
        """Names of the patterns that occur in `text`, in the rule set's order."""
        ...
