"""What is promised of each SDK before each kind of provider: the tests hold to it, and docs/compatibility.md shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """A kind of provider behind the gateway: a column."""

    OPENAI = "openai"
    COMPATIBLE = "compatible"
    AZURE = "azure"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    BEDROCK = "bedrock"


class Client(StrEnum):
    """An SDK, and the face that it is a client of."""

    CHAT = "openai: chat completions"
    RESPONSES = "openai: responses"
    EMBEDDINGS = "openai: embeddings"
    MESSAGES = "anthropic: messages"
    CONTENT = "google-genai: generateContent"
    LANGCHAIN = "langchain-openai: ChatOpenAI"
    LITELLM_OPENAI = "litellm: openai/…"
    LITELLM_ANTHROPIC = "litellm: anthropic/…"
    LITELLM_GEMINI = "litellm: gemini/…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What comes of a feature at a kind of provider: it works, without what is `dropped`, or is refused.

    `dropped` are the words in `x-turnout-warning`. `reason` is the contract's, and `why` says it in a sentence.
    """

    dropped: tuple[str, ...] = ()
    reason: str = ""
    why: str = ""


YES = Cell()


def dropped(*names: str, why: str = "") -> Cell:
    """Works, without these."""
    return Cell(dropped=names, why=why)


def refused(why: str, reason: str = "NO_ELIGIBLE_TARGET") -> Cell:
    """Is refused before any provider is called."""
    return Cell(reason=reason, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A feature of a client: it works wherever `elsewhere` says nothing else. `feature` names its scenario in the tests."""

    client: Client
    feature: str
    elsewhere: Mapping[Kind, Cell] = field(default_factory=lambda: MappingProxyType({}))

    def at(self, kind: Kind) -> Cell:
        """What is promised there."""
        return self.elsewhere.get(kind, YES)


def _rows(client: Client, *features: str | tuple[str, Mapping[Kind, Cell]]) -> tuple[Row, ...]:
    pairs = [(each, {}) if isinstance(each, str) else each for each in features]
    return tuple(Row(client=client, feature=name, elsewhere=MappingProxyType(dict(cells))) for name, cells in pairs)


NOT_OPENAI = (Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK)
NO_SEED = dict.fromkeys((Kind.ANTHROPIC, Kind.BEDROCK), dropped("seed"))
NO_PENALTY = dict.fromkeys((Kind.ANTHROPIC, Kind.BEDROCK), dropped("frequency_penalty"))
NO_METADATA = dict.fromkeys((Kind.COMPATIBLE, Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK), dropped("metadata"))
ALWAYS_PARALLEL = {
    Kind.GEMINI: refused("Gemini cannot be told to call one tool at a time", "PROVIDER_REJECTED"),
    Kind.BEDROCK: refused("Converse cannot be told to call one tool at a time", "PROVIDER_REJECTED"),
}


def only_openai(what: str) -> Mapping[Kind, Cell]:
    """What no other protocol than OpenAI's has."""
    return dict.fromkeys(NOT_OPENAI, refused(f"only OpenAI's protocol has {what}"))


CHAT = _rows(
    Client.CHAT,
    "text",
    "text, async",
    "stream",
    "stream, async",
    "system prompt",
    "tool call",
    "forced tool",
    "tool call, streamed",
    "parallel tool calls",
    ("one tool call at a time", ALWAYS_PARALLEL),
    "tool results",
    "schema (`.parse`)",
    "JSON mode",
    "image",
    "image by address",
    "stop",
    "temperature",
    ("seed", NO_SEED),
    ("frequency penalty", NO_PENALTY),
    "output limit",
    "reasoning effort",
    ("metadata", NO_METADATA),
    ("log probabilities", only_openai("log probabilities")),
)
TABLE: tuple[Row, ...] = (*CHAT,)
"""Every promise."""
