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
    MISTRAL = "mistral"
    GROQ = "groq"
    DEEPSEEK = "deepseek"
    OPENROUTER = "openrouter"
    TOGETHER = "together"
    OLLAMA = "ollama"
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


def but(why: str) -> Cell:
    """Works, with a remark."""
    return Cell(why=why)


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


PASSED_ON = but("passed on as asked; the sandbox has none to give back")
OPENAIS: tuple[Kind, ...] = tuple(set(Kind).difference((Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK)))
NO_REASONING = dict.fromkeys((Kind.MISTRAL, Kind.GROQ, Kind.TOGETHER, Kind.OLLAMA), dropped("reasoning"))
"""Models there that do not reason, or that cannot be told how hard to."""
UNSHOWN: Mapping[Kind, Cell] = {
    **dict.fromkeys(OPENAIS, but("it is told how hard to think; the thinking is not given out")),
    **NO_REASONING,
}
NOT_OPENAI = (Kind.ANTHROPIC, Kind.GEMINI, Kind.BEDROCK)
NO_SEED = dict.fromkeys((Kind.DEEPSEEK, Kind.ANTHROPIC, Kind.BEDROCK), dropped("seed"))
NO_PENALTY = dict.fromkeys((Kind.ANTHROPIC, Kind.BEDROCK), dropped("frequency_penalty"))
NO_METADATA = dict.fromkeys(set(Kind).difference((Kind.OPENAI, Kind.AZURE)), dropped("metadata"))
NO_TOP_K = dict.fromkeys(
    (Kind.OPENAI, Kind.AZURE, Kind.MISTRAL, Kind.GROQ, Kind.DEEPSEEK, Kind.OLLAMA), dropped("top_k")
)
ALWAYS_PARALLEL = {
    **dict.fromkeys(
        (Kind.DEEPSEEK, Kind.OLLAMA), refused("it does not look at `parallel_tool_calls`", "PROVIDER_REJECTED")
    ),
    Kind.GEMINI: refused("Gemini cannot be told to call one tool at a time", "PROVIDER_REJECTED"),
    Kind.BEDROCK: refused("Converse cannot be told to call one tool at a time", "PROVIDER_REJECTED"),
}
NO_PICTURES = {Kind.DEEPSEEK: refused("its models see no pictures", "PROVIDER_REJECTED")}
NO_ADDRESSES = {
    **NO_PICTURES,
    Kind.OLLAMA: refused("it fetches no pictures", "PROVIDER_REJECTED"),
    Kind.BEDROCK: refused("Converse fetches no pictures but from S3", "PROVIDER_REJECTED"),
}
NO_FORCE = {Kind.OLLAMA: refused("it does not look at `tool_choice`", "PROVIDER_REJECTED")}
NO_SCHEMA = {
    Kind.GROQ: refused("this model takes no schema there; others do", "PROVIDER_REJECTED"),
    Kind.DEEPSEEK: refused("it knows JSON mode alone", "PROVIDER_REJECTED"),
}


def elsewhere(own: Kind, cell: Cell) -> Mapping[Kind, Cell]:
    """The same everywhere but at `own`."""
    return {kind: cell for kind in Kind if kind is not own}


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
    ("forced tool", NO_FORCE),
    "tool call, streamed",
    "parallel tool calls",
    ("one tool call at a time", ALWAYS_PARALLEL),
    "tool results",
    ("schema (`.parse`)", NO_SCHEMA),
    "JSON mode",
    ("image", NO_PICTURES),
    ("image by address", NO_ADDRESSES),
    "stop",
    "temperature",
    ("seed", NO_SEED),
    ("frequency penalty", NO_PENALTY),
    "output limit",
    ("reasoning effort", NO_REASONING),
    ("metadata", NO_METADATA),
    ("log probabilities", {**dict.fromkeys(OPENAIS, PASSED_ON), **only_openai("log probabilities")}),
)
MESSAGES = _rows(
    Client.MESSAGES,
    "text",
    "text, async",
    "stream",
    "stream, async",
    "system prompt",
    "tool call",
    ("forced tool", NO_FORCE),
    "tool call, streamed",
    "parallel tool calls",
    ("one tool call at a time", ALWAYS_PARALLEL),
    "tool results",
    "failed tool",
    ("schema (`.parse`)", NO_SCHEMA),
    ("image", NO_PICTURES),
    ("image by address", NO_ADDRESSES),
    "stop",
    "temperature",
    ("top_k", NO_TOP_K),
    "output limit",
    ("thinking", UNSHOWN),
    ("thinking given back", NO_REASONING),
    ("Claude's thinking given to another", elsewhere(Kind.ANTHROPIC, dropped("thinking"))),
    ("user", elsewhere(Kind.ANTHROPIC, dropped("metadata"))),
    ("cache marks", elsewhere(Kind.ANTHROPIC, dropped("messages[].content[].cache_control"))),
    (
        "built-in tools",
        {**elsewhere(Kind.ANTHROPIC, refused("only Anthropic runs its own tools")), Kind.ANTHROPIC: PASSED_ON},
    ),
    "count tokens",
    "list of models",
)
CONTENT = _rows(
    Client.CONTENT,
    "text",
    "text, async",
    "stream",
    "system prompt",
    "tool call",
    ("forced tool", NO_FORCE),
    "tool call, streamed",
    "parallel tool calls",
    "tool results",
    ("tools called by the SDK", elsewhere(Kind.GEMINI, dropped("tools[].functionDeclarations[].responseJsonSchema"))),
    ("schema (`.parsed`)", NO_SCHEMA),
    "JSON mode",
    ("image", NO_PICTURES),
    "stop",
    "temperature",
    ("top_k", NO_TOP_K),
    ("seed", NO_SEED),
    "output limit",
    ("thinking", UNSHOWN),
    ("thinking given back", NO_REASONING),
    ("built-in tools", {**elsewhere(Kind.GEMINI, refused("only Gemini runs its own tools")), Kind.GEMINI: PASSED_ON}),
    "count tokens",
    "list of models",
)
NO_STORE = dict.fromkeys(Kind, refused("the gateway keeps no answers: send the whole conversation", "INVALID_FIELD"))
NO_RESPONSES = refused("its address has no /responses", "PROVIDER_REJECTED")
RESPONSES = _rows(
    Client.RESPONSES,
    "text",
    "text, async",
    "stream",
    "instructions",
    "tool call",
    ("forced tool", NO_FORCE),
    "tool call, streamed",
    "parallel tool calls",
    "tool results",
    ("schema (`.parse`)", NO_SCHEMA),
    ("image", NO_PICTURES),
    ("image by address", NO_ADDRESSES),
    "output limit",
    ("reasoning effort", NO_REASONING),
    ("reasoning given back", NO_REASONING),
    (
        "built-in tools",
        {
            **only_openai("tools of its own"),
            **dict.fromkeys(OPENAIS, NO_RESPONSES),
            **dict.fromkeys((Kind.OPENAI, Kind.GROQ, Kind.DEEPSEEK, Kind.OPENROUTER), PASSED_ON),
        },
    ),
    ("answers kept by the server", NO_STORE),
)
NO_VECTORS = {
    **dict.fromkeys((Kind.GROQ, Kind.DEEPSEEK), refused("it makes no vectors", "PROVIDER_REJECTED")),
    Kind.ANTHROPIC: refused("Anthropic makes no vectors", "PROVIDER_REJECTED"),
    Kind.BEDROCK: refused("Converse makes no vectors", "PROVIDER_REJECTED"),
}
EMBEDDINGS = _rows(
    Client.EMBEDDINGS,
    ("vectors", {**NO_VECTORS, Kind.GEMINI: but("usage is an estimate, for Gemini tells none")}),
    ("as floats", NO_VECTORS),
    ("dimensions", NO_VECTORS),
)
LANGCHAIN = _rows(
    Client.LANGCHAIN,
    "`invoke`",
    "`ainvoke`",
    "`stream`",
    "`bind_tools`",
    "tool results",
    ("`with_structured_output`", NO_SCHEMA),
    (
        "`with_structured_output` by a tool",
        {**dict.fromkeys(ALWAYS_PARALLEL, dropped("parallel_tool_calls")), **NO_FORCE},
    ),
    ("image", NO_PICTURES),
    "`use_responses_api`",
)
_IN_WORDS = dict.fromkeys(
    Kind, but("as JSON, with the schema in words: LiteLLM does so for names that are not Google's")
)
_ECHOED = dict.fromkeys(NOT_OPENAI, dropped("messages[].provider_specific_fields"))
LITELLM = (
    *_rows(
        Client.LITELLM_OPENAI,
        "text",
        "stream",
        "tool call",
        ("tool results", _ECHOED),
        ("schema", NO_SCHEMA),
        ("image", NO_PICTURES),
    ),
    *_rows(
        Client.LITELLM_ANTHROPIC,
        "text",
        "stream",
        "tool call",
        "tool results",
        ("schema", NO_FORCE),
        ("image", NO_PICTURES),
    ),
    *_rows(
        Client.LITELLM_GEMINI,
        "text",
        "stream",
        "tool call",
        "tool results",
        ("schema", _IN_WORDS),
        ("image", NO_PICTURES),
    ),
)
TABLE: tuple[Row, ...] = (*CHAT, *RESPONSES, *EMBEDDINGS, *MESSAGES, *CONTENT, *LANGCHAIN, *LITELLM)
"""Every promise."""
